#include "connectors/glue/glue_connector.h"

#include "connectors/aws/assumed_role.h"
#include "connectors/aws/sigv4.h"
#include "connectors/glue/glue_session.h"
#include "net/reach.h"

namespace nstarx::connectors::glue {
namespace {

using aws::CredentialsPtr;

/// New sessions share temporary credentials that are at most so old.
constexpr std::chrono::seconds kSharedFor{60};

bool IsTransport(const Error& error) {
  return error.code().starts_with("dns.") || error.code().starts_with("tls.") ||
         error.code().starts_with("tcp.");
}

/// libcurl only says that it failed: finds the cause by going there itself.
Error NameCause(const Context& context, const net::ServiceUrl& service, const std::string& ca_pem,
                Error error) {
  if (!IsTransport(error)) return error;
  const model::Ssl ssl{
      .enabled = service.https, .mode = "verify-full", .certificate = ca_pem, .server_name = {}};
  return net::Diagnose(context, {.host = service.host, .port = service.port}, ssl, service.https,
                       {}, std::move(error));
}

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

class GlueConnector final : public connector::Connector {
 public:
  explicit GlueConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    NSTARX_TRY(GlueSettings settings, GlueSettings::Read(request.configuration));
    if (settings.ca_pem.empty()) settings.ca_pem = request.ssl.certificate;
    json::object facts = {{"endpoint", settings.service.Origin()}, {"region", settings.region}};
    auto credentials = FindCredentials(context, request, settings, facts);
    if (!credentials) return spec_.Advise(std::move(credentials).error());
    NSTARX_TRY(auto http, OpenHttp(settings));
    auto client =
        std::make_unique<GlueClient>(settings, *std::move(credentials), std::move(http), clock_);
    auto session = std::make_unique<GlueSession>(
        std::move(client), request.read_only || settings.read_only, std::move(facts));
    if (const Status in = session->Ping(context); !in) {
      Error error = NameCause(context, settings.service, settings.ca_pem, in.error());
      if (error.stage().empty() || error.stage() == "query") error.WithStage("login");
      return spec_.Advise(std::move(error));
    }
    return session;
  }

  Result<std::vector<model::Endpoint>> Endpoints(const json::object& configuration) const override {
    // Variables are filled in when the connection is used.
    if (GetString(configuration, "endpoint").starts_with("${")) {
      return std::vector<model::Endpoint>();
    }
    NSTARX_TRY(const GlueSettings settings, GlueSettings::Read(configuration));
    return std::vector<model::Endpoint>{
        {.host = settings.service.host, .port = settings.service.port}};
  }

  bool UsesTls(const json::object& configuration, const model::Ssl& ssl) const override {
    const auto settings = GlueSettings::Read(configuration);
    return settings && settings->service.https;
  }

 private:
  static Result<std::unique_ptr<net::HttpClient>> OpenHttp(const GlueSettings& settings) {
    return net::HttpClient::Open({.ca_pem = settings.ca_pem,
                                  .connect_timeout = settings.connect_timeout,
                                  .request_timeout = settings.request_timeout});
  }

  Result<std::shared_ptr<aws::CredentialSource>> FindCredentials(
      const Context& context, const connector::OpenRequest& request, const GlueSettings& settings,
      json::object& facts) {
    CredentialsPtr base = GivenKeys(request);
    if (base == nullptr) {
      NSTARX_TRY(base, aws::CredentialsFromEnvironment());
    }
    facts["user"] = base->access_key_id;
    const std::string_view role_arn = GetString(request.authentication, "role_arn");
    if (role_arn.empty()) return std::make_shared<aws::FixedCredentials>(base);
    facts["role"] = role_arn;
    auto role = FindRole(request, settings, base);
    const auto temporary = role->GetFresh(context, kSharedFor);
    if (!temporary) return NameCause(context, settings.sts, settings.ca_pem, temporary.error());
    return role;
  }

  std::shared_ptr<aws::AssumedRole> FindRole(const connector::OpenRequest& request,
                                             const GlueSettings& settings,
                                             const CredentialsPtr& base) {
    const aws::RoleRequest wanted{
        .sts = settings.sts,
        .region = settings.region,
        .role_arn = std::string(GetString(request.authentication, "role_arn")),
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
  const SystemClock clock_;
  aws::AssumedRoleCache roles_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeGlueConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<GlueConnector>(*std::move(spec));
}

}  // namespace nstarx::connectors::glue
