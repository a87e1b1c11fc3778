#include "net/http_client.h"

#include <curl/curl.h>

#include <cstring>

namespace nstarx::net {
namespace {

constexpr size_t kBufferedMax = 1 << 20;
constexpr size_t kErrorBodyMax = 64 << 10;
constexpr size_t kHeadersMax = 64 << 10;

struct CurlSlistDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct CurlEasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct CurlMultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// What curl's result code means, in our words. The vendor's text names hosts but no secrets.
Error FromCurl(CURLcode code, const char* text, bool connected) {
  const std::string detail = *text != '\0' ? text : curl_easy_strerror(code);
  const auto make = [&](ErrorKind kind, const char* error_code, std::string_view stage) {
    return Error(kind, error_code, fmt::format("The request to the server failed: {}", detail))
        .WithStage(stage)
        .WithVendorCode(fmt::format("curl {}", static_cast<int>(code)));
  };
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return make(ErrorKind::kUnavailable, "dns.not_found", "resolve");
    case CURLE_COULDNT_CONNECT:
      return make(ErrorKind::kUnavailable, "tcp.refused", "tcp");
    case CURLE_OPERATION_TIMEDOUT:
      return connected ? make(ErrorKind::kDeadlineExceeded, "request.timeout", "query")
                       : make(ErrorKind::kUnavailable, "tcp.timeout", "tcp");
    case CURLE_PEER_FAILED_VERIFICATION:
      return make(ErrorKind::kUnavailable, "tls.unknown_ca", "tls");
    case CURLE_SSL_CERTPROBLEM:
      return make(ErrorKind::kInvalidArgument, "tls.malformed_client_certificate", "tls");
    case CURLE_SSL_CACERT_BADFILE:
      return make(ErrorKind::kInvalidArgument, "tls.malformed_ca", "tls");
    case CURLE_AUTH_ERROR:
      return make(ErrorKind::kUnauthenticated, "login.kerberos_failed", "login");
    case CURLE_SSL_CONNECT_ERROR:
      return make(ErrorKind::kUnavailable, "tls.handshake_failed", "tls");
    default:
      return make(ErrorKind::kUnavailable, "connection.lost", "query");
  }
}

}  // namespace

struct HttpClient::Impl {
  HttpOptions options;
  std::unique_ptr<CURLM, CurlMultiDeleter> multi;
};

namespace {

/// One request in flight, driven by whoever reads it.
class Transfer final : public connector::ByteStream {
 public:
  explicit Transfer(HttpClient::Impl& client) : client_(client) {}
  ~Transfer() override {
    if (easy_) curl_multi_remove_handle(client_.multi.get(), easy_.get());
  }

  Status Begin(const HttpRequest& request) {
    easy_.reset(curl_easy_init());
    if (!easy_) return Error(ErrorKind::kResourceExhausted, "request.no_handle", "No HTTP handle");
    SetUp(request);
    if (curl_multi_add_handle(client_.multi.get(), easy_.get()) != CURLM_OK) {
      return Internal("The HTTP request could not be started");
    }
    return {};
  }

  /// Drives until `ready` holds or the transfer is over.
  template <class Ready>
  Status Drive(const Context& context, const Ready& ready) {
    std::stop_callback wake(context.stop_token(),
                            [this] { curl_multi_wakeup(client_.multi.get()); });
    const auto begun = Context::SteadyClock::now();
    uint64_t seen = received_;
    auto seen_at = begun;
    while (true) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      int running = 0;
      if (curl_multi_perform(client_.multi.get(), &running) != CURLM_OK) {
        return Internal("The HTTP requests could not be driven");
      }
      CollectResults();
      if (done_ || ready()) return {};
      const auto now = Context::SteadyClock::now();
      if (received_ != seen) {
        seen = received_;
        seen_at = now;
      }
      if (now - seen_at > client_.options.request_timeout) {
        return DeadlineExceeded("request.timeout",
                                fmt::format("The server sent nothing for {} ms",
                                            client_.options.request_timeout.count()))
            .WithStage("query");
      }
      const auto wait =
          std::min<std::chrono::milliseconds>(context.remaining(), std::chrono::milliseconds(500));
      curl_multi_poll(client_.multi.get(), nullptr, 0, static_cast<int>(wait.count()) + 1, nullptr);
    }
  }

  Status AwaitHead(const Context& context) {
    NSTARX_RETURN_IF_ERROR(Drive(context, [this] { return head_done_; }));
    return done_ ? Outcome() : Status();
  }

  /// Reads all that is left, at most `limit` bytes; past that it is an error or a cut.
  Status ReadAll(const Context& context, size_t limit, bool cut, std::string& into) {
    std::array<std::byte, 32768> piece;
    while (true) {
      NSTARX_TRY(const size_t count, Read(context, piece));
      if (count == 0) return {};
      const size_t room = limit - into.size();
      into.append(reinterpret_cast<const char*>(piece.data()), std::min(count, room));
      if (count > room) {
        if (cut) return {};
        return Error(ErrorKind::kResourceExhausted, "response.too_large",
                     "The server's answer is larger than any answer should be");
      }
    }
  }

  Result<size_t> Read(const Context& context, std::span<std::byte> into) override {
    if (into.empty()) return size_t{0};
    if (buffer_.size() == offset_ && !done_) {
      Resume();
      NSTARX_RETURN_IF_ERROR(Drive(context, [this] { return buffer_.size() > offset_; }));
    }
    if (buffer_.size() == offset_) {
      NSTARX_RETURN_IF_ERROR(Outcome());
      return size_t{0};
    }
    const size_t count = std::min(into.size(), buffer_.size() - offset_);
    std::memcpy(into.data(), buffer_.data() + offset_, count);
    offset_ += count;
    if (offset_ == buffer_.size()) {
      buffer_.clear();
      offset_ = 0;
      if (!done_) Resume();
    }
    return count;
  }

  HttpReply& reply() { return reply_; }

 private:
  void SetUp(const HttpRequest& request) {
    CURL* easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_URL, request.Url().c_str());
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(client_.options.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "nstarx/" NSTARX_VERSION);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_.data());
    curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
    if (!client_.options.ca_pem.empty()) {
      curl_blob blob{const_cast<char*>(client_.options.ca_pem.data()),
                     client_.options.ca_pem.size(), CURL_BLOB_COPY};
      curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
      curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    }
    SetUpTls(easy);
    if (!client_.options.connect_to.empty()) {
      connect_to_.reset(curl_slist_append(nullptr, ("::" + client_.options.connect_to).c_str()));
      curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to_.get());
    }
    const bool has_body =
        !request.body.empty() || request.method == "PUT" || request.method == "POST";
    if (request.method == "HEAD") {
      curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (has_body) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
      // The size is set above. NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage)
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    } else if (request.method != "GET") {
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    if (request.fresh) curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    if (request.negotiate) {
      curl_easy_setopt(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_NEGOTIATE));
      curl_easy_setopt(easy, CURLOPT_USERPWD, ":");
    }
    AddHeaders(request, has_body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  }

  void SetUpTls(CURL* easy) {
    const HttpOptions& options = client_.options;
    if (!options.verify_chain) curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    if (!options.verify_name) curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    if (options.client_certificate.empty() || options.client_key == nullptr) return;
    curl_blob certificate{const_cast<char*>(options.client_certificate.data()),
                          options.client_certificate.size(), CURL_BLOB_COPY};
    curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &certificate);
    const std::string_view pem = options.client_key->Reveal();
    curl_blob key{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
    curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
  }

  void AddHeaders(const HttpRequest& request, bool has_body) {
    bool has_type = false;
    const auto append = [this](const std::string& line) {
      headers_.reset(curl_slist_append(headers_.release(), line.c_str()));
    };
    for (const auto& [name, value] : request.headers) {
      has_type = has_type || Lower(name) == "content-type";
      append(fmt::format("{}: {}", name, value));
    }
    append("Accept:");
    if (has_body) {
      append("Expect:");
      if (!has_type) append("Content-Type:");
    }
    curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, headers_.get());
  }

  static size_t OnHeader(char* data, size_t size, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const size_t bytes = size * count;
    const std::string_view line = Trim({data, bytes});
    transfer.received_ += bytes;
    transfer.header_bytes_ += bytes;
    if (transfer.header_bytes_ > kHeadersMax) return 0;
    if (line.starts_with("HTTP/")) {  // also after an interim 1xx head
      transfer.reply_.headers.clear();
      transfer.head_done_ = false;
    } else if (line.empty()) {
      long status = 0;
      curl_easy_getinfo(transfer.easy_.get(), CURLINFO_RESPONSE_CODE, &status);
      transfer.reply_.status = static_cast<int>(status);
      transfer.head_done_ = status >= 200;
    } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
      transfer.reply_.headers.emplace_back(Lower(line.substr(0, colon)),
                                           Trim(line.substr(colon + 1)));
    }
    return bytes;
  }

  static size_t OnBody(char* data, size_t size, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const size_t bytes = size * count;
    if (transfer.buffer_.size() - transfer.offset_ >= kBufferedMax) {
      transfer.paused_ = true;
      return CURL_WRITEFUNC_PAUSE;
    }
    transfer.received_ += bytes;
    transfer.buffer_.append(data, bytes);
    return bytes;
  }

  void Resume() {
    if (!paused_) return;
    paused_ = false;
    curl_easy_pause(easy_.get(), CURLPAUSE_CONT);
  }

  /// Notes the end of every transfer of this client, this one's or a sibling's.
  void CollectResults() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(client_.multi.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Transfer* owner = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
      owner->done_ = true;
      owner->result_ = message->data.result;
    }
  }

  Status Outcome() {
    if (result_ == CURLE_OK) return {};
    double connected = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_CONNECT_TIME, &connected);
    return FromCurl(result_, error_text_.data(), connected > 0);
  }

  HttpClient::Impl& client_;
  std::unique_ptr<CURL, CurlEasyDeleter> easy_;
  std::unique_ptr<curl_slist, CurlSlistDeleter> headers_;
  std::unique_ptr<curl_slist, CurlSlistDeleter> connect_to_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  HttpReply reply_;
  std::string buffer_;
  size_t offset_ = 0;  // read so far in buffer_
  size_t header_bytes_ = 0;
  uint64_t received_ = 0;
  bool head_done_ = false;
  bool paused_ = false;
  bool done_ = false;
  CURLcode result_ = CURLE_OK;
};

}  // namespace

std::string_view HttpReply::Header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_name) return value;
  }
  return {};
}

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::Open(HttpOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->multi.reset(curl_multi_init());
  if (!impl->multi) {
    return Error(ErrorKind::kResourceExhausted, "request.no_handle", "No HTTP handle");
  }
  curl_multi_setopt(impl->multi.get(), CURLMOPT_MAXCONNECTS, 4L);
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(impl)));
}

Result<HttpReply> HttpClient::Send(const Context& context, const HttpRequest& request,
                                   size_t body_max) {
  const Context bounded = context.WithTimeout(impl_->options.request_timeout);
  const auto whole = [&]() -> Result<HttpReply> {
    Transfer transfer(*impl_);
    NSTARX_RETURN_IF_ERROR(transfer.Begin(request));
    NSTARX_RETURN_IF_ERROR(transfer.AwaitHead(bounded));
    HttpReply reply = std::move(transfer.reply());
    NSTARX_RETURN_IF_ERROR(transfer.ReadAll(bounded, body_max, false, reply.body));
    return reply;
  };
  Result<HttpReply> result = whole();
  if (!result && result.error().code() == "query.timeout" && context.Check()) {
    return DeadlineExceeded("request.timeout", fmt::format("The server did not answer within {} ms",
                                                           impl_->options.request_timeout.count()))
        .WithStage("query");
  }
  return result;
}

Result<std::unique_ptr<connector::ByteStream>> HttpClient::Start(const Context& context,
                                                                 const HttpRequest& request,
                                                                 HttpReply& reply) {
  auto transfer = std::make_unique<Transfer>(*impl_);
  NSTARX_RETURN_IF_ERROR(transfer->Begin(request));
  NSTARX_RETURN_IF_ERROR(transfer->AwaitHead(context));
  reply = transfer->reply();
  if (reply.status < 200 || reply.status > 299) {
    NSTARX_RETURN_IF_ERROR(transfer->ReadAll(context, kErrorBodyMax, true, reply.body));
  }
  return std::unique_ptr<connector::ByteStream>(std::move(transfer));
}

}  // namespace nstarx::net
