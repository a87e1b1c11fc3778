#include "connectors/redis/redis_connector.h"

#include "connectors/redis/redis_session.h"

namespace nstarx::connectors::redis {
namespace {

constexpr int64_t kConnectTimeoutMs = 10'000;

Secret CopyOf(const SecretMap& secrets, std::string_view name) {
  const auto found = secrets.find(name);
  return found == secrets.end() ? Secret() : found->second.Clone();
}

/// Names of clients hold no blanks and no control characters.
std::string ClientName(std::string_view text) {
  std::string out;
  for (const char c : text) out.push_back(c > ' ' && c < '\x7f' ? c : '_');
  return out;
}

class RedisConnector final : public connector::Connector {
 public:
  explicit RedisConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  bool UsesTls(const json::object& configuration, const model::Ssl& ssl) const override {
    return ssl.enabled || GetString(configuration, "scheme") == "rediss";
  }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    const json::object& configuration = request.configuration;
    RedisSession::Options options;
    Login& login = options.login;
    login.endpoint = request.endpoint;
    if (login.endpoint.port == 0) login.endpoint.port = spec_.default_port();
    login.ssl = request.ssl;
    if (!login.ssl.enabled && UsesTls(configuration, login.ssl)) {
      login.ssl.enabled = true;
      login.ssl.mode = "verify-full";
    }
    login.user = GetString(request.authentication, "username");
    login.password = CopyOf(request.secrets, "password");
    login.client_certificate = CopyOf(request.secrets, "client_certificate");
    login.client_key = CopyOf(request.secrets, "client_key");
    login.database = GetInt(configuration, "database", 0);
    login.client_name = GetString(configuration, "client_name");
    if (login.client_name.empty()) login.client_name = "nstarx:" + request.connection_name;
    login.client_name = ClientName(login.client_name);
    login.connect_timeout =
        std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", kConnectTimeoutMs));
    options.read_only = request.read_only || GetBool(configuration, "read_only", false);
    options.separator = GetString(configuration, "separator", ":");
    auto session = RedisSession::Open(context, std::move(options));
    if (!session) return spec_.Advise(std::move(session).error());
    return std::move(*session);
  }

 private:
  connector::Spec spec_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeRedisConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<RedisConnector>(std::move(*spec));
}

}  // namespace nstarx::connectors::redis
