#include "connectors/kafka/kafka_connector.h"

#include "connectors/kafka/kafka_session.h"

namespace nstarx::connectors::kafka {
namespace {

Secret CopyOf(const SecretMap& secrets, std::string_view name) {
  const auto found = secrets.find(name);
  return found == secrets.end() ? Secret() : found->second.Clone();
}

/// What every login has in common.
Result<Login> LoginOf(const connector::OpenRequest& request,
                      std::vector<model::Endpoint> endpoints) {
  const json::object& configuration = request.configuration;
  Login login;
  // The endpoint that the pool chose is asked first and diagnosed.
  login.endpoints = std::move(endpoints);
  std::erase(login.endpoints, request.endpoint);
  login.endpoints.insert(login.endpoints.begin(), request.endpoint);
  login.ssl = request.ssl;
  if (login.ssl.enabled && login.ssl.mode == "verify-full" && !login.ssl.server_name.empty()) {
    return InvalidArgument("config.unsupported",
                           "a server name other than the host can't be verified: every broker has "
                           "a name of its own")
        .WithDetail("field", "ssl.server_name")
        .WithStage("tls");
  }
  login.client_id = "nstarx " + request.connection_name;
  login.idempotent = GetBool(configuration, "idempotent", true);
  login.read_committed = GetString(configuration, "isolation", "committed") == "committed";
  login.connect_timeout =
      std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 10'000));
  return login;
}

Result<std::unique_ptr<connector::Session>> OpenSession(const Context& context,
                                                        const connector::OpenRequest& request,
                                                        Login login) {
  const bool read_only = request.read_only || GetBool(request.configuration, "read_only", false);
  NSTARX_TRY(auto registry, messages::SchemaRegistry::Make(
                                request.configuration, request.authentication, request.secrets));
  NSTARX_TRY(auto session,
             KafkaSession::Open(context, std::move(login), read_only, std::move(registry)));
  return session;
}

class KafkaConnector final : public connector::Connector {
 public:
  explicit KafkaConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    NSTARX_TRY(auto endpoints, Endpoints(request.configuration));
    NSTARX_TRY(Login login, LoginOf(request, std::move(endpoints)));
    if (GetString(request.authentication, "type") == "basic") {
      login.mechanism = GetString(request.authentication, "mechanism", "PLAIN");
      login.user = GetString(request.authentication, "username");
      login.password = CopyOf(request.secrets, "password");
    }
    login.client_certificate = CopyOf(request.secrets, "client_certificate");
    login.client_key = CopyOf(request.secrets, "client_key");
    return OpenSession(context, request, std::move(login));
  }

 private:
  connector::Spec spec_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeKafkaConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<KafkaConnector>(std::move(*spec));
}

Result<std::unique_ptr<connector::Session>> OpenWithPlain(const Context& context,
                                                          const connector::OpenRequest& request,
                                                          std::vector<model::Endpoint> endpoints,
                                                          std::string user, Secret password) {
  NSTARX_TRY(Login login, LoginOf(request, std::move(endpoints)));
  login.mechanism = "PLAIN";
  login.user = std::move(user);
  login.password = std::move(password);
  return OpenSession(context, request, std::move(login));
}

}  // namespace nstarx::connectors::kafka
