#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "connectors/aws/credentials.h"
#include "net/http_client.h"
#include "net/http_request.h"

namespace nstarx::connectors::aws {

/// Which role to take on, where.
struct RoleRequest {
  net::ServiceUrl sts;
  std::string region;
  std::string role_arn;
  std::string external_id;   ///< empty: none
  std::string session_name;  ///< shows in the account's logs
  int duration_s = 3600;
};

/// Asks STS for temporary credentials of the role, signed with `base`. login.assume_role_denied,
/// login.unknown_access_key, login.wrong_secret_key, clock.skewed and the transport's errors; stage
/// login.
Result<CredentialsPtr> AssumeRole(const Context& context, net::HttpClient& http,
                                  const RoleRequest& request, const Credentials& base,
                                  TimePoint now);

/// Reads AssumeRole's XML answer.
Result<CredentialsPtr> ReadAssumeRoleAnswer(std::string_view document);

/// Temporary credentials that are renewed before they end: one thread renews, the others go on with
/// what is still good, or wait when nothing is. Thread-safe.
class AssumedRole final : public CredentialSource {
 public:
  using Renew = std::function<Result<CredentialsPtr>(const Context&)>;
  AssumedRole(Renew renew, const Clock& clock) : renew_(std::move(renew)), clock_(clock) {}

  Result<CredentialsPtr> Get(const Context& context) override;
  /// Like Get, but what is older than `age_max` is asked for anew.
  Result<CredentialsPtr> GetFresh(const Context& context, std::chrono::milliseconds age_max);

 private:
  const Renew renew_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any renewed_;
  CredentialsPtr current_ NSTARX_GUARDED_BY(mutex_);
  TimePoint taken_ NSTARX_GUARDED_BY(mutex_){};
  bool renewing_ NSTARX_GUARDED_BY(mutex_) = false;
};

/// The assumed roles of this process, so that the sessions of one pool share one. Keeps the 256
/// last used. Thread-safe.
class AssumedRoleCache {
 public:
  /// The role under `key` (a digest of all that it depends on), made by `make` when it is new.
  std::shared_ptr<AssumedRole> Find(const std::string& key,
                                    const std::function<std::shared_ptr<AssumedRole>()>& make);

 private:
  // shared: the cache may drop a role that a session still uses.
  using Entry = std::pair<std::string, std::shared_ptr<AssumedRole>>;
  std::mutex mutex_;
  std::list<Entry> entries_ NSTARX_GUARDED_BY(mutex_);
};

}  // namespace nstarx::connectors::aws
