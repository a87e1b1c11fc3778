#include "connectors/google/service_account.h"

#include "base/json.h"

namespace nstarx::connectors::google {
namespace {

constexpr std::string_view kTokenUri = "https://oauth2.googleapis.com/token";

Error MalformedKeyFile(std::string_view why) {
  return InvalidArgument("login.malformed_key_file",
                         fmt::format("The key file can not be used: {}", why))
      .WithStage("login")
      .WithDetail("field", "service_account_key");
}

}  // namespace

ServiceAccount::ServiceAccount() = default;
ServiceAccount::~ServiceAccount() = default;

Result<std::shared_ptr<const ServiceAccount>> ServiceAccount::Parse(std::string_view document) {
  const Result<json::value> value = ParseJson(document);
  const auto* object = value ? value->if_object() : nullptr;
  if (object == nullptr) return MalformedKeyFile("it is no JSON document");
  if (GetString(*object, "type") != "service_account") {
    return MalformedKeyFile("its type is not service_account");
  }
  std::shared_ptr<ServiceAccount> account(new ServiceAccount());
  account->email_ = GetString(*object, "client_email");
  account->project_ = GetString(*object, "project_id");
  account->key_id_ = GetString(*object, "private_key_id");
  account->token_uri_ = GetString(*object, "token_uri", kTokenUri);
  if (account->email_.empty()) return MalformedKeyFile("client_email is missing");
  NSTARX_TRY(account->token_endpoint_, net::ServiceUrl::Parse(account->token_uri_));
  const std::string_view pem = GetString(*object, "private_key");
  auto key = object_store::SigningKey::Parse(pem);
  if (!key) return MalformedKeyFile("private_key is no RSA key in PEM");
  account->key_ = *std::move(key);
  return std::shared_ptr<const ServiceAccount>(std::move(account));
}

Result<std::string> ServiceAccount::Sign(std::string_view text) const { return key_->Sign(text); }

Result<std::string> ServiceAccount::Assertion(std::string_view scope, TimePoint now) const {
  const int64_t issued = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  json::object header;
  if (!key_id_.empty()) header["kid"] = key_id_;
  const json::object claims = {{"iss", email_},
                               {"scope", scope},
                               {"aud", token_uri_},
                               {"iat", issued},
                               {"exp", issued + 3600}};
  return key_->JsonWebToken(std::move(header), claims);
}

}  // namespace nstarx::connectors::google
