#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "connectors/object_store/signing_key.h"
#include "net/http_request.h"

namespace nstarx::connectors::google {

/// A service account's key file, with its private key ready to sign. Immutable and thread-safe.
class ServiceAccount {
 public:
  /// Reads the JSON document; login.malformed_key_file, which never repeats any of it.
  static Result<std::shared_ptr<const ServiceAccount>> Parse(std::string_view document);
  ~ServiceAccount();

  const std::string& email() const { return email_; }
  /// The project that the account belongs to; may be empty.
  const std::string& project() const { return project_; }
  const net::ServiceUrl& token_endpoint() const { return token_endpoint_; }

  /// The JWT (RS256) that is exchanged for an access token good for `scope`.
  Result<std::string> Assertion(std::string_view scope, TimePoint now) const;
  /// RSA with SHA-256 over the text.
  Result<std::string> Sign(std::string_view text) const;

 private:
  ServiceAccount();
  std::string email_;
  std::string project_;
  std::string key_id_;
  std::string token_uri_;
  net::ServiceUrl token_endpoint_;
  std::unique_ptr<object_store::SigningKey> key_;
};

using ServiceAccountPtr = std::shared_ptr<const ServiceAccount>;  // shared by a session's clients

}  // namespace nstarx::connectors::google
