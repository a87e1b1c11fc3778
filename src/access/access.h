#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/status.h"
#include "model/connection.h"
#include "store/store.h"

namespace nstarx::access {

/// What one may do with one connection, or in the deployment.
enum class Permission {
  kView,    ///< see it and its metadata
  kUse,     ///< query, browse, objects
  kEdit,    ///< change, archive, roll back
  kTest,    ///< run a staged test
  kShare,   ///< change sharing
  kManage,  ///< delete
  kCreate,  ///< create connections, test unsaved ones (no connection)
  kAdmin,   ///< users, keys, vault (no connection)
  kAudit,   ///< read the journal (no connection)
};
std::string_view ToString(Permission permission);

struct Decision {
  bool allowed = false;
  bool visible = false;  ///< false: answer 404, it does not exist for this caller
  std::string
      reason;  ///< "owner", "role admin", "team data-eng (use)", "role viewer may not use", …
};

/// The one pure decision function. `connection` is null for kCreate, kAdmin and kAudit. Roles cap
/// grants: a viewer can view only; a user can view, use and test; an editor can in addition create,
/// and edit/share/manage what he owns or was granted; an admin can do all. Sharing with a team or
/// the organization gives view, use and test; the rest needs a grant by name. Every grant includes
/// view. A key's scopes cap further: "*", or "<area>:<read|use|write>" with area connections, data,
/// keys, audit, where write includes use and use includes read. View needs connections:read, test
/// connections:use, use data:use, admin keys:write, audit audit:read, the rest connections:write.
Decision Decide(const Principal& principal, Permission permission,
                const model::Connection* connection);

/// Decide as a Status: access.denied with reason and hint, or connection.not_found when not
/// visible.
Status Require(const Principal& principal, Permission permission,
               const model::Connection* connection);

struct NewApiKey {
  std::string name;
  std::string user;  ///< id or name; the caller itself when empty
  std::optional<Role> role;
  std::vector<std::string> scopes;
  std::optional<TimePoint> expires;
};

struct IssuedApiKey {
  store::ApiKey record;
  std::string key;  ///< shown once
};

/// Whether the scopes of the caller's key, if it came by one, cover the permission at all.
bool KeyCovers(const Principal& principal, Permission permission);

/// True for "*" and "<area>:<read|use|write>" of a known area.
bool IsScope(std::string_view scope);

/// Users and their API keys. A key is "nsx_<id>_<secret>", 160 random bits; stored as SHA-256 (a
/// random key needs no slow hash). Verified keys are cached for seconds, so a request costs no
/// store access; revocation and role changes through this object take effect at once. Thread-safe.
class Callers {
 public:
  static Result<std::unique_ptr<Callers>> Open(store::Store& store, const Clock& clock);
  virtual ~Callers() = default;

  /// The principal of an `Authorization: Bearer` value: auth.missing_key, auth.invalid_key,
  /// auth.expired_key; auth.throttled for an address that shows many wrong keys (right ones always
  /// pass).
  virtual Result<Principal> Authenticate(std::string_view authorization,
                                         std::string_view remote_address) = 0;

  virtual Result<store::User> CreateUser(std::string name, Role role,
                                         std::vector<std::string> teams) = 0;
  virtual Result<store::User> UpdateUser(std::string_view ref, std::optional<Role> role,
                                         std::optional<std::vector<std::string>> teams) = 0;
  virtual Result<std::vector<store::User>> ListUsers() = 0;
  /// A key for the caller, or for anyone when the caller is an admin; never with a higher role or
  /// wider scopes than the caller's and the user's own. No scopes mean "*".
  virtual Result<IssuedApiKey> IssueKey(const Principal& by, const NewApiKey& request) = 0;
  /// Anyone's key: whether the caller may is decided before (his own are those of ListKeys).
  virtual Status RevokeKey(std::string_view id) = 0;
  /// The caller's own keys, or all when the caller is an admin; without hashes.
  virtual Result<std::vector<store::ApiKey>> ListKeys(const Principal& by) = 0;
};

}  // namespace nstarx::access
