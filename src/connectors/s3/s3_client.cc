#include "connectors/s3/s3_client.h"

#include <charconv>
#include <random>

#include "connectors/aws/aws_errors.h"
#include "connectors/aws/sigv4.h"
#include "connectors/aws/xml.h"
#include "connectors/s3/s3_errors.h"

namespace nstarx::connectors::s3 {
namespace {

using connector::ByteStream;
using connector::ObjectInfo;
using connector::ObjectPage;

constexpr int kAttempts = 3;
constexpr size_t kAnswerMax = 16 << 20;

bool MayHelpToRepeat(const net::HttpReply& reply) {
  return reply.status == 429 || reply.status == 500 || (reply.status >= 502 && reply.status <= 504);
}

bool MayHelpToRepeat(const Error& error) { return error.code() == "connection.lost"; }

/// Waits with jitter before the next attempt; stops with the context.
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

/// "Mon, 23 Nov 2026 07:18:19 GMT".
TimePoint HttpTime(std::string_view text) {
  std::tm parts{};
  if (strptime(std::string(text).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) {
    return {};
  }
  return TimePoint(std::chrono::seconds(timegm(&parts)));
}

/// Undoes the url encoding of listings.
std::string Decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    int byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr ==
            text.data() + i + 3) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

aws::ServiceFailure FailureOf(const net::HttpReply& reply) {
  aws::ServiceFailure failure = aws::ReadFailure(reply.status, reply.body);
  if (failure.region.empty()) failure.region = reply.Header("x-amz-bucket-region");
  return failure;
}

ObjectInfo InfoOf(const net::HttpReply& reply, std::string_view key) {
  ObjectInfo info;
  info.key = key;
  info.size = ToInt(reply.Header("content-length"), 0);
  info.modified = HttpTime(reply.Header("last-modified"));
  info.etag = Unquoted(reply.Header("etag"));
  info.content_type = reply.Header("content-type");
  return info;
}

}  // namespace

/// A GET that goes on from where a broken connection left it.
class ResumingGet final : public ByteStream {
 public:
  ResumingGet(S3Client& client, std::string key, int64_t offset, std::optional<int64_t> left)
      : client_(client), key_(std::move(key)), offset_(offset), left_(left) {}

  Status Start(const Context& context) {
    net::HttpReply reply;
    NSTARX_TRY(stream_, client_.StartGet(context, key_, offset_, left_, etag_, reply));
    if (etag_.empty()) {
      etag_ = reply.Header("etag");
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
      if (!MayHelpToRepeat(error) || etag_.empty() || ++resumed_ >= kAttempts) return error;
      NSTARX_RETURN_IF_ERROR(Pause(context, resumed_));
      stream_.reset();
      NSTARX_RETURN_IF_ERROR(Start(context));
    }
  }

 private:
  S3Client& client_;
  const std::string key_;
  int64_t offset_;
  std::optional<int64_t> left_;
  std::string etag_;
  int resumed_ = 0;
  std::unique_ptr<ByteStream> stream_;
};

S3Client::S3Client(const S3Settings& settings, std::shared_ptr<aws::CredentialSource> credentials,
                   std::unique_ptr<net::HttpClient> http, const Clock& clock)
    : settings_(settings),
      credentials_(std::move(credentials)),
      http_(std::move(http)),
      clock_(clock) {}

net::HttpRequest S3Client::Request(std::string method, std::string_view key) const {
  net::HttpRequest request;
  request.method = std::move(method);
  request.service = settings_.service;
  request.path = settings_.PathOf(key);
  return request;
}

Status S3Client::Sign(const Context& context, net::HttpRequest& request) {
  NSTARX_TRY(const aws::CredentialsPtr credentials, credentials_->Get(context));
  if (credentials != nullptr) {
    aws::SignRequest(request, *credentials, {settings_.region, "s3"}, clock_.Now());
  }
  return {};
}

Result<net::HttpReply> S3Client::Exchange(const Context& context, const net::HttpRequest& request,
                                          std::string_view subject) {
  for (int attempt = 1;; ++attempt) {
    net::HttpRequest signed_request = request;
    NSTARX_RETURN_IF_ERROR(Sign(context, signed_request));
    Result<net::HttpReply> reply = http_->Send(context, signed_request, kAnswerMax);
    if (reply && reply->status < 300) return reply;
    const bool again = reply ? MayHelpToRepeat(*reply) : MayHelpToRepeat(reply.error());
    if (!again || attempt == kAttempts) {
      if (!reply) return reply;
      return FromS3Failure(FailureOf(*reply), subject);
    }
    NSTARX_RETURN_IF_ERROR(Pause(context, attempt));
  }
}

Result<ObjectPage> S3Client::List(const Context& context, std::string_view prefix,
                                  std::string_view delimiter, int64_t limit,
                                  std::string_view continuation) {
  net::HttpRequest request = Request("GET", "");
  request.query = {{"list-type", "2"},
                   {"encoding-type", "url"},
                   {"max-keys", fmt::format("{}", std::clamp<int64_t>(limit, 1, 1000))}};
  if (!prefix.empty()) request.query.emplace_back("prefix", prefix);
  if (!delimiter.empty()) request.query.emplace_back("delimiter", delimiter);
  if (!continuation.empty()) request.query.emplace_back("continuation-token", continuation);
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, settings_.bucket));
  NSTARX_TRY(const aws::XmlElement root, aws::ParseXml(reply.body));
  ObjectPage page;
  for (const aws::XmlElement& element : root.children) {
    if (element.name == "Contents") {
      ObjectInfo info;
      info.key = Decoded(element.TextOf("Key"));
      info.size = ToInt(element.TextOf("Size"), 0);
      info.etag = Unquoted(element.TextOf("ETag"));
      if (const auto time = ParseTime(element.TextOf("LastModified"))) info.modified = *time;
      page.items.push_back(std::move(info));
    } else if (element.name == "CommonPrefixes") {
      page.prefixes.push_back(Decoded(element.TextOf("Prefix")));
    } else if (element.name == "NextContinuationToken") {
      page.next = element.text;
    }
  }
  if (root.TextOf("IsTruncated") != "true") page.next.clear();
  return page;
}

Result<ObjectInfo> S3Client::Head(const Context& context, std::string_view key) {
  auto reply = Exchange(context, Request("HEAD", key), key);
  if (reply) return InfoOf(*reply, key);
  if (reply.error().code() == "object.not_found" ||
      reply.error().kind() == ErrorKind::kUnavailable) {
    return reply.error();
  }
  // A HEAD's refusal has no body; a GET's says why.
  net::HttpReply head;
  auto probe = StartGet(context, key, 0, 1, {}, head);
  return probe ? reply.error() : std::move(probe).error();
}

Result<std::unique_ptr<ByteStream>> S3Client::StartGet(const Context& context, std::string_view key,
                                                       int64_t offset,
                                                       std::optional<int64_t> length,
                                                       std::string_view etag,
                                                       net::HttpReply& reply) {
  for (int attempt = 1;; ++attempt) {
    net::HttpRequest request = Request("GET", key);
    if (length) {
      request.headers.emplace_back("Range",
                                   fmt::format("bytes={}-{}", offset, offset + *length - 1));
    } else if (offset > 0) {
      request.headers.emplace_back("Range", fmt::format("bytes={}-", offset));
    }
    if (!etag.empty()) request.headers.emplace_back("If-Match", etag);
    NSTARX_RETURN_IF_ERROR(Sign(context, request));
    reply = {};
    auto stream = http_->Start(context, request, reply);
    if (stream && reply.status < 300) return stream;
    const bool again = stream ? MayHelpToRepeat(reply) : MayHelpToRepeat(stream.error());
    if (!again || attempt == kAttempts) {
      if (!stream) return stream;
      return FromS3Failure(FailureOf(reply), key);
    }
    stream = std::unique_ptr<ByteStream>();  // gives its connection back before the wait
    NSTARX_RETURN_IF_ERROR(Pause(context, attempt));
  }
}

Result<std::unique_ptr<ByteStream>> S3Client::Get(const Context& context, std::string_view key,
                                                  connector::ObjectRange range) {
  if (range.offset < 0 || (range.length && *range.length < 1)) {
    return InvalidArgument("object.invalid_range", "The range is empty or begins below zero");
  }
  auto stream = std::make_unique<ResumingGet>(*this, std::string(key), range.offset, range.length);
  NSTARX_RETURN_IF_ERROR(stream->Start(context));
  return std::unique_ptr<ByteStream>(std::move(stream));
}

Result<std::string> S3Client::Put(const Context& context, std::string_view key,
                                  std::string_view content, std::string_view content_type) {
  net::HttpRequest request = Request("PUT", key);
  if (!content_type.empty()) request.headers.emplace_back("Content-Type", content_type);
  request.body = content;
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  return Unquoted(reply.Header("etag"));
}

Status S3Client::Delete(const Context& context, std::string_view key) {
  NSTARX_RETURN_IF_ERROR(Exchange(context, Request("DELETE", key), key));
  return {};
}

Result<std::string> S3Client::Presign(const Context& context, std::string_view method,
                                      std::string_view key, std::chrono::seconds expires) {
  if (method != "GET" && method != "PUT") {
    return InvalidArgument("object.invalid_method", "Only GET and PUT can be presigned")
        .WithDetail("field", "method");
  }
  if (expires < std::chrono::seconds(1) || expires > std::chrono::hours(24 * 7)) {
    return InvalidArgument("object.invalid_expiry", "A URL is good for one second to seven days")
        .WithDetail("field", "expires_in");
  }
  NSTARX_TRY(const aws::CredentialsPtr credentials, credentials_->Get(context));
  if (credentials == nullptr) return Request("GET", key).Url();
  return aws::PresignUrl(Request(std::string(method), key), *credentials, {settings_.region, "s3"},
                         clock_.Now(), expires);
}

Result<std::string> S3Client::CreateUpload(const Context& context, std::string_view key,
                                           std::string_view content_type) {
  net::HttpRequest request = Request("POST", key);
  request.query = {{"uploads", ""}};
  if (!content_type.empty()) request.headers.emplace_back("Content-Type", content_type);
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  NSTARX_TRY(const aws::XmlElement root, aws::ParseXml(reply.body));
  const std::string_view id = root.TextOf("UploadId");
  if (id.empty()) {
    return Unavailable("response.malformed", "The server began an upload without an id");
  }
  return std::string(id);
}

Result<UploadedPart> S3Client::UploadPart(const Context& context, std::string_view key,
                                          std::string_view upload_id, int number,
                                          std::string_view content) {
  net::HttpRequest request = Request("PUT", key);
  request.query = {{"partNumber", fmt::format("{}", number)}, {"uploadId", std::string(upload_id)}};
  request.body = content;
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  return UploadedPart{.number = number, .etag = std::string(reply.Header("etag"))};
}

Result<std::string> S3Client::CompleteUpload(const Context& context, std::string_view key,
                                             std::string_view upload_id,
                                             const std::vector<UploadedPart>& parts) {
  std::string body = "<CompleteMultipartUpload>";
  for (const UploadedPart& part : parts) {
    body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", part.number,
                        aws::EscapeXml(part.etag));
  }
  body += "</CompleteMultipartUpload>";
  net::HttpRequest request = Request("POST", key);
  request.query = {{"uploadId", std::string(upload_id)}};
  request.headers = {{"Content-Type", "application/xml"}};
  request.body = body;
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  // The service may answer 200 and put the failure into the body.
  const aws::ServiceFailure failure = aws::ReadFailure(500, reply.body);
  if (!failure.code.empty()) return FromS3Failure(failure, key);
  NSTARX_TRY(const aws::XmlElement root, aws::ParseXml(reply.body));
  return Unquoted(root.TextOf("ETag"));
}

Status S3Client::AbortUpload(const Context& context, std::string_view key,
                             std::string_view upload_id) {
  net::HttpRequest request = Request("DELETE", key);
  request.query = {{"uploadId", std::string(upload_id)}};
  NSTARX_RETURN_IF_ERROR(Exchange(context, request, key));
  return {};
}

}  // namespace nstarx::connectors::s3
