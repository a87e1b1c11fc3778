#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/status.h"

namespace nstarx::vault {

constexpr size_t kKeySize = 32;
constexpr size_t kNonceSize = 12;
constexpr size_t kTagSize = 16;

/// `parts` one after the other, each after its length: no two lists of parts give the same bytes.
std::string LengthPrefixed(std::initializer_list<std::string_view> parts);

/// AES-256-GCM: ciphertext with tag. `key` has kKeySize bytes, `nonce` kNonceSize.
Result<std::string> Encrypt(std::string_view key, std::string_view nonce,
                            std::string_view associated, std::string_view plaintext);
/// The plaintext, or vault.damaged when key, nonce, associated data or any bit differs.
Result<Secret> Decrypt(std::string_view key, std::string_view nonce, std::string_view associated,
                       std::string_view ciphertext);

/// `size` bytes from the system's generator.
std::string RandomBytes(size_t size);
/// A fresh random key.
Secret NewKey();

/// A data key under a key-encryption key: nonce + ciphertext + tag.
Result<std::string> WrapKey(const Secret& kek, std::string_view kek_id, const Secret& data_key);
Result<Secret> UnwrapKey(const Secret& kek, std::string_view kek_id, std::string_view wrapped);

/// A sealed constant that only the right key opens.
Result<std::string> MakeCheck(const Secret& kek, std::string_view kek_id);
bool CheckOpens(const Secret& kek, std::string_view kek_id, std::string_view check);

}  // namespace nstarx::vault
