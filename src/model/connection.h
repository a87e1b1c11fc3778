#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/status.h"

namespace nstarx::model {

enum class ConnectionStatus { kActive, kInactive, kError, kTesting };
std::string_view ToString(ConnectionStatus status);
Result<ConnectionStatus> ParseConnectionStatus(std::string_view text);

/// One place to dial. A connection may list many (`host: "a,b,c"` or `configuration.endpoints`).
struct Endpoint {
  std::string host;
  int port = 0;
  std::string role = "any";  ///< primary | replica | any
  bool operator==(const Endpoint&) const = default;
};

/// How pools behave; `enabled: false` means one session per use.
struct Pooling {
  bool enabled = true;
  int min_size = 0;
  int max_size = 10;
  int idle_timeout_ms = 300'000;    ///< JSON idleTimeout, in seconds there
  int max_lifetime_ms = 1'800'000;  ///< JSON maxLifetime, in seconds there
  int wait_timeout_ms = 10'000;     ///< JSON waitTimeout, in seconds there
};

/// TLS towards the system. Modes: disable is `enabled: false`.
struct Ssl {
  bool enabled = false;
  std::string mode = "require";  ///< require | verify-ca | verify-full
  std::string certificate;       ///< PEM bundle of trusted CAs, or empty for the system's
  std::string server_name;       ///< name to verify instead of the host, or empty
};

/// What is shown of a stored secret field; the plaintext is in the vault.
struct SecretField {
  std::string name;  ///< field of the authentication, e.g. "password"
  int64_t version = 0;
  TimePoint rotated_at{};
};

struct Authentication {
  std::string type;     ///< method id in the spec: basic, token, iam, certificate, oauth, none …
  json::object fields;  ///< the method's public fields, e.g. username, role_arn
  std::vector<SecretField> secrets;  ///< which secret fields are configured
};

struct Metadata {
  TimePoint created{};
  TimePoint modified{};
  std::string owner;     ///< user name
  std::string owner_id;  ///< user id
  std::vector<std::string> tags;
  std::string description;
};

/// One line of sharing: a user or team may do the named things.
struct Grant {
  std::string subject;                   ///< "user:<name>" or "team:<name>"
  std::vector<std::string> permissions;  ///< view, use, edit, test, share, manage
};

struct Sharing {
  std::string scope = "private";  ///< private | team | organization
  std::string team;               ///< with scope team
  std::vector<Grant> permissions;
};

/// The mission's Connection. A plain value: no plaintext secret is ever in it. Configuration values
/// may hold
/// ${ENV_VAR}; they are resolved on use only.
struct Connection {
  std::string id;
  std::string name;
  std::string type;
  ConnectionStatus status = ConnectionStatus::kActive;
  json::object configuration;
  Authentication authentication;
  Pooling pooling;
  Ssl ssl;
  Metadata metadata;
  Sharing sharing;
  int64_t version = 1;                    ///< counts changes; the ETag
  std::optional<TimePoint> archived;      ///< set while archived
  std::optional<json::object> last_test;  ///< {"status", "at", "code"} of the last staged test
};

/// As every answer shows it: secrets as {"configured", "version", "rotated_at"}.
json::object ToJson(const Connection& connection);
/// The inverse for what the store wrote (ToStoredJson is ToJson); errors are data loss.
Result<Connection> ConnectionFromJson(const json::object& object);

/// What a client sends to create one: secrets still inside `authentication`; the spec takes it
/// apart.
struct ConnectionDraft {
  std::string name;
  std::string type;
  json::object configuration;
  json::object authentication;
  std::optional<json::object> pooling;
  std::optional<json::object> ssl;
  std::optional<json::object> sharing;
  std::vector<std::string> tags;
  std::string description;
};

/// Reads the body of POST /connections. Accepts tags/description at the top level or in `metadata`,
/// and `configuration.uri` (taken apart later by the spec). Unknown keys are config.unknown_field
/// with a suggestion.
Result<ConnectionDraft> DraftFromJson(const json::object& body);

Result<Pooling> PoolingFromJson(const json::object& object, Pooling defaults);
Result<Ssl> SslFromJson(const json::object& object, const Ssl& defaults);
Result<Sharing> SharingFromJson(const json::object& object, const Sharing& defaults);
json::object ToJson(const Pooling& pooling);
json::object ToJson(const Ssl& ssl);
json::object ToJson(const Sharing& sharing);

}  // namespace nstarx::model
