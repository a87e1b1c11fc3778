#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"

namespace nstarx::connectors::object_store {

/// An RSA private key that proves who asks. Immutable and thread-safe.
class SigningKey {
 public:
  /// Reads PEM (PKCS#8 or PKCS#1); an encrypted key needs its pass phrase. Fails with
  /// login.malformed_key, whose message says why in words and never repeats any of it.
  static Result<std::unique_ptr<SigningKey>> Parse(std::string_view pem,
                                                   std::string_view pass_phrase = {});
  ~SigningKey();

  /// RSA (PKCS#1 v1.5) with SHA-256 over the text.
  Result<std::string> Sign(std::string_view text) const;
  /// The signed JSON Web Token; `header` without "alg" and "typ", which are RS256 and JWT.
  Result<std::string> JsonWebToken(json::object header, const json::object& claims) const;
  /// SHA-256 of the public key (DER, SubjectPublicKeyInfo) in Base64.
  Result<std::string> PublicFingerprint() const;

 private:
  SigningKey();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nstarx::connectors::object_store
