#include "connectors/redshift/redshift_connector.h"

#include "connectors/redshift/redshift_credentials.h"
#include "connectors/redshift/redshift_errors.h"
#include "connectors/redshift/redshift_session.h"

namespace nstarx::connectors::redshift {
namespace {

/// Sets what the configuration names. By statement: what the startup packet may hold is not
/// PostgreSQL's list.
Status SetUp(const Context& context, RedshiftSession& session, const json::object& configuration) {
  NSTARX_RETURN_IF_ERROR(session.SetDefaults(context));
  if (const std::string_view schema = GetString(configuration, "schema"); !schema.empty()) {
    NSTARX_RETURN_IF_ERROR(
        session.Ask(context, "SET search_path TO " + postgresql::QuoteName(schema)));
  }
  if (const int64_t timeout = GetInt(configuration, "statement_timeout_ms", 0); timeout > 0) {
    NSTARX_RETURN_IF_ERROR(
        session.Ask(context, fmt::format("SET statement_timeout TO {}", timeout)));
  }
  return {};
}

class RedshiftConnector final : public connector::Connector {
 public:
  explicit RedshiftConnector(connector::Spec spec) : spec_(std::move(spec)), logins_(clock_) {}

  const connector::Spec& spec() const override { return spec_; }
  connector::TlsPreface tls_preface() const override { return postgresql::SslRequestPreface(); }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    const json::object& configuration = request.configuration;
    DatabaseLoginPtr given;
    std::string user(GetString(request.authentication, "username"));
    std::string_view password = GetString(request.authentication, "password");
    if (GetString(request.authentication, "type") == "iam") {
      auto found = logins_.Find(context, request);
      if (!found) return spec_.Advise(std::move(found).error().WithConnector("redshift"));
      given = *std::move(found);
      user = given->user;
      password = given->password.Reveal();
    } else if (const auto secret = request.secrets.find("password");
               secret != request.secrets.end()) {
      password = secret->second.Reveal();
    }
    postgresql::SessionOptions options{
        .user = user,
        .database = std::string(GetString(configuration, "database")),
        .read_only = request.read_only || GetBool(configuration, "read_only", false),
        .dialect = RedshiftDialect()};
    postgresql::LoginRequest login{.endpoint = request.endpoint,
                                   .ssl = request.ssl,
                                   .database = options.database,
                                   .user = options.user,
                                   .password = password,
                                   .application_name = "nstarx " + request.connection_name};
    const std::chrono::milliseconds limit(GetInt(configuration, "connect_timeout_ms", 10'000));
    auto client = postgresql::Client::Login(context.WithTimeout(limit), login);
    if (!client) return spec_.Advise(Refine(std::move(client).error()));
    auto session = std::make_unique<RedshiftSession>(*std::move(client), std::move(options));
    if (Status ready = SetUp(context, *session, configuration); !ready) {
      return spec_.Advise(Refine(std::move(ready).error()));
    }
    return session;
  }

 private:
  const connector::Spec spec_;
  const SystemClock clock_;
  IamLogins logins_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeRedshiftConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<RedshiftConnector>(*std::move(spec));
}

}  // namespace nstarx::connectors::redshift
