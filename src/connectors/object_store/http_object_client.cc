#include "connectors/object_store/http_object_client.h"

#include <charconv>
#include <condition_variable>
#include <mutex>
#include <random>

namespace nstarx::connectors::object_store {

using connector::ByteStream;
using connector::ObjectInfo;

namespace {

constexpr int kAttempts = 3;
constexpr size_t kAnswerMax = 16 << 20;

bool MayHelpToRepeat(const net::HttpReply& reply) {
  return reply.status == 429 || reply.status == 500 || (reply.status >= 502 && reply.status <= 504);
}

bool MayHelpToRepeat(const Error& error) { return error.code() == "connection.lost"; }

}  // namespace

Status Pause(const Context& context, int attempt) {
  thread_local std::minstd_rand random(std::random_device{}());
  const int base = 50 << (2 * attempt);
  const std::chrono::milliseconds wait(base + static_cast<int>(random() % (base + 1)));
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, context.stop_token(), std::min(wait, context.remaining()),
                 [] { return false; });
  return context.Check();
}

int64_t ToInt(std::string_view text, int64_t fallback) {
  int64_t value = fallback;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc() && end == text.data() + text.size() ? value : fallback;
}

std::string Unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

TimePoint ParseHttpTime(std::string_view text) {
  std::tm parts{};
  if (strptime(std::string(text).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) {
    return {};
  }
  return TimePoint(std::chrono::seconds(timegm(&parts)));
}

std::string FormatHttpTime(TimePoint time) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], 1900 + parts.tm_year, parts.tm_hour, parts.tm_min,
                     parts.tm_sec);
}

std::string PercentDecode(std::string_view text, bool plus_is_blank) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    int byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr ==
            text.data() + i + 3) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

ObjectInfo InfoOf(const net::HttpReply& reply, std::string_view key) {
  ObjectInfo info;
  info.key = key;
  info.size = ToInt(reply.Header("content-length"), 0);
  info.modified = ParseHttpTime(reply.Header("last-modified"));
  info.etag = Unquoted(reply.Header("etag"));
  info.content_type = reply.Header("content-type");
  return info;
}

Status CheckPresign(std::string_view method, std::chrono::seconds expires) {
  if (method != "GET" && method != "PUT") {
    return InvalidArgument("object.invalid_method", "Only GET and PUT can be presigned")
        .WithDetail("field", "method");
  }
  if (expires < std::chrono::seconds(1) || expires > std::chrono::hours(24 * 7)) {
    return InvalidArgument("object.invalid_expiry", "A URL is good for one second to seven days")
        .WithDetail("field", "expires_in");
  }
  return {};
}

/// A GET that goes on from where a broken connection left it.
class ResumingGet final : public ByteStream {
 public:
  ResumingGet(HttpObjectClient& client, std::string key, int64_t offset,
              std::optional<int64_t> left)
      : client_(client), key_(std::move(key)), offset_(offset), left_(left) {}

  Status Start(const Context& context) {
    net::HttpReply reply;
    NSTARX_TRY(stream_, client_.StartGet(context, key_, offset_, left_, version_, reply));
    if (version_.empty()) {
      version_ = client_.VersionOf(reply);
      const int64_t size = ToInt(reply.Header("content-length"), -1);
      if (size >= 0) left_ = size;
    }
    return {};
  }

  Result<size_t> Read(const Context& context, std::span<std::byte> into) override {
    while (true) {
      if (left_ == 0) return size_t{0};
      Result<size_t> count = stream_->Read(context, into);
      if (count && *count > 0) {
        offset_ += static_cast<int64_t>(*count);
        if (left_) *left_ -= static_cast<int64_t>(*count);
        return count;
      }
      if (count && !left_) return count;
      const Error error = count ? Unavailable("connection.lost", "The object ended too early")
                                : std::move(count).error();
      if (!MayHelpToRepeat(error) || version_.empty() || ++resumed_ >= kAttempts) return error;
      NSTARX_RETURN_IF_ERROR(Pause(context, resumed_));
      stream_.reset();
      NSTARX_RETURN_IF_ERROR(Start(context));
    }
  }

 private:
  HttpObjectClient& client_;
  const std::string key_;
  int64_t offset_;
  std::optional<int64_t> left_;
  std::string version_;
  int resumed_ = 0;
  std::unique_ptr<ByteStream> stream_;
};

std::string HttpObjectClient::VersionOf(const net::HttpReply& reply) const {
  return std::string(reply.Header("etag"));
}

void HttpObjectClient::Pin(net::HttpRequest& request, const std::string& version) const {
  request.headers.emplace_back("If-Match", version);
}

Result<net::HttpReply> HttpObjectClient::Exchange(const Context& context,
                                                  const net::HttpRequest& request,
                                                  std::string_view subject, int also_good) {
  for (int attempt = 1;; ++attempt) {
    net::HttpRequest signed_request = request;
    NSTARX_RETURN_IF_ERROR(Authorize(context, signed_request));
    Result<net::HttpReply> reply = http_->Send(context, signed_request, kAnswerMax);
    if (reply && (reply->status < 300 || reply->status == also_good)) return reply;
    const bool again = reply ? MayHelpToRepeat(*reply) : MayHelpToRepeat(reply.error());
    if (!again || attempt == kAttempts) {
      if (!reply) return reply;
      return FailureOf(*reply, subject);
    }
    NSTARX_RETURN_IF_ERROR(Pause(context, attempt));
  }
}

Result<std::unique_ptr<ByteStream>> HttpObjectClient::StartGet(const Context& context,
                                                               std::string_view key, int64_t offset,
                                                               std::optional<int64_t> length,
                                                               const std::string& version,
                                                               net::HttpReply& reply) {
  for (int attempt = 1;; ++attempt) {
    net::HttpRequest request = GetRequest(key);
    if (length) {
      request.headers.emplace_back("Range",
                                   fmt::format("bytes={}-{}", offset, offset + *length - 1));
    } else if (offset > 0) {
      request.headers.emplace_back("Range", fmt::format("bytes={}-", offset));
    }
    if (!version.empty()) Pin(request, version);
    NSTARX_RETURN_IF_ERROR(Authorize(context, request));
    reply = {};
    auto stream = http_->Start(context, request, reply);
    if (stream && reply.status < 300) return stream;
    const bool again = stream ? MayHelpToRepeat(reply) : MayHelpToRepeat(stream.error());
    if (!again || attempt == kAttempts) {
      if (!stream) return stream;
      return FailureOf(reply, key);
    }
    stream = std::unique_ptr<ByteStream>();  // gives its connection back before the wait
    NSTARX_RETURN_IF_ERROR(Pause(context, attempt));
  }
}

Result<std::unique_ptr<ByteStream>> HttpObjectClient::Get(const Context& context,
                                                          std::string_view key,
                                                          connector::ObjectRange range) {
  if (range.offset < 0 || (range.length && *range.length < 1)) {
    return InvalidArgument("object.invalid_range", "The range is empty or begins below zero");
  }
  auto stream = std::make_unique<ResumingGet>(*this, std::string(key), range.offset, range.length);
  NSTARX_RETURN_IF_ERROR(stream->Start(context));
  return std::unique_ptr<ByteStream>(std::move(stream));
}

}  // namespace nstarx::connectors::object_store
