#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace nstarx::drivers {

/// The public keys (Ed25519) that are trusted to sign indexes and files. With none nothing needs a
/// signature.
class TrustedKeys {
 public:
  /// Each is 32 bytes as Base64 or hex; driver.malformed_key names none of it.
  static Result<TrustedKeys> Parse(const std::vector<std::string>& texts);

  bool any() const { return !keys_.empty(); }
  /// Hex of the key that made `signature` (Base64, white space around it ignored) over `bytes`;
  /// driver.signature_invalid, where `what` names the thing.
  Result<std::string> Check(std::string_view bytes, std::string_view signature,
                            std::string_view what) const;
  /// The same over a file's bytes.
  Result<std::string> CheckFile(const std::string& path, std::string_view signature,
                                std::string_view what) const;

 private:
  using Key = std::array<unsigned char, 32>;
  std::vector<Key> keys_;
};

}  // namespace nstarx::drivers
