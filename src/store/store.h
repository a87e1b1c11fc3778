#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/status.h"
#include "model/connection.h"

namespace nstarx::store {

/// A secret as it lies on disk: sealed with its own data key, which is wrapped by a key-encryption
/// key. The vault alone knows how to open it.
struct SealedSecret {
  std::string owner_id;  ///< connection id
  std::string field;     ///< e.g. "password"
  int64_t version = 1;
  std::string kek_id;       ///< which key-encryption key wraps `wrapped_key`
  std::string wrapped_key;  ///< nonce + ciphertext + tag of the data key
  std::string nonce;
  std::string ciphertext;  ///< with tag
  TimePoint rotated_at{};
};

/// A key-encryption key the vault knows of; never the key itself.
struct KeyRecord {
  std::string id;
  std::string provider;          ///< file | passphrase
  std::string check;             ///< a sealed constant, to tell a wrong key at start
  json::object parameters;       ///< salt, limits …
  std::string state = "active";  ///< active | retiring | retired
  TimePoint created{};
};

struct User {
  std::string id;
  std::string name;
  Role role = Role::kViewer;
  std::vector<std::string> teams;
  TimePoint created{};
};

struct ApiKey {
  std::string id;
  std::string name;
  std::string user_id;
  std::string hash;           ///< of the whole key; the key itself is shown once and never stored
  std::string prefix;         ///< its first characters, to recognise it
  Role role = Role::kViewer;  ///< at most the user's
  std::vector<std::string> scopes;
  std::optional<TimePoint> expires;
  std::optional<TimePoint> revoked;
  std::optional<TimePoint> last_used;
  TimePoint created{};
};

/// One saved state of a connection, for history and rollback.
struct ConnectionVersion {
  int64_t version = 0;
  TimePoint at{};
  std::string by;      ///< user name
  std::string change;  ///< created, updated, rolled back to 3, archived, restored
  model::Connection connection;
};

/// Filters of a list; empty members do not filter. Text search is case-insensitive over name,
/// description, tags.
struct ConnectionFilter {
  std::string type;
  std::string tag;
  std::string status;
  std::string scope;
  std::string owner;
  std::string query;
  bool archived = false;      ///< true: only archived ones
  std::string sort = "name";  ///< name, -name, created, -created, modified, -modified, type
  int64_t limit = 100;        ///< 1..1000
  std::string cursor;         ///< opaque, from the previous page
  /// Whom it is for: admins see all, others what they own, what is shared with their teams or the
  /// organization, and what is granted to them by name. Applied inside the store so that pages are
  /// full.
  const Principal* visible_to = nullptr;
};

struct ConnectionPage {
  std::vector<model::Connection> items;
  std::string next;
};

/// An answer kept for a repeated Idempotency-Key.
struct StoredAnswer {
  std::string fingerprint;  ///< of the request; another request with the same key is a conflict
  int status = 0;
  std::string body;
  TimePoint at{};
};

/// A template of the user's own: a part of a connection draft under a name. Holds no secret.
struct Template {
  std::string id;
  std::string name;
  std::string type;
  int64_t version = 1;  ///< counts changes; the ETag
  std::string owner_id;
  std::string owner;
  TimePoint created{};
  TimePoint modified{};
  json::object content;  ///< title, hints, sharing and the parts of the draft
};

/// What must last. Every writing call is durable when it returns (kill -9 at any time loses nothing
/// acknowledged) and all-or-nothing. Thread-safe. Errors: already_exists as connection.name_taken,
/// conflict as connection.version_conflict, not_found as connection.not_found, data_loss as
/// store.damaged.
class Store {
 public:
  virtual ~Store() = default;

  // Connections. A write stores the connection, its sealed secrets (added or replaced;
  // `removed_fields` deleted) and a version row in one transaction.
  virtual Status CreateConnection(const model::Connection& connection,
                                  const std::vector<SealedSecret>& secrets,
                                  std::string_view by) = 0;
  /// Succeeds only when the stored version is `connection.version - 1`.
  virtual Status UpdateConnection(const model::Connection& connection,
                                  const std::vector<SealedSecret>& secrets,
                                  const std::vector<std::string>& removed_fields,
                                  std::string_view by, std::string_view change) = 0;
  /// Status and last test only: no new version.
  virtual Status RecordTest(std::string_view id, model::ConnectionStatus status,
                            const json::object& last_test) = 0;
  virtual Status DeleteConnection(std::string_view id) = 0;
  /// By id or by name (archived ones by id or name too).
  virtual Result<model::Connection> GetConnection(std::string_view ref) = 0;
  virtual Result<ConnectionPage> ListConnections(const ConnectionFilter& filter) = 0;
  virtual Result<int64_t> CountConnections() = 0;
  virtual Result<std::vector<ConnectionVersion>> ListVersions(std::string_view id) = 0;
  virtual Result<ConnectionVersion> GetVersion(std::string_view id, int64_t version) = 0;

  // Secrets.
  virtual Result<std::vector<SealedSecret>> GetSecrets(std::string_view owner_id) = 0;
  /// Up to `limit` secrets whose data key is wrapped by another key than `kek_id`, for re-wrapping.
  virtual Result<std::vector<SealedSecret>> SecretsNotWrappedBy(std::string_view kek_id,
                                                                int64_t limit) = 0;
  virtual Result<int64_t> CountSecretsNotWrappedBy(std::string_view kek_id) = 0;
  /// Replaces wrapped_key and kek_id of each secret that still is that version, in one transaction.
  virtual Status RewrapSecrets(const std::vector<SealedSecret>& secrets) = 0;
  virtual Result<std::vector<KeyRecord>> ListKeys() = 0;
  virtual Status PutKey(const KeyRecord& key) = 0;

  // Callers.
  virtual Status PutUser(const User& user) = 0;
  virtual Result<User> GetUser(std::string_view ref) = 0;
  virtual Result<std::vector<User>> ListUsers() = 0;
  virtual Status PutApiKey(const ApiKey& key) = 0;
  virtual Result<ApiKey> GetApiKey(std::string_view id) = 0;
  virtual Result<std::vector<ApiKey>> ListApiKeys() = 0;
  virtual Status TouchApiKey(std::string_view id, TimePoint used) = 0;

  // Templates.
  /// Version 1 is a new one; a later one succeeds only when the stored version is `version - 1`:
  /// template.name_taken, template.version_conflict, template.not_found.
  virtual Status PutTemplate(const Template& row) = 0;
  /// By id or name.
  virtual Result<Template> GetTemplate(std::string_view ref) = 0;
  /// By name; all types when `type` is empty.
  virtual Result<std::vector<Template>> ListTemplates(std::string_view type) = 0;
  virtual Status DeleteTemplate(std::string_view id) = 0;

  // Idempotency: kept for 24 hours (counted up to the newest answer), at most 100,000.
  virtual Result<std::optional<StoredAnswer>> FindAnswer(std::string_view caller,
                                                         std::string_view key) = 0;
  virtual Status KeepAnswer(std::string_view caller, std::string_view key,
                            const StoredAnswer& answer) = 0;
};

}  // namespace nstarx::store
