#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"

namespace nstarx::connectors::aws {

/// A key pair, with the token and the end of a temporary one.
struct Credentials {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;
  std::optional<TimePoint> expires;
};

using CredentialsPtr = std::shared_ptr<const Credentials>;  // shared by requests and their source

/// Where requests get their key from; thread-safe. A null pointer means 'do not sign'.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  /// A key that is good for some minutes yet.
  virtual Result<CredentialsPtr> Get(const Context& context) = 0;
};

/// Always the same key; null for anonymous access.
class FixedCredentials final : public CredentialSource {
 public:
  explicit FixedCredentials(CredentialsPtr credentials) : credentials_(std::move(credentials)) {}
  Result<CredentialsPtr> Get(const Context& context) override { return credentials_; }

 private:
  const CredentialsPtr credentials_;
};

/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of this process;
/// login.no_credentials when they are not set.
Result<CredentialsPtr> CredentialsFromEnvironment();

}  // namespace nstarx::connectors::aws
