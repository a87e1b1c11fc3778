#include "connectors/postgresql/postgres_connector.h"

#include <algorithm>

#include "connectors/postgresql/postgres_session.h"

namespace nstarx::connectors::postgresql {
namespace {

std::string_view SecretOf(const connector::OpenRequest& request, std::string_view name) {
  auto found = request.secrets.find(name);
  if (found != request.secrets.end()) return found->second.Reveal();
  return GetString(request.authentication, name);
}

/// A server setting's name may go into the startup packet.
bool IsSettingName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  });
}

/// The search path from the `schema` field: names as they are written in the catalog.
std::string SearchPath(std::string_view schemas) {
  std::string path;
  while (!schemas.empty()) {
    size_t comma = std::min(schemas.find(','), schemas.size());
    std::string_view name = schemas.substr(0, comma);
    schemas.remove_prefix(std::min(comma + 1, schemas.size()));
    size_t first = name.find_first_not_of(' ');
    if (first == std::string_view::npos) continue;
    name = name.substr(first, name.find_last_not_of(' ') - first + 1);
    path += (path.empty() ? "" : ", ") + QuoteName(name);
  }
  return path;
}

Result<std::vector<std::pair<std::string, std::string>>> SettingsOf(
    const connector::OpenRequest& request, bool read_only) {
  const json::object& configuration = request.configuration;
  std::vector<std::pair<std::string, std::string>> settings;
  if (std::string path = SearchPath(GetString(configuration, "schema")); !path.empty()) {
    settings.emplace_back("search_path", std::move(path));
  }
  if (int64_t timeout = GetInt(configuration, "statement_timeout_ms", 0); timeout > 0) {
    settings.emplace_back("statement_timeout", std::to_string(timeout));
  }
  if (read_only) settings.emplace_back("default_transaction_read_only", "on");
  const json::value* extra = configuration.if_contains("additionalParams");
  if (extra == nullptr || !extra->is_object()) return settings;
  for (const auto& [name, value] : extra->get_object()) {
    if (!IsSettingName(name)) {
      return InvalidArgument("config.unknown_field",
                             "additionalParams has a name that is no "
                             "server setting")
          .WithDetail("field", std::string(name));
    }
    settings.emplace_back(std::string(name), value.is_string() ? std::string(value.get_string())
                                                               : json::serialize(value));
  }
  return settings;
}

OpenNumeric OpenNumericOf(std::string_view word) {
  if (word == "text") return OpenNumeric::kText;
  return word == "double" ? OpenNumeric::kDouble : OpenNumeric::kDecimal;
}

/// A pooler may let the setting of a read-only session fall: then there is no session.
Status CheckReadOnly(const Context& context, PostgresSession& session) {
  NSTARX_TRY(auto rows, session.Ask(context, "SHOW default_transaction_read_only"));
  if (rows.size() == 1 && rows[0].size() == 1 && rows[0][0] == "on") return {};
  return Unavailable("login.read_only_ignored",
                     "something before the server drops the setting "
                     "that makes the session read-only")
      .WithStage("login")
      .WithConnector("postgresql")
      .WithHint(
          "Connect to the server itself, or through a pooler that passes startup options on.");
}

class PostgresqlConnector final : public connector::Connector {
 public:
  explicit PostgresqlConnector(connector::Spec spec) : spec_(std::move(spec)) {}

  const connector::Spec& spec() const override { return spec_; }
  connector::TlsPreface tls_preface() const override { return SslRequestPreface(); }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    const json::object& configuration = request.configuration;
    SessionOptions options{
        .user = std::string(GetString(request.authentication, "username")),
        .database = std::string(GetString(configuration, "database")),
        .open_numeric = OpenNumericOf(GetString(configuration, "numeric_as")),
        .prepared_statements = GetBool(configuration, "prepared_statements", true),
        .read_only = request.read_only || GetBool(configuration, "read_only", false)};
    std::string application(GetString(configuration, "application_name"));
    if (application.empty()) application = "nstarx " + request.connection_name;
    NSTARX_TRY(auto settings, SettingsOf(request, options.read_only));
    LoginRequest login{.endpoint = request.endpoint,
                       .ssl = request.ssl,
                       .database = options.database,
                       .user = options.user,
                       .password = SecretOf(request, "password"),
                       .client_certificate = SecretOf(request, "certificate"),
                       .client_key = SecretOf(request, "private_key"),
                       .client_key_passphrase = SecretOf(request, "passphrase"),
                       .application_name = std::move(application),
                       .settings = std::move(settings)};
    std::chrono::milliseconds limit(GetInt(configuration, "connect_timeout_ms", 10'000));
    auto client = Client::Login(context.WithTimeout(limit), login);
    if (!client) return spec_.Advise(std::move(client).error().WithConnector("postgresql"));
    auto session = std::make_unique<PostgresSession>(std::move(*client), std::move(options));
    NSTARX_RETURN_IF_ERROR(session->SetDefaults(context));
    if (session->options().read_only) NSTARX_RETURN_IF_ERROR(CheckReadOnly(context, *session));
    return session;
  }

 private:
  connector::Spec spec_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakePostgresqlConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  if (!spec) CheckFailed(spec.error().message().c_str(), "spec.json", 0);  // part of the program
  return std::make_unique<PostgresqlConnector>(std::move(*spec));
}

}  // namespace nstarx::connectors::postgresql
