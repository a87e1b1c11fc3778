#include "connectors/s3/s3_connector.h"

#include "connectors/aws/assumed_role.h"
#include "connectors/aws/sigv4.h"
#include "connectors/object_store/object_session.h"
#include "connectors/object_store/service_cause.h"
#include "connectors/s3/s3_client.h"
#include "connectors/s3/s3_files.h"
#include "connectors/s3/s3_settings.h"

namespace nstarx::connectors::s3 {
namespace {

using aws::CredentialsPtr;

/// New sessions share temporary credentials that are at most so old; a test of a connection thus
/// finds out about a changed trust policy within a minute.
constexpr std::chrono::seconds kSharedFor{60};

/// The keys that the connection itself holds, or null.
CredentialsPtr GivenKeys(const connector::OpenRequest& request) {
  const std::string_view id = GetString(request.authentication, "access_key_id");
  const auto secret = request.secrets.find("secret_access_key");
  if (id.empty() || secret == request.secrets.end()) return nullptr;
  auto credentials = std::make_shared<aws::Credentials>();
  credentials->access_key_id = id;
  credentials->secret_access_key = secret->second.Clone();
  const auto token = request.secrets.find("session_token");
  if (token != request.secrets.end()) credentials->session_token = token->second.Clone();
  return credentials;
}

class S3Connector final : public connector::Connector {
 public:
  S3Connector(connector::Spec spec, Flavour flavour) : spec_(std::move(spec)), flavour_(flavour) {}

  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    NSTARX_TRY(S3Settings settings, S3Settings::Read(request.configuration, flavour_));
    if (settings.ca_pem.empty()) settings.ca_pem = request.ssl.certificate;
    auto session = LogIn(context, request, settings);
    if (session || !object_store::IsTransport(session.error())) return session;
    const bool sts = session.error().details().contains("sts");
    return object_store::NameCause(context, sts ? settings.sts : settings.service, settings.ca_pem,
                                   std::move(session).error());
  }

  Result<std::vector<model::Endpoint>> Endpoints(const json::object& configuration) const override {
    NSTARX_TRY(const S3Settings settings, S3Settings::Read(configuration, flavour_));
    return std::vector<model::Endpoint>{
        {.host = settings.service.host, .port = settings.service.port}};
  }

  bool UsesTls(const json::object& configuration, const model::Ssl& ssl) const override {
    const auto settings = S3Settings::Read(configuration, flavour_);
    return settings && settings->service.https;
  }

 private:
  /// MinIO wants a role to be named and then looks at the key alone.
  std::string RoleArn(const connector::OpenRequest& request) const {
    return std::string(
        GetString(request.authentication, "role_arn",
                  flavour_ == Flavour::kAmazon ? "" : "arn:minio:iam:::role/nstarx"));
  }

  static Result<std::unique_ptr<net::HttpClient>> OpenHttp(const S3Settings& settings) {
    return net::HttpClient::Open({.ca_pem = settings.ca_pem,
                                  .connect_timeout = settings.connect_timeout,
                                  .request_timeout = settings.request_timeout});
  }

  Result<std::unique_ptr<connector::Session>> LogIn(const Context& context,
                                                    const connector::OpenRequest& request,
                                                    const S3Settings& settings) {
    json::object facts = {{"endpoint", settings.endpoint.Origin()},
                          {"bucket", settings.bucket},
                          {"region", settings.region}};
    NSTARX_TRY(auto credentials, FindCredentials(context, request, settings, facts));
    NSTARX_TRY(auto http, OpenHttp(settings));
    auto client = std::make_unique<S3Client>(settings, credentials, std::move(http), clock_);
    const auto page = client->List(context, settings.prefix, "", 1, "");
    if (!page) {
      // Who may read objects but not list the bucket is logged in all the same.
      if (page.error().kind() != ErrorKind::kPermissionDenied) {
        Error error = page.error();
        if (error.stage() == "query") error.WithStage("login");
        return error;
      }
      facts["list_bucket"] = "denied";
    }
    return std::unique_ptr<connector::Session>(std::make_unique<object_store::ObjectSession>(
        std::move(client), std::make_unique<S3Files>(settings, std::move(credentials)),
        object_store::SessionSettings{.prefix = settings.prefix,
                                      .read_only = request.read_only,
                                      .list_privilege = "s3:ListBucket",
                                      .read_privilege = "s3:GetObject",
                                      .engine = {.memory_limit_bytes = settings.memory_limit_bytes,
                                                 .threads = settings.query_threads,
                                                 .cache_files = settings.cache_files}},
        std::move(facts)));
  }

  Result<std::shared_ptr<aws::CredentialSource>> FindCredentials(
      const Context& context, const connector::OpenRequest& request, const S3Settings& settings,
      json::object& facts) {
    const std::string_view type = GetString(request.authentication, "type");
    if (type == "anonymous") {
      facts["user"] = "anonymous";
      return std::make_shared<aws::FixedCredentials>(nullptr);
    }
    CredentialsPtr base = GivenKeys(request);
    if (base == nullptr && flavour_ != Flavour::kAmazon) {
      return Error(ErrorKind::kUnauthenticated, "login.no_credentials",
                   "The access key or its secret is empty")
          .WithStage("login");
    }
    if (base == nullptr) {
      NSTARX_TRY(base, aws::CredentialsFromEnvironment());
    }
    facts["user"] = base->access_key_id;
    const std::string role_arn = RoleArn(request);
    if (type != "iam" || role_arn.empty()) return std::make_shared<aws::FixedCredentials>(base);
    facts["role"] = role_arn;
    auto role = FindRole(request, settings, base);
    auto temporary = role->GetFresh(context, kSharedFor);
    if (!temporary) {
      Error error = std::move(temporary).error();
      if (error.code() == "login.assume_role_denied") {
        return KeysAreWrong(context, settings, base).value_or(std::move(error));
      }
      if (object_store::IsTransport(error)) error.WithDetail("sts", settings.sts.Origin());
      return error;
    }
    return role;
  }

  /// Some services deny the role when the key itself is wrong: the bucket tells them apart.
  std::optional<Error> KeysAreWrong(const Context& context, const S3Settings& settings,
                                    const CredentialsPtr& base) {
    auto http = OpenHttp(settings);
    if (!http) return std::nullopt;
    S3Client client(settings, std::make_shared<aws::FixedCredentials>(base), *std::move(http),
                    clock_);
    const auto page = client.List(context, settings.prefix, "", 1, "");
    if (page || !page.error().code().starts_with("login.")) return std::nullopt;
    return page.error();
  }

  std::shared_ptr<aws::AssumedRole> FindRole(const connector::OpenRequest& request,
                                             const S3Settings& settings,
                                             const CredentialsPtr& base) {
    const aws::RoleRequest wanted{
        .sts = settings.sts,
        .region = settings.region,
        .role_arn = RoleArn(request),
        .external_id = std::string(GetString(request.authentication, "external_id")),
        .session_name = std::string(GetString(request.authentication, "session_name", "nstarx"))};
    const std::string sts = settings.sts.Origin();
    std::string all;
    for (const std::string_view part :
         {std::string_view(sts), std::string_view(settings.ca_pem), std::string_view(wanted.region),
          std::string_view(wanted.role_arn), std::string_view(wanted.external_id),
          std::string_view(wanted.session_name), std::string_view(base->access_key_id),
          base->secret_access_key.Reveal(), base->session_token.Reveal()}) {
      all += part;
      all += '\0';
    }
    const std::string key = aws::Sha256Hex(all);
    WipeString(all);
    const bool own_keys = GivenKeys(request) != nullptr;
    return roles_.Find(key, [&] {
      const auto renew = [this, wanted, settings, base,
                          own_keys](const Context& context) -> Result<CredentialsPtr> {
        CredentialsPtr keys = base;
        if (!own_keys) {  // the environment's may have changed meanwhile
          NSTARX_TRY(keys, aws::CredentialsFromEnvironment());
        }
        NSTARX_TRY(const auto http, OpenHttp(settings));
        return aws::AssumeRole(context, *http, wanted, *keys, clock_.Now());
      };
      return std::make_shared<aws::AssumedRole>(renew, clock_);
    });
  }

  const connector::Spec spec_;
  const Flavour flavour_;
  const SystemClock clock_;
  aws::AssumedRoleCache roles_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeS3LikeConnector(std::string_view spec_document,
                                                          Flavour flavour) {
  auto spec = connector::Spec::Parse(spec_document);
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<S3Connector>(*std::move(spec), flavour);
}

std::unique_ptr<connector::Connector> MakeS3Connector() {
  return MakeS3LikeConnector(SpecDocument(), Flavour::kAmazon);
}

}  // namespace nstarx::connectors::s3
