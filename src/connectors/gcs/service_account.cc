#include "connectors/gcs/service_account.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "base/json.h"

namespace nstarx::connectors::gcs {
namespace {

constexpr std::string_view kScope = "https://www.googleapis.com/auth/devstorage.read_write";
constexpr std::string_view kTokenUri = "https://oauth2.googleapis.com/token";
constexpr std::string_view kAlgorithm = "GOOG4-RSA-SHA256";

struct PkeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct DigestDeleter {
  void operator()(EVP_MD_CTX* digest) const { EVP_MD_CTX_free(digest); }
};

/// No pass phrase: an encrypted key is refused instead of asked about on the terminal.
int NoPassPhrase(char*, int, int, void*) { return -1; }

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

std::string Base64Url(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return text;
}

}  // namespace

struct ServiceAccount::Key {
  std::unique_ptr<EVP_PKEY, PkeyDeleter> pkey;
};

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
  const std::unique_ptr<BIO, BioDeleter> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  account->key_ = std::make_unique<Key>();
  if (!pem.empty() && bio) {
    account->key_->pkey.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassPhrase, nullptr));
  }
  if (!account->key_->pkey || EVP_PKEY_get_base_id(account->key_->pkey.get()) != EVP_PKEY_RSA) {
    return MalformedKeyFile("private_key is no RSA key in PEM");
  }
  return std::shared_ptr<const ServiceAccount>(std::move(account));
}

Result<std::string> ServiceAccount::Sign(std::string_view text) const {
  const std::unique_ptr<EVP_MD_CTX, DigestDeleter> digest(EVP_MD_CTX_new());
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  size_t size = 0;
  std::string signature;
  if (digest &&
      EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key_->pkey.get()) == 1 &&
      EVP_DigestSign(digest.get(), nullptr, &size, data, text.size()) == 1) {
    signature.resize(size);
    if (EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       data, text.size()) == 1) {
      signature.resize(size);
      return signature;
    }
  }
  return MalformedKeyFile("its private key can not sign");
}

Result<std::string> ServiceAccount::Assertion(TimePoint now) const {
  const int64_t issued = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  json::object header = {{"alg", "RS256"}, {"typ", "JWT"}};
  if (!key_id_.empty()) header["kid"] = key_id_;
  const json::object claims = {{"iss", email_},
                               {"scope", kScope},
                               {"aud", token_uri_},
                               {"iat", issued},
                               {"exp", issued + 3600}};
  const std::string text =
      Base64Url(json::serialize(header)) + "." + Base64Url(json::serialize(claims));
  NSTARX_TRY(const std::string signature, Sign(text));
  return text + "." + Base64Url(signature);
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
