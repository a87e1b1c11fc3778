#include "vault/envelope.h"

#include <openssl/evp.h>
#include <sodium.h>

#include <climits>
#include <memory>
#include <vector>

namespace nstarx::vault {
namespace {

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

constexpr std::string_view kCheckText = "nstarx key check v1";

Error Damaged() {
  return Error(ErrorKind::kDataLoss, "vault.damaged", "a sealed secret does not authenticate")
      .WithHint(
          "The stored secret was changed or moved. Set it again, or restore the store from a "
          "backup together with its keys.");
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string WrapLabel(std::string_view kek_id) {
  return LengthPrefixed({"nstarx data key", kek_id});
}

}  // namespace

std::string LengthPrefixed(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (std::string_view part : parts) {
    const uint64_t size = part.size();
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>((size >> shift) & 0xff);
    out += part;
  }
  return out;
}

Result<std::string> Encrypt(std::string_view key, std::string_view nonce,
                            std::string_view associated, std::string_view plaintext) {
  NSTARX_CHECK(key.size() == kKeySize && nonce.size() == kNonceSize);
  if (plaintext.size() > INT_MAX / 2) {
    return InvalidArgument("config.out_of_range", "a secret is too long");
  }
  CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string out(plaintext.size() + kTagSize, '\0');
  int size = 0;
  int last = 0;
  const bool done =
      context != nullptr &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(key), Bytes(nonce)) ==
          1 &&
      (associated.empty() || EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(associated),
                                               static_cast<int>(associated.size())) == 1) &&
      EVP_EncryptUpdate(context.get(), Bytes(out), &size, Bytes(plaintext),
                        static_cast<int>(plaintext.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), Bytes(out) + size, &last) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagSize,
                          Bytes(out) + plaintext.size()) == 1;
  if (!done) return Internal("AES-256-GCM is not available");
  return out;
}

Result<Secret> Decrypt(std::string_view key, std::string_view nonce, std::string_view associated,
                       std::string_view ciphertext) {
  NSTARX_CHECK(key.size() == kKeySize);
  if (nonce.size() != kNonceSize || ciphertext.size() < kTagSize || ciphertext.size() > INT_MAX) {
    return Damaged();
  }
  const std::string_view body = ciphertext.substr(0, ciphertext.size() - kTagSize);
  std::string tag(ciphertext.substr(body.size()));
  CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  if (context == nullptr) return Internal("AES-256-GCM is not available");
  std::string plain(body.size() + kTagSize, '\0');
  int size = 0;
  int last = 0;
  const bool authentic =
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(key), Bytes(nonce)) ==
          1 &&
      (associated.empty() || EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(associated),
                                               static_cast<int>(associated.size())) == 1) &&
      EVP_DecryptUpdate(context.get(), Bytes(plain), &size, Bytes(body),
                        static_cast<int>(body.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), Bytes(plain) + size, &last) == 1;
  Secret out(authentic ? std::string_view(plain).substr(0, body.size()) : std::string_view());
  WipeString(plain);
  if (!authentic) return Damaged();
  return out;
}

std::string RandomBytes(size_t size) {
  std::string out(size, '\0');
  randombytes_buf(out.data(), out.size());
  return out;
}

Secret NewKey() { return Secret::FromString(RandomBytes(kKeySize)); }

Result<std::string> WrapKey(const Secret& kek, std::string_view kek_id, const Secret& data_key) {
  const std::string nonce = RandomBytes(kNonceSize);
  NSTARX_TRY(const std::string sealed,
             Encrypt(kek.Reveal(), nonce, WrapLabel(kek_id), data_key.Reveal()));
  return nonce + sealed;
}

Result<Secret> UnwrapKey(const Secret& kek, std::string_view kek_id, std::string_view wrapped) {
  if (wrapped.size() != kNonceSize + kKeySize + kTagSize) return Damaged();
  return Decrypt(kek.Reveal(), wrapped.substr(0, kNonceSize), WrapLabel(kek_id),
                 wrapped.substr(kNonceSize));
}

Result<std::string> MakeCheck(const Secret& kek, std::string_view kek_id) {
  const std::string nonce = RandomBytes(kNonceSize);
  NSTARX_TRY(
      const std::string sealed,
      Encrypt(kek.Reveal(), nonce, LengthPrefixed({"nstarx key check", kek_id}), kCheckText));
  return nonce + sealed;
}

bool CheckOpens(const Secret& kek, std::string_view kek_id, std::string_view check) {
  if (check.size() < kNonceSize) return false;
  const auto opened =
      Decrypt(kek.Reveal(), check.substr(0, kNonceSize),
              LengthPrefixed({"nstarx key check", kek_id}), check.substr(kNonceSize));
  return opened && opened->Reveal() == kCheckText;
}

}  // namespace nstarx::vault
