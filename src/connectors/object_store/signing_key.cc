#include "connectors/object_store/signing_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <algorithm>
#include <limits>

#include "base/base64.h"

namespace nstarx::connectors::object_store {
namespace {

struct PkeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct DigestDeleter {
  void operator()(EVP_MD_CTX* digest) const { EVP_MD_CTX_free(digest); }
};

/// OpenSSL asks here instead of on the terminal.
int PassPhrase(char* into, int size, int /*writing*/, void* given) {
  const auto& phrase = *static_cast<const std::string_view*>(given);
  if (phrase.empty() || phrase.size() > static_cast<size_t>(size)) return -1;
  std::ranges::copy(phrase, into);
  return static_cast<int>(phrase.size());
}

Error MalformedKey(std::string_view why) {
  return InvalidArgument("login.malformed_key", std::string(why)).WithStage("login");
}

std::string Base64Url(std::string_view bytes) {
  std::string text;
  AppendBase64(bytes, &text);
  while (text.ends_with('=')) text.pop_back();
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

}  // namespace

struct SigningKey::Impl {
  std::unique_ptr<EVP_PKEY, PkeyDeleter> pkey;
};

SigningKey::SigningKey() : impl_(std::make_unique<Impl>()) {}
SigningKey::~SigningKey() = default;

Result<std::unique_ptr<SigningKey>> SigningKey::Parse(std::string_view pem,
                                                      std::string_view pass_phrase) {
  if (pem.empty() || pem.size() > size_t{1} << 20) return MalformedKey("it is no key in PEM");
  const std::unique_ptr<BIO, BioDeleter> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::unique_ptr<SigningKey> out(new SigningKey());
  if (bio) {
    out->impl_->pkey.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, PassPhrase, &pass_phrase));
  }
  ERR_clear_error();
  if (!out->impl_->pkey) {
    const bool encrypted = pem.find("ENCRYPTED") != std::string_view::npos;
    return MalformedKey(!encrypted            ? "it is no private key in PEM"
                        : pass_phrase.empty() ? "it is encrypted, and there is no pass phrase"
                                              : "it is encrypted, and the pass phrase is wrong");
  }
  if (EVP_PKEY_get_base_id(out->impl_->pkey.get()) != EVP_PKEY_RSA) {
    return MalformedKey("it is no RSA key");
  }
  return out;
}

Result<std::string> SigningKey::Sign(std::string_view text) const {
  const std::unique_ptr<EVP_MD_CTX, DigestDeleter> digest(EVP_MD_CTX_new());
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  size_t size = 0;
  std::string signature;
  if (digest &&
      EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, impl_->pkey.get()) == 1 &&
      EVP_DigestSign(digest.get(), nullptr, &size, data, text.size()) == 1) {
    signature.resize(size);
    if (EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       data, text.size()) == 1) {
      signature.resize(size);
      return signature;
    }
  }
  return MalformedKey("it can not sign");
}

Result<std::string> SigningKey::JsonWebToken(json::object header,
                                             const json::object& claims) const {
  header["alg"] = "RS256";
  header["typ"] = "JWT";
  const std::string text =
      Base64Url(json::serialize(header)) + "." + Base64Url(json::serialize(claims));
  NSTARX_TRY(const std::string signature, Sign(text));
  return text + "." + Base64Url(signature);
}

Result<std::string> SigningKey::PublicFingerprint() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(impl_->pkey.get(), &der);
  if (size <= 0) return MalformedKey("it has no public part");
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(der, static_cast<size_t>(size), reinterpret_cast<unsigned char*>(digest.data()));
  OPENSSL_free(der);
  std::string out;
  AppendBase64(digest, &out);
  return out;
}

}  // namespace nstarx::connectors::object_store
