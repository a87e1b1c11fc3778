#include "cli/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <cctype>
#include <optional>

#include "base/error_table.h"
#include "base/percent.h"

namespace nstarx::cli {
namespace {

constexpr size_t kAnswerMax = 256 << 20;
constexpr std::string_view kTrailer = "nstarx-error";

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

bool IsLoopback(std::string_view url) {
  const size_t scheme = url.find("://");
  std::string_view host = url.substr(scheme == url.npos ? 0 : scheme + 3);
  host = host.substr(0, host.find('/'));
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

/// One exchange in progress.
struct Exchange {
  const Request& request;
  const Sink* sink;
  CURL* curl;
  Answer answer;
  std::optional<Error> failure;  ///< of the sink or of the upload

  bool Take(std::string_view piece) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (sink != nullptr && status < 400) {
      if (auto taken = (*sink)(piece); !taken) {
        failure = std::move(taken).error();
        return false;
      }
      return true;
    }
    answer.body.append(piece);
    if (answer.body.size() <= kAnswerMax) return true;
    failure = Error(ErrorKind::kResourceExhausted, "client.answer_too_large",
                    "the server's answer is larger than 256 MiB");
    return false;
  }

  void TakeHeader(std::string_view line) {
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    const size_t colon = line.find(':');
    if (colon == line.npos) return;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    answer.headers[Lower(line.substr(0, colon))] = value;
  }
};

size_t OnBody(char* data, size_t size, size_t count, void* target) {
  return static_cast<Exchange*>(target)->Take({data, size * count}) ? size * count : 0;
}
size_t OnHeader(char* data, size_t size, size_t count, void* target) {
  static_cast<Exchange*>(target)->TakeHeader({data, size * count});
  return size * count;
}
size_t OnUpload(char* data, size_t size, size_t count, void* target) {
  auto& exchange = *static_cast<Exchange*>(target);
  auto filled = exchange.request.upload({data, size * count});
  if (filled) return *filled;
  exchange.failure = std::move(filled).error();
  return CURL_READFUNC_ABORT;
}

class HttpClient : public Api {
 public:
  explicit HttpClient(ServerAddress address) : address_(std::move(address)) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    curl_ = curl_easy_init();
  }
  ~HttpClient() override {
    curl_easy_cleanup(curl_);
    curl_global_cleanup();
  }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<Answer> Send(const Request& request) override { return Perform(request, nullptr); }
  Result<Answer> Stream(const Request& request, const Sink& sink) override {
    return Perform(request, &sink);
  }

 private:
  Result<Answer> Perform(const Request& request, const Sink* sink) {
    Exchange exchange{.request = request, .sink = sink, .curl = curl_};
    curl_easy_reset(curl_);
    curl_slist* headers = Prepare(request, exchange);
    const CURLcode code = curl_easy_perform(curl_);
    curl_slist_free_all(headers);
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &exchange.answer.status);
    // A failing server's answer explains more than the upload that it cut off.
    if (exchange.answer.status >= 400 && !exchange.answer.body.empty()) return Problem(exchange);
    if (exchange.failure) return *exchange.failure;
    if (const auto trailer = exchange.answer.headers.find(kTrailer);
        trailer != exchange.answer.headers.end()) {
      auto problem = ParseJson(PercentDecode(trailer->second));
      return ErrorFromProblem(problem ? *problem : json::value(), 500);
    }
    if (code != CURLE_OK) return TransportError(code);
    if (exchange.answer.status >= 400) return Problem(exchange);
    return std::move(exchange.answer);
  }

  curl_slist* Prepare(const Request& request, Exchange& exchange) {
    std::string url = address_.url + request.path;
    char separator = '?';
    for (const auto& [name, value] : request.query) {
      if (value.empty()) continue;
      url += separator + PercentEncode(name) + "=" + PercentEncode(value);
      separator = '&';
    }
    curl_slist* headers = nullptr;
    const auto add = [&](const std::string& line) {
      headers = curl_slist_append(headers, line.c_str());
    };
    add("Accept: " + request.accept);
    add("Expect:");
    add("TE: trailers");  // a failure in mid-stream comes as a trailer
    if (!address_.api_key.empty()) add("Authorization: Bearer " + address_.api_key);
    const bool has_body = !request.body.empty() || request.upload;
    if (has_body) add("Content-Type: " + request.content_type);
    for (const auto& [name, value] : request.headers) add(name + ": " + value);

    const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(curl_, option, value); };
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, "nstarx-cli/" NSTARX_VERSION);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_CONNECTTIMEOUT_MS, 10'000L);
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    set(CURLOPT_BUFFERSIZE, 256L << 10);
    set(CURLOPT_WRITEFUNCTION, &OnBody);
    set(CURLOPT_WRITEDATA, &exchange);
    set(CURLOPT_HEADERFUNCTION, &OnHeader);
    set(CURLOPT_HEADERDATA, &exchange);
    if (IsLoopback(address_.url)) set(CURLOPT_NOPROXY, "*");
    if (!address_.ca_file.empty()) set(CURLOPT_CAINFO, address_.ca_file.c_str());
    if (request.upload) {
      set(CURLOPT_UPLOAD, 1L);
      set(CURLOPT_READFUNCTION, &OnUpload);
      set(CURLOPT_READDATA, &exchange);
      if (request.upload_size >= 0) {
        set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.upload_size));
      } else {
        add("Transfer-Encoding: chunked");
      }
    } else if (has_body || request.method == "POST") {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.c_str());
    }
    if (request.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    } else if (request.method != "GET") {
      set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    set(CURLOPT_HTTPHEADER, headers);
    return headers;
  }

  static Error Problem(const Exchange& exchange) {
    auto problem = ParseJson(exchange.answer.body);
    return ErrorFromProblem(problem ? *problem : json::value(), exchange.answer.status);
  }

  Error TransportError(CURLcode code) const {
    switch (code) {
      case CURLE_COULDNT_CONNECT:
      case CURLE_COULDNT_RESOLVE_HOST:
        return Unavailable("client.no_server",
                           fmt::format("no nstarx server answers at {}", address_.url))
            .WithStage(code == CURLE_COULDNT_CONNECT ? "tcp" : "resolve")
            .WithHint("Start one with: nstarx serve")
            .WithHint("Say where it is with --url or NSTARX_URL.");
      case CURLE_OPERATION_TIMEDOUT:
        return DeadlineExceeded("client.timeout",
                                fmt::format("{} did not answer in time", address_.url))
            .WithHint("Give a longer --timeout, or see with `nstarx doctor` whether it is well.");
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CONNECT_ERROR:
      case CURLE_SSL_CACERT_BADFILE:
        return Unavailable("client.tls_failed", fmt::format("the TLS connection to {} failed: {}",
                                                            address_.url, curl_easy_strerror(code)))
            .WithStage("tls")
            .WithHint("Trust the server's certificate with --ca-file FILE or NSTARX_CA_FILE.");
      case CURLE_URL_MALFORMAT:
      case CURLE_UNSUPPORTED_PROTOCOL:
        return InvalidArgument("client.malformed_url",
                               fmt::format("'{}' is no http or https address", address_.url))
            .WithHint("For example --url http://127.0.0.1:8480");
      default:
        return Unavailable("client.connection_lost",
                           fmt::format("the connection to {} was lost: {}", address_.url,
                                       curl_easy_strerror(code)))
            .WithHint("What was received so far is incomplete; try again.");
    }
  }

  const ServerAddress address_;
  CURL* curl_ = nullptr;
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

ErrorKind KindOf(std::string_view name, long status) {
  for (const ErrorRow& row : ErrorTable()) {
    if (ToString(row.kind) == name) return row.kind;
  }
  for (const ErrorRow& row : ErrorTable()) {
    if (row.http_status == status) return row.kind;
  }
  return status >= 500 ? ErrorKind::kInternal : ErrorKind::kInvalidArgument;
}

}  // namespace

std::unique_ptr<Api> MakeHttpClient(ServerAddress address) {
  while (address.url.ends_with('/')) address.url.pop_back();
  return std::make_unique<HttpClient>(std::move(address));
}

Result<json::value> Api::Call(std::string_view method, std::string path, const json::value& body,
                              std::chrono::milliseconds timeout) {
  Request request{.method = std::string(method), .path = std::move(path), .timeout = timeout};
  if (!body.is_null()) request.body = json::serialize(body);
  NSTARX_TRY(const Answer answer, Send(request));
  if (answer.body.empty()) return json::value();
  auto parsed = ParseJson(answer.body);
  if (!parsed) {
    return Unavailable("client.not_nstarx", "the address answers, but not as an nstarx server")
        .WithHint("Check --url or NSTARX_URL.");
  }
  return std::move(*parsed);
}

Result<json::object> Api::Get(std::string path,
                              std::vector<std::pair<std::string, std::string>> query) {
  char separator = path.find('?') == path.npos ? '?' : '&';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    path += separator + PercentEncode(name) + "=" + PercentEncode(value);
    separator = '&';
  }
  NSTARX_TRY(json::value answer, Call("GET", std::move(path)));
  if (!answer.is_object()) {
    return Unavailable("client.not_nstarx", "the address answers, but not as an nstarx server")
        .WithHint("Check --url or NSTARX_URL.");
  }
  return std::move(answer.get_object());
}

std::string PercentDecode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
                        HexDigit(text[i + 2]) >= 0;
    if (escape) {
      decoded += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

Error ErrorFromProblem(const json::value& problem, long status) {
  if (!problem.is_object()) {
    return Error(KindOf("", status), "client.not_nstarx",
                 fmt::format("the server answered {} without an explanation", status))
        .WithHint("Check that --url leads to an nstarx server and not to something before it.");
  }
  const json::object& document = problem.get_object();
  Error error(KindOf(GetString(document, "kind"), status),
              std::string(GetString(document, "code", "internal")),
              std::string(GetString(document, "detail", GetString(document, "title", "failed"))));
  error.WithStage(GetString(document, "stage"));
  if (const json::value* hints = document.if_contains("hints"); hints && hints->is_array()) {
    for (const json::value& hint : hints->get_array()) {
      if (hint.is_string()) error.WithHint(std::string(hint.get_string()));
    }
  }
  error.WithConnector(GetString(document, "connector"));
  error.WithVendorCode(std::string(GetString(document, "vendor_code")));
  error.WithSqlstate(std::string(GetString(document, "sqlstate")));
  if (const json::value* details = document.if_contains("details");
      details && details->is_object()) {
    for (const auto& [key, value] : details->get_object()) error.WithDetail(key, value);
  }
  if (document.contains("request_id")) error.WithDetail("request_id", document.at("request_id"));
  return error;
}

}  // namespace nstarx::cli
