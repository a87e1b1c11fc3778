#include "connectors/object_store/bearer_token.h"

#include <openssl/sha.h>

#include "base/json.h"
#include "connectors/object_store/service_cause.h"

namespace nstarx::connectors::object_store {
namespace {

constexpr std::chrono::minutes kMargin{2};
constexpr size_t kSourcesMax = 256;
constexpr size_t kAnswerMax = 256 << 10;
constexpr int64_t kLifeMax = 24 * 3600;
constexpr int64_t kLifeUnsaid = 300;

Error Refused(const net::HttpReply& reply) {
  const Result<json::value> document = ParseJson(reply.body);
  std::string reason;
  if (document && document->is_object()) reason = GetString(document->as_object(), "error");
  if (reply.status == 429 || reply.status >= 500) {
    return Unavailable("service.unavailable", "The token endpoint failed inside")
        .WithStage("login")
        .WithVendorCode(fmt::format("HTTP {}", reply.status))
        .WithAction(Action::kRetry);
  }
  const std::string_view why = document && document->is_object()
                                   ? GetString(document->as_object(), "error_description")
                                   : "";
  if (why.find("reasonable timeframe") != std::string_view::npos) {
    return Error(ErrorKind::kUnauthenticated, "clock.skewed",
                 "The token endpoint finds the assertion's time too far from its own")
        .WithStage("login")
        .WithVendorCode(reason.substr(0, 100));
  }
  const bool client = reason == "invalid_client" || reason == "unauthorized_client" ||
                      reason == "invalid_grant" || reply.status == 401;
  if (client) {
    return Error(ErrorKind::kUnauthenticated, "login.wrong_client",
                 "The token endpoint does not accept this client or its secret or key")
        .WithStage("login")
        .WithVendorCode(reason.size() > 100 || reason.empty() ? fmt::format("HTTP {}", reply.status)
                                                              : reason);
  }
  return Error(ErrorKind::kUnauthenticated, "login.token_refused",
               "The token endpoint refused to hand out a token")
      .WithStage("login")
      .WithVendorCode(reason.size() > 100 || reason.empty() ? fmt::format("HTTP {}", reply.status)
                                                            : reason);
}

}  // namespace

Result<BearerTokenPtr> TokenSource::Get(const Context& context) {
  return GetFresh(context, std::chrono::hours(24));
}

Result<BearerTokenPtr> TokenSource::GetFresh(const Context& context,
                                             std::chrono::milliseconds age_max) {
  std::unique_lock lock(mutex_);
  while (true) {
    const TimePoint now = clock_.Now();
    const bool good = current_ != nullptr && now < current_->expires;
    const bool young = good && now - taken_ <= age_max && now + kMargin < current_->expires;
    if (young || (good && renewing_)) return current_;
    if (!renewing_) break;
    if (!renewed_.wait_for(lock, context.stop_token(), context.remaining(),
                           [this] { return !renewing_; })) {
      NSTARX_RETURN_IF_ERROR(context.Check());
    }
  }
  renewing_ = true;
  lock.unlock();
  Result<BearerTokenPtr> asked = renew_(context);
  lock.lock();
  renewing_ = false;
  renewed_.notify_all();
  if (asked) {
    current_ = *asked;
    taken_ = clock_.Now();
  }
  return asked;
}

std::shared_ptr<TokenSource> TokenCache::Find(
    std::string secret_key, const std::function<std::shared_ptr<TokenSource>()>& make) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(secret_key.data()), secret_key.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  WipeString(secret_key);
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(entries_, digest, &Entry::first);
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
    return entries_.front().second;
  }
  entries_.emplace_front(std::move(digest), make());
  if (entries_.size() > kSourcesMax) entries_.pop_back();
  return entries_.front().second;
}

Result<BearerTokenPtr> RequestToken(const Context& context, net::HttpClient& http,
                                    const net::ServiceUrl& endpoint, const net::HttpFields& form,
                                    TimePoint now) {
  std::string body = net::EncodeQuery(form);
  net::HttpRequest request;
  request.method = "POST";
  request.service = endpoint;
  request.path = endpoint.base_path.empty() ? "/" : endpoint.base_path;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"}};
  request.body = body;
  Result<net::HttpReply> reply = http.Send(context, request, kAnswerMax);
  WipeString(body);
  if (!reply) {
    Error error = std::move(reply).error();
    if (IsTransport(error) || error.code() == "tcp.timeout") {
      error.WithDetail("token_endpoint", endpoint.Origin());
    }
    return error;
  }
  if (reply->status != 200) return Refused(*reply);
  const Result<json::value> document = ParseJson(reply->body);
  const auto* object = document ? document->if_object() : nullptr;
  const std::string_view text = object ? GetString(*object, "access_token") : std::string_view();
  if (text.empty() || text.size() > 64 << 10 ||
      text.find_first_of("\r\n") != std::string_view::npos) {
    return Unavailable("response.malformed", "The token endpoint's answer holds no token")
        .WithStage("login");
  }
  auto token = std::make_shared<BearerToken>();
  token->value = Secret(text);
  const int64_t life = GetInt(*object, "expires_in", kLifeUnsaid);
  token->expires = now + std::chrono::seconds(std::clamp<int64_t>(life, 1, kLifeMax));
  WipeString(reply->body);
  return BearerTokenPtr(std::move(token));
}

}  // namespace nstarx::connectors::object_store
