#include "connectors/snowflake/snowflake_connector.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "connectors/object_store/service_cause.h"
#include "connectors/object_store/signing_key.h"
#include "connectors/snowflake/snowflake_account.h"
#include "connectors/snowflake/snowflake_client.h"
#include "connectors/snowflake/snowflake_session.h"

namespace nstarx::connectors::snowflake {
namespace {

std::string_view SecretOf(const connector::OpenRequest& request, std::string_view name) {
  const auto found = request.secrets.find(name);
  return found == request.secrets.end() ? std::string_view() : found->second.Reveal();
}

/// The members of a login that say who asks.
Result<json::object> Credentials(const connector::OpenRequest& request, const Account& account,
                                 TimePoint now) {
  const std::string_view type = GetString(request.authentication, "type");
  const std::string_view user = GetString(request.authentication, "user");
  json::object out;
  if (!user.empty()) out["LOGIN_NAME"] = user;
  if (type == "key_pair") {
    auto key = object_store::SigningKey::Parse(SecretOf(request, "private_key"),
                                               SecretOf(request, "private_key_passphrase"));
    if (!key) {
      return InvalidArgument(
                 "login.malformed_key",
                 fmt::format("The private key can not be used: {}", key.error().message()))
          .WithStage("login");
    }
    out["AUTHENTICATOR"] = "SNOWFLAKE_JWT";
    NSTARX_TRY(out["TOKEN"], KeyPairToken(account, user, **key, now));
    return out;
  }
  if (type == "oauth" || type == "access_token") {
    out["AUTHENTICATOR"] = type == "oauth" ? "OAUTH" : "PROGRAMMATIC_ACCESS_TOKEN";
    out["TOKEN"] = SecretOf(request, "token");
    return out;
  }
  out["PASSWORD"] = SecretOf(request, "password");
  return out;
}

const json::object& ObjectOf(const json::object& object, std::string_view key) {
  static const json::object kEmpty;
  const auto* found = object.if_contains(key);
  return found && found->is_object() ? found->get_object() : kEmpty;
}

/// The service lets in who names a database that is not there, and has none then.
Status CheckHome(const Account& account, const json::object& info) {
  const std::tuple<std::string_view, std::string_view, const std::string*> wanted[] = {
      {"databaseName", "database", &account.database},
      {"schemaName", "schema", &account.schema},
      {"warehouseName", "warehouse", &account.warehouse}};
  for (const auto& [name, field, given] : wanted) {
    const auto* there = info.if_contains(name);
    if (given->empty() || there == nullptr || !there->is_null()) continue;
    return NotFound("login.object_not_found",
                    fmt::format("The {} '{}' does not exist, or this role may not use it", field,
                                given->substr(0, 200)))
        .WithStage("login")
        .WithConnector("snowflake")
        .WithDetail("field", field);
  }
  return {};
}

class SnowflakeConnector final : public connector::Connector {
 public:
  explicit SnowflakeConnector(connector::Spec spec) : spec_(std::move(spec)) {}

  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    NSTARX_TRY(Account read, ReadAccount(request.configuration));
    if (read.http.ca_pem.empty()) read.http.ca_pem = request.ssl.certificate;
    const auto account = std::make_shared<const Account>(std::move(read));
    auto session = LogIn(context, request, account);
    if (session) return session;
    Error error = std::move(session).error();
    if (object_store::IsTransport(error)) {
      error = object_store::NameCause(context, account->service, account->http.ca_pem,
                                      std::move(error));
    }
    return spec_.Advise(std::move(error));
  }

  Result<std::vector<model::Endpoint>> Endpoints(const json::object& configuration) const override {
    // What is only known when it is used can not be checked before.
    for (const std::string_view field : {"host", "account"}) {
      const std::string_view given = GetString(configuration, field);
      if (given.find("${") == std::string_view::npos) continue;
      return std::vector<model::Endpoint>{
          {.host = std::string(given),
           .port = static_cast<int>(GetInt(configuration, "port", 443))}};
    }
    NSTARX_TRY(const Account account, ReadAccount(configuration));
    return std::vector<model::Endpoint>{
        {.host = account.service.host, .port = account.service.port}};
  }

  bool UsesTls(const json::object& configuration, const model::Ssl& /*ssl*/) const override {
    const auto account = ReadAccount(configuration);
    return account && account->service.https;
  }

 private:
  Result<std::unique_ptr<connector::Session>> LogIn(const Context& context,
                                                    const connector::OpenRequest& request,
                                                    const std::shared_ptr<const Account>& account) {
    NSTARX_TRY(json::object credentials, Credentials(request, *account, clock_.Now()));
    NSTARX_TRY(auto client, SnowflakeClient::Open(account));
    NSTARX_TRY(const json::object told, client->LogIn(context, std::move(credentials)));
    const json::object& info = ObjectOf(told, "sessionInfo");
    NSTARX_RETURN_IF_ERROR(CheckHome(*account, info));
    connector::SessionFacts facts = {{"endpoint", account->service.Origin()},
                                     {"account", account->name},
                                     {"server_version", GetString(told, "serverVersion")},
                                     {"user", GetString(told, "displayUserName")},
                                     {"read_only", request.read_only}};
    std::vector<std::string> home;
    for (const auto& [name, fact] : {std::pair{"databaseName", "database"},
                                     {"schemaName", "schema"},
                                     {"warehouseName", "warehouse"},
                                     {"roleName", "role"}}) {
      const std::string_view value = GetString(info, name);
      if (value.empty()) continue;
      facts[fact] = value;
      if (home.size() < 2 && std::string_view(fact) == (home.empty() ? "database" : "schema")) {
        home.emplace_back(value);
      }
    }
    return std::make_unique<SnowflakeSession>(std::move(client), std::move(facts), std::move(home),
                                              request.read_only);
  }

  const connector::Spec spec_;
  const SystemClock clock_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeSnowflakeConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<SnowflakeConnector>(*std::move(spec));
}

}  // namespace nstarx::connectors::snowflake
