#include "connectors/gcs/service_account.h"

#include <openssl/sha.h>

#include "base/json.h"

namespace nstarx::connectors::gcs {
namespace {

constexpr std::string_view kScope = "https://www.googleapis.com/auth/devstorage.read_write";
constexpr std::string_view kTokenUri = "https://oauth2.googleapis.com/token";
constexpr std::string_view kAlgorithm = "GOOG4-RSA-SHA256";

Error MalformedKeyFile(std::string_view why) {
  return InvalidArgument("login.malformed_key_file",
                         fmt::format("The key file can not be used: {}", why))
      .WithStage("login")
      .WithDetail("field", "service_account_key");
}

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
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

Result<std::string> ServiceAccount::Assertion(TimePoint now) const {
  const int64_t issued = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  json::object header;
  if (!key_id_.empty()) header["kid"] = key_id_;
  const json::object claims = {{"iss", email_},
                               {"scope", kScope},
                               {"aud", token_uri_},
                               {"iat", issued},
                               {"exp", issued + 3600}};
  return key_->JsonWebToken(std::move(header), claims);
}

Result<std::string> ServiceAccount::SignUrl(const net::HttpRequest& request, TimePoint now,
                                            std::chrono::seconds expires) const {
  std::string time = FormatTime(now).substr(0, 19) + "Z";  // 2026-11-23T06:23:00Z
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  const std::string scope = time.substr(0, 8) + "/auto/storage/goog4_request";
  net::HttpRequest url = request;
  // In the order of their names, as they are signed.
  url.query = {{"X-Goog-Algorithm", std::string(kAlgorithm)},
               {"X-Goog-Credential", email_ + "/" + scope},
               {"X-Goog-Date", time},
               {"X-Goog-Expires", fmt::format("{}", expires.count())},
               {"X-Goog-SignedHeaders", "host"}};
  const std::string canonical =
      fmt::format("{}\n{}\n{}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD", url.method, url.path,
                  net::EncodeQuery(url.query), url.service.Authority());
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(canonical.data()), canonical.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  NSTARX_TRY(const std::string signature,
             Sign(fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope, Hex(digest))));
  url.query.emplace_back("X-Goog-Signature", Hex(signature));
  return url.Url();
}

}  // namespace nstarx::connectors::gcs
