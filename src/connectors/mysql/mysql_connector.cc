#include "connectors/mysql/mysql_connector.h"

#include "connector/connector.h"
#include "connectors/mysql/mysql_session.h"

namespace nstarx::connectors::mysql {
namespace {

constexpr int64_t kConnectTimeoutMs = 10'000;

Secret CopyOf(const SecretMap& secrets, std::string_view name) {
  const auto found = secrets.find(name);
  return found == secrets.end() ? Secret() : found->second.Clone();
}

class MysqlConnector final : public connector::Connector {
 public:
  explicit MysqlConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    const json::object& configuration = request.configuration;
    MysqlSession::Options options;
    options.login.endpoint = request.endpoint;
    if (options.login.endpoint.port == 0) options.login.endpoint.port = spec_.default_port();
    options.login.ssl = request.ssl;
    options.login.user = GetString(request.authentication, "username");
    options.login.password = CopyOf(request.secrets, "password");
    options.login.client_certificate = CopyOf(request.secrets, "client_certificate");
    options.login.client_key = CopyOf(request.secrets, "client_key");
    options.login.database = GetString(configuration, "database");
    options.login.program_name = "nstarx " + request.connection_name;
    options.login.connect_timeout =
        std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", kConnectTimeoutMs));
    options.read_only = request.read_only || GetBool(configuration, "read_only", false);
    options.statement_timeout_ms = GetInt(configuration, "statement_timeout_ms", 0);
    if (GetString(configuration, "zero_dates", "error") == "null") {
      options.zero_dates = ZeroDates::kNull;
    }
    auto session = MysqlSession::Open(context, std::move(options));
    if (!session) return spec_.Advise(std::move(session).error());
    return std::move(*session);
  }

  connector::TlsPreface tls_preface() const override { return SayTlsPreface; }

 private:
  connector::Spec spec_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeMysqlConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<MysqlConnector>(std::move(*spec));
}

}  // namespace nstarx::connectors::mysql
