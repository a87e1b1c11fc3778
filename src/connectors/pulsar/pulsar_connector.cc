#include "connectors/pulsar/pulsar_connector.h"

#include <fmt/format.h>

#include "connectors/pulsar/pulsar_errors.h"
#include "connectors/pulsar/pulsar_session.h"

namespace nstarx::connectors::pulsar {
namespace {

Secret CopyOf(const SecretMap& secrets, std::string_view name) {
  const auto found = secrets.find(name);
  return found == secrets.end() ? Secret() : found->second.Clone();
}

Result<net::ServiceUrl> AdminOf(const json::object& configuration, const Login& login) {
  const std::string_view given = GetString(configuration, "admin_url");
  if (!given.empty()) {
    auto url = net::ServiceUrl::Parse(given);
    if (url) return url;
    return url.error().WithDetail("field", "admin_url").WithStage("login").WithConnector("pulsar");
  }
  const int64_t usual = login.ssl.enabled ? 8443 : 8080;
  const int64_t port = GetInt(configuration, "admin_port", 0);
  return net::ServiceUrl{.https = login.ssl.enabled,
                         .host = login.endpoint.host,
                         .port = static_cast<int>(port > 0 ? port : usual),
                         .base_path = ""};
}

class PulsarConnector final : public connector::Connector {
 public:
  explicit PulsarConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    auto session = Dial(context, request);
    if (!session) return spec_.Advise(std::move(session).error());
    return std::move(*session);
  }

 private:
  static Result<std::unique_ptr<PulsarSession>> Dial(const Context& context,
                                                     const connector::OpenRequest& request) {
    const json::object& configuration = request.configuration;
    Login login;
    login.endpoint = request.endpoint;
    login.ssl = request.ssl;
    if (login.ssl.enabled && login.ssl.mode == "verify-full" && !login.ssl.server_name.empty()) {
      return Failed(ErrorKind::kInvalidArgument, "config.unsupported",
                    "a server name other than the host can't be verified: every broker has a name "
                    "of its own",
                    "tls")
          .WithDetail("field", "ssl.server_name");
    }
    login.token = CopyOf(request.secrets, "token");
    NSTARX_TRY(login.admin, AdminOf(configuration, login));
    const std::string place(GetString(configuration, "namespace", "public/default"));
    const size_t slash = place.find('/');
    if (slash == 0 || slash == std::string::npos || slash + 1 == place.size() ||
        place.find('/', slash + 1) != std::string::npos) {
      return Failed(ErrorKind::kInvalidArgument, "config.invalid_namespace",
                    "the namespace is written tenant/namespace", "login")
          .WithDetail("field", "namespace");
    }
    login.tenant = place.substr(0, slash);
    login.name_space = place.substr(slash + 1);
    login.client_name = "nstarx " + request.connection_name;
    login.connect_timeout =
        std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 10'000));
    NSTARX_TRY(auto registry, messages::SchemaRegistry::Make(configuration, request.authentication,
                                                             request.secrets));
    NSTARX_TRY(auto session, PulsarSession::Open(
                                 context, std::move(login),
                                 request.read_only || GetBool(configuration, "read_only", false)));
    session->Use(std::move(registry));
    return session;
  }

  connector::Spec spec_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakePulsarConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<PulsarConnector>(std::move(*spec));
}

}  // namespace nstarx::connectors::pulsar
