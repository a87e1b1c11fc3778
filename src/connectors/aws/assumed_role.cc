#include "connectors/aws/assumed_role.h"

#include "connectors/aws/aws_errors.h"
#include "connectors/aws/sigv4.h"
#include "net/xml.h"

namespace nstarx::connectors::aws {
namespace {

constexpr size_t kAnswerMax = 256 << 10;
constexpr size_t kRolesMax = 256;
/// Requests signed now must still be good when a slow upload ends.
constexpr std::chrono::minutes kMargin{5};
constexpr std::chrono::milliseconds kAnyAge = std::chrono::hours(24 * 365);

Error RoleDenied(const ServiceFailure& failure, const RoleRequest& request) {
  Error error(ErrorKind::kPermissionDenied, "login.assume_role_denied",
              fmt::format("The access key may not assume the role {}", request.role_arn));
  error.WithStage("login").WithVendorCode(failure.code).WithAction(Action::kFixCredentials);
  error.WithHint("The role's trust policy must name the key's user or role as a principal.");
  if (request.external_id.empty()) {
    error.WithHint("If the trust policy asks for sts:ExternalId, give external_id.");
  } else {
    error.WithHint("external_id must be the one in the role's trust policy.");
  }
  return error;
}

}  // namespace

Result<CredentialsPtr> ReadAssumeRoleAnswer(std::string_view document) {
  NSTARX_TRY(const net::XmlElement root, net::ParseXml(document));
  const net::XmlElement* result = root.Find("AssumeRoleResult");
  const net::XmlElement* fields = result == nullptr ? nullptr : result->Find("Credentials");
  const auto malformed = [] {
    return Error(ErrorKind::kUnavailable, "response.malformed",
                 "STS answered without temporary credentials")
        .WithStage("login");
  };
  if (fields == nullptr) return malformed();
  auto credentials = std::make_shared<Credentials>();
  credentials->access_key_id = fields->TextOf("AccessKeyId");
  credentials->secret_access_key = Secret(fields->TextOf("SecretAccessKey"));
  credentials->session_token = Secret(fields->TextOf("SessionToken"));
  const auto expires = ParseTime(fields->TextOf("Expiration"));
  if (credentials->access_key_id.empty() || credentials->secret_access_key.empty() ||
      credentials->session_token.empty() || !expires) {
    return malformed();
  }
  credentials->expires = *expires;
  return CredentialsPtr(std::move(credentials));
}

Result<CredentialsPtr> AssumeRole(const Context& context, net::HttpClient& http,
                                  const RoleRequest& request, const Credentials& base,
                                  TimePoint now) {
  net::HttpFields form = {{"Action", "AssumeRole"},
                          {"Version", "2011-06-15"},
                          {"RoleArn", request.role_arn},
                          {"RoleSessionName", request.session_name},
                          {"DurationSeconds", fmt::format("{}", request.duration_s)}};
  if (!request.external_id.empty()) form.emplace_back("ExternalId", request.external_id);
  const std::string body = net::EncodeQuery(form);
  net::HttpRequest http_request;
  http_request.method = "POST";
  http_request.service = request.sts;
  http_request.path = request.sts.base_path + "/";
  http_request.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  http_request.body = body;
  SignRequest(http_request, base, {request.region, "sts"}, now);
  NSTARX_TRY(net::HttpReply reply, http.Send(context, http_request, kAnswerMax));
  if (reply.status == 200) {
    auto credentials = ReadAssumeRoleAnswer(reply.body);
    WipeString(reply.body);
    return credentials;
  }
  const ServiceFailure failure = ReadFailure(reply.status, reply.body);
  if (failure.code == "AccessDenied") return RoleDenied(failure, request);
  return FromServiceFailure(failure, request.role_arn).WithStage("login");
}

Result<CredentialsPtr> AssumedRole::Get(const Context& context) {
  return GetFresh(context, kAnyAge);
}

Result<CredentialsPtr> AssumedRole::GetFresh(const Context& context,
                                             std::chrono::milliseconds age_max) {
  std::unique_lock lock(mutex_);
  while (true) {
    const TimePoint now = clock_.Now();
    const bool usable = current_ != nullptr && (!current_->expires || now < *current_->expires);
    const bool fresh = usable && now - taken_ <= age_max &&
                       (!current_->expires || now + kMargin < *current_->expires);
    if (fresh) return current_;
    if (!renewing_) break;
    if (usable && age_max == kAnyAge) return current_;  // another thread is at it
    NSTARX_RETURN_IF_ERROR(context.Check());
    renewed_.wait_until(
        lock, context.stop_token(),
        std::min(context.deadline(), Context::SteadyClock::now() + std::chrono::seconds(1)),
        [this] { return !renewing_; });
  }
  renewing_ = true;
  lock.unlock();
  Result<CredentialsPtr> answer = renew_(context);
  lock.lock();
  renewing_ = false;
  if (answer) {
    current_ = *answer;
    taken_ = clock_.Now();
  }
  renewed_.notify_all();
  return answer;
}

std::shared_ptr<AssumedRole> AssumedRoleCache::Find(
    const std::string& key, const std::function<std::shared_ptr<AssumedRole>()>& make) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(entries_, key, &Entry::first);
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
    return found->second;
  }
  entries_.emplace_front(key, make());
  if (entries_.size() > kRolesMax) entries_.pop_back();
  return entries_.front().second;
}

}  // namespace nstarx::connectors::aws
