#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "connector/connector.h"
#include "connectors/aws/service_login.h"

namespace nstarx::connectors::redshift {

/// A database user and the password that IAM gave for some minutes.
struct DatabaseLogin {
  std::string user;
  Secret password;
  TimePoint expires;
};

using DatabaseLoginPtr = std::shared_ptr<const DatabaseLogin>;  // shared by the cache and logins

/// Reads the XML answer of GetClusterCredentials and GetClusterCredentialsWithIAM;
/// response.malformed.
Result<DatabaseLoginPtr> ReadClusterCredentials(std::string_view document);
/// Reads the JSON answer of the serverless GetCredentials; response.malformed.
Result<DatabaseLoginPtr> ReadServerlessCredentials(std::string_view document);

/// Exchanges AWS keys for database logins and keeps them until shortly before they end.
/// Thread-safe.
class IamLogins {
 public:
  explicit IamLogins(const Clock& clock) : clock_(clock), login_(clock) {}

  /// login.no_credentials, login.iam_denied, login.unknown_cluster, config.missing_field and the
  /// errors of keys and transport; stage login.
  Result<DatabaseLoginPtr> Find(const Context& context, const connector::OpenRequest& request);

 private:
  const Clock& clock_;
  aws::ServiceLogin login_;
  std::mutex mutex_;
  std::map<std::string, DatabaseLoginPtr> logins_ NSTARX_GUARDED_BY(mutex_);
};

}  // namespace nstarx::connectors::redshift
