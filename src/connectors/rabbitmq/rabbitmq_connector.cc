#include "connectors/rabbitmq/rabbitmq_connector.h"

#include "connectors/rabbitmq/rabbitmq_session.h"

namespace nstarx::connectors::rabbitmq {
namespace {

Secret CopyOf(const SecretMap& secrets, std::string_view name) {
  const auto found = secrets.find(name);
  return found == secrets.end() ? Secret() : found->second.Clone();
}

class RabbitmqConnector final : public connector::Connector {
 public:
  explicit RabbitmqConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    const json::object& configuration = request.configuration;
    Login login;
    login.endpoint = request.endpoint;
    login.ssl = request.ssl;
    login.external = GetString(request.authentication, "type") == "certificate";
    login.user = GetString(request.authentication, "username");
    login.password = CopyOf(request.secrets, "password");
    login.client_certificate = CopyOf(request.secrets, "client_certificate");
    login.client_key = CopyOf(request.secrets, "client_key");
    login.virtual_host = GetString(configuration, "virtual_host", "/");
    login.client_name = "nstarx " + request.connection_name;
    login.connect_timeout =
        std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 10'000));
    Management management;
    management.host = request.endpoint.host;
    management.port =
        login.external ? 0 : static_cast<int>(GetInt(configuration, "management_port", 0));
    management.https = GetBool(configuration, "management_tls", false);
    management.ca_pem = request.ssl.certificate;
    management.user = login.user;
    management.password = login.password.Clone();
    auto registry =
        messages::SchemaRegistry::Make(configuration, request.authentication, request.secrets);
    if (!registry) return spec_.Advise(std::move(registry).error());
    auto session = RabbitmqSession::Open(
        context, login, std::move(management),
        request.read_only || GetBool(configuration, "read_only", false),
        std::chrono::milliseconds(GetInt(configuration, "stream_quiet_ms", 1000)));
    if (!session) return spec_.Advise(std::move(session).error());
    (*session)->Use(std::move(*registry));
    return std::move(*session);
  }

 private:
  connector::Spec spec_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeRabbitmqConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<RabbitmqConnector>(std::move(*spec));
}

}  // namespace nstarx::connectors::rabbitmq
