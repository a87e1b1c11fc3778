#include "model/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace nstarx::model {
namespace {

constexpr std::array<std::string_view, 6> kPermissions = {"view", "use",   "edit",
                                                          "test", "share", "manage"};

Error Wrong(std::string_view field, std::string_view what) {
  return InvalidArgument("config.wrong_type", fmt::format("'{}' must be {}", field, what))
      .WithDetail("field", field);
}

/// config.unknown_field with a suggestion for the first member of `object` that is not `known`.
Status RefuseUnknown(const json::object& object, std::string_view where,
                     std::span<const std::string_view> known) {
  for (const auto& member : object) {
    const std::string_view key = member.key();
    if (std::ranges::find(known, key) != known.end()) continue;
    const std::vector<std::string> candidates(known.begin(), known.end());
    const std::string_view close = ClosestWord(key, candidates);
    const std::string field = where.empty() ? std::string(key) : fmt::format("{}.{}", where, key);
    Error error = InvalidArgument("config.unknown_field", fmt::format("unknown field '{}'", field));
    error.WithDetail("field", field);
    if (!close.empty()) {
      error.WithHint(fmt::format("Did you mean '{}'?", close)).WithDetail("suggestion", close);
    } else {
      error.WithHint(fmt::format("Known fields here: {}.", fmt::join(candidates, ", ")));
    }
    return error;
  }
  return {};
}

Result<std::string> TakeString(const json::object& object, std::string_view key,
                               std::string fallback, size_t longest) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_string()) return Wrong(key, "a string");
  if (value->get_string().size() > longest) {
    return InvalidArgument("config.out_of_range",
                           fmt::format("'{}' is longer than {} bytes", key, longest))
        .WithDetail("field", key);
  }
  return std::string(value->get_string());
}

Result<int> TakeSecondsAsMs(const json::object& object, std::string_view key, int fallback_ms) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return fallback_ms;
  if (!value->is_number()) return Wrong(key, "a number of seconds");
  const double seconds = value->to_number<double>();
  if (!(seconds >= 0) || seconds > 86'400) {
    return InvalidArgument("config.out_of_range",
                           fmt::format("'{}' must be between 0 and 86400 seconds", key))
        .WithDetail("field", key);
  }
  return static_cast<int>(std::lround(seconds * 1000));
}

Result<int> TakeCount(const json::object& object, std::string_view key, int fallback, int low,
                      int high) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_int64()) return Wrong(key, "a whole number");
  if (value->get_int64() < low || value->get_int64() > high) {
    return InvalidArgument("config.out_of_range",
                           fmt::format("'{}' must be between {} and {}", key, low, high))
        .WithDetail("field", key);
  }
  return static_cast<int>(value->get_int64());
}

Result<bool> TakeBool(const json::object& object, std::string_view key, bool fallback) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_bool()) return Wrong(key, "true or false");
  return value->get_bool();
}

Result<std::vector<std::string>> TakeStrings(const json::object& object, std::string_view key,
                                             size_t most, size_t longest) {
  std::vector<std::string> out;
  const json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return out;
  if (!value->is_array()) return Wrong(key, "a list of strings");
  if (value->get_array().size() > most) {
    return InvalidArgument("config.out_of_range",
                           fmt::format("'{}' has more than {} items", key, most))
        .WithDetail("field", key);
  }
  for (const auto& item : value->get_array()) {
    if (!item.is_string() || item.get_string().empty() || item.get_string().size() > longest) {
      return Wrong(key, fmt::format("a list of strings of 1 to {} bytes", longest));
    }
    std::string text(item.get_string());
    if (std::ranges::find(out, text) == out.end()) out.push_back(std::move(text));
  }
  return out;
}

double Seconds(int ms) { return ms / 1000.0; }

json::value SecondsValue(int ms) {
  return ms % 1000 == 0 ? json::value(ms / 1000) : json::value(Seconds(ms));
}

}  // namespace

std::string_view ToString(ConnectionStatus status) {
  switch (status) {
    case ConnectionStatus::kActive:
      return "active";
    case ConnectionStatus::kInactive:
      return "inactive";
    case ConnectionStatus::kError:
      return "error";
    case ConnectionStatus::kTesting:
      return "testing";
  }
  return "active";
}

Result<ConnectionStatus> ParseConnectionStatus(std::string_view text) {
  for (auto status : {ConnectionStatus::kActive, ConnectionStatus::kInactive,
                      ConnectionStatus::kError, ConnectionStatus::kTesting}) {
    if (text == ToString(status)) return status;
  }
  return Wrong("status", "active, inactive, error or testing");
}

json::object ToJson(const Pooling& pooling) {
  json::object out;
  out["enabled"] = pooling.enabled;
  out["minSize"] = pooling.min_size;
  out["maxSize"] = pooling.max_size;
  out["idleTimeout"] = SecondsValue(pooling.idle_timeout_ms);
  out["maxLifetime"] = SecondsValue(pooling.max_lifetime_ms);
  out["waitTimeout"] = SecondsValue(pooling.wait_timeout_ms);
  return out;
}

Result<Pooling> PoolingFromJson(const json::object& object, Pooling defaults) {
  static constexpr std::array<std::string_view, 6> kKnown = {
      "enabled", "minSize", "maxSize", "idleTimeout", "maxLifetime", "waitTimeout"};
  NSTARX_RETURN_IF_ERROR(RefuseUnknown(object, "pooling", kKnown));
  Pooling out = defaults;
  NSTARX_TRY(out.enabled, TakeBool(object, "enabled", defaults.enabled));
  NSTARX_TRY(out.min_size, TakeCount(object, "minSize", defaults.min_size, 0, 1000));
  NSTARX_TRY(out.max_size, TakeCount(object, "maxSize", defaults.max_size, 1, 1000));
  NSTARX_TRY(out.idle_timeout_ms, TakeSecondsAsMs(object, "idleTimeout", defaults.idle_timeout_ms));
  NSTARX_TRY(out.max_lifetime_ms, TakeSecondsAsMs(object, "maxLifetime", defaults.max_lifetime_ms));
  NSTARX_TRY(out.wait_timeout_ms, TakeSecondsAsMs(object, "waitTimeout", defaults.wait_timeout_ms));
  if (out.min_size > out.max_size) {
    return InvalidArgument("config.out_of_range", "'minSize' must not be more than 'maxSize'")
        .WithDetail("field", "pooling.minSize");
  }
  return out;
}

json::object ToJson(const Ssl& ssl) {
  json::object out;
  out["enabled"] = ssl.enabled;
  out["mode"] = ssl.mode;
  if (!ssl.certificate.empty()) out["certificate"] = ssl.certificate;
  if (!ssl.server_name.empty()) out["serverName"] = ssl.server_name;
  return out;
}

Result<Ssl> SslFromJson(const json::object& object, const Ssl& defaults) {
  static constexpr std::array<std::string_view, 4> kKnown = {"enabled", "mode", "certificate",
                                                             "serverName"};
  NSTARX_RETURN_IF_ERROR(RefuseUnknown(object, "ssl", kKnown));
  Ssl out = defaults;
  NSTARX_TRY(out.mode, TakeString(object, "mode", defaults.mode, 32));
  // A mode without "enabled" means that TLS is wanted.
  NSTARX_TRY(out.enabled, TakeBool(object, "enabled", object.contains("mode") || defaults.enabled));
  if (out.mode == "disable") {
    out.enabled = false;
    out.mode = "require";
  }
  if (out.mode != "require" && out.mode != "verify-ca" && out.mode != "verify-full") {
    return Wrong("ssl.mode", "require, verify-ca or verify-full");
  }
  NSTARX_TRY(out.certificate, TakeString(object, "certificate", defaults.certificate, 1 << 18));
  NSTARX_TRY(out.server_name, TakeString(object, "serverName", defaults.server_name, 253));
  return out;
}

json::object ToJson(const Sharing& sharing) {
  json::object out;
  out["scope"] = sharing.scope;
  if (!sharing.team.empty()) out["team"] = sharing.team;
  json::array grants;
  for (const auto& grant : sharing.permissions) {
    json::object row;
    row["subject"] = grant.subject;
    row["permissions"] = json::array(grant.permissions.begin(), grant.permissions.end());
    grants.push_back(std::move(row));
  }
  out["permissions"] = std::move(grants);
  return out;
}

Result<Sharing> SharingFromJson(const json::object& object, const Sharing& defaults) {
  static constexpr std::array<std::string_view, 3> kKnown = {"scope", "team", "permissions"};
  static constexpr std::array<std::string_view, 2> kGrantKnown = {"subject", "permissions"};
  NSTARX_RETURN_IF_ERROR(RefuseUnknown(object, "sharing", kKnown));
  Sharing out = defaults;
  NSTARX_TRY(out.scope, TakeString(object, "scope", defaults.scope, 32));
  if (out.scope != "private" && out.scope != "team" && out.scope != "organization") {
    return Wrong("sharing.scope", "private, team or organization");
  }
  NSTARX_TRY(out.team, TakeString(object, "team", defaults.team, 128));
  if (out.scope == "team" && out.team.empty()) {
    return InvalidArgument("config.missing_field", "'sharing.team' is needed with scope team")
        .WithDetail("field", "sharing.team")
        .WithHint("Name the team that shall see it, or use scope organization.");
  }
  if (const json::value* list = object.if_contains("permissions"); list != nullptr) {
    if (!list->is_array() || list->get_array().size() > 1000) {
      return Wrong("sharing.permissions", "a list of at most 1000 grants");
    }
    out.permissions.clear();
    for (const auto& item : list->get_array()) {
      if (!item.is_object()) return Wrong("sharing.permissions", "a list of objects");
      NSTARX_RETURN_IF_ERROR(RefuseUnknown(item.get_object(), "sharing.permissions", kGrantKnown));
      Grant grant;
      NSTARX_TRY(grant.subject, TakeString(item.get_object(), "subject", "", 256));
      if (!grant.subject.starts_with("user:") && !grant.subject.starts_with("team:")) {
        return Wrong("sharing.permissions.subject", "user:<name> or team:<name>");
      }
      NSTARX_TRY(grant.permissions, TakeStrings(item.get_object(), "permissions", 6, 16));
      for (const auto& permission : grant.permissions) {
        if (std::ranges::find(kPermissions, permission) == kPermissions.end()) {
          return Wrong("sharing.permissions.permissions",
                       fmt::format("of {}", fmt::join(kPermissions, ", ")));
        }
      }
      out.permissions.push_back(std::move(grant));
    }
  }
  return out;
}

json::object ToJson(const Connection& connection) {
  json::object out;
  out["id"] = connection.id;
  out["name"] = connection.name;
  out["type"] = connection.type;
  out["status"] = ToString(connection.status);
  out["configuration"] = connection.configuration;
  json::object authentication;
  authentication["type"] = connection.authentication.type;
  for (const auto& [key, value] : connection.authentication.fields) authentication[key] = value;
  for (const auto& secret : connection.authentication.secrets) {
    json::object shown;
    shown["configured"] = true;
    shown["version"] = secret.version;
    shown["rotated_at"] = FormatTime(secret.rotated_at);
    authentication[secret.name] = std::move(shown);
  }
  out["authentication"] = std::move(authentication);
  out["pooling"] = ToJson(connection.pooling);
  out["ssl"] = ToJson(connection.ssl);
  json::object metadata;
  metadata["created"] = FormatTime(connection.metadata.created);
  metadata["modified"] = FormatTime(connection.metadata.modified);
  metadata["owner"] = connection.metadata.owner;
  metadata["owner_id"] = connection.metadata.owner_id;
  metadata["tags"] = json::array(connection.metadata.tags.begin(), connection.metadata.tags.end());
  metadata["description"] = connection.metadata.description;
  out["metadata"] = std::move(metadata);
  out["sharing"] = ToJson(connection.sharing);
  out["version"] = connection.version;
  if (connection.archived) out["archived"] = FormatTime(*connection.archived);
  if (connection.last_test) out["last_test"] = *connection.last_test;
  return out;
}

namespace {

Result<Authentication> AuthenticationFromJson(const json::object& object) {
  Authentication out;
  for (const auto& [key, value] : object) {
    if (key == "type") {
      out.type = GetString(object, "type");
    } else if (value.is_object() && value.get_object().contains("configured")) {
      const json::object& shown = value.get_object();
      SecretField secret{.name = std::string(key), .version = GetInt(shown, "version", 1)};
      NSTARX_TRY(secret.rotated_at, ParseTime(GetString(shown, "rotated_at")));
      out.secrets.push_back(std::move(secret));
    } else {
      out.fields[key] = value;
    }
  }
  return out;
}

Result<Metadata> MetadataFromJson(const json::object& object) {
  Metadata out;
  NSTARX_TRY(out.created, ParseTime(GetString(object, "created")));
  NSTARX_TRY(out.modified, ParseTime(GetString(object, "modified")));
  out.owner = GetString(object, "owner");
  out.owner_id = GetString(object, "owner_id");
  NSTARX_TRY(out.tags, TakeStrings(object, "tags", 64, 128));
  out.description = GetString(object, "description");
  return out;
}

Result<json::object> TakeObject(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return json::object();
  if (!value->is_object()) return Wrong(key, "an object");
  return value->get_object();
}

Result<Connection> ReadConnection(const json::object& object) {
  Connection out;
  out.id = GetString(object, "id");
  out.name = GetString(object, "name");
  out.type = GetString(object, "type");
  NSTARX_TRY(out.status, ParseConnectionStatus(GetString(object, "status", "active")));
  NSTARX_TRY(out.configuration, TakeObject(object, "configuration"));
  NSTARX_TRY(const json::object authentication, TakeObject(object, "authentication"));
  NSTARX_TRY(out.authentication, AuthenticationFromJson(authentication));
  NSTARX_TRY(const json::object pooling, TakeObject(object, "pooling"));
  NSTARX_TRY(out.pooling, PoolingFromJson(pooling, {}));
  NSTARX_TRY(const json::object ssl, TakeObject(object, "ssl"));
  NSTARX_TRY(out.ssl, SslFromJson(ssl, {}));
  NSTARX_TRY(const json::object metadata, TakeObject(object, "metadata"));
  NSTARX_TRY(out.metadata, MetadataFromJson(metadata));
  NSTARX_TRY(const json::object sharing, TakeObject(object, "sharing"));
  NSTARX_TRY(out.sharing, SharingFromJson(sharing, {}));
  out.version = GetInt(object, "version", 1);
  if (object.contains("archived")) {
    NSTARX_TRY(out.archived, ParseTime(GetString(object, "archived")));
  }
  if (object.contains("last_test")) {
    NSTARX_TRY(out.last_test, TakeObject(object, "last_test"));
  }
  return out;
}

}  // namespace

Result<Connection> ConnectionFromJson(const json::object& object) {
  Result<Connection> read = ReadConnection(object);
  if (read) return read;
  return Error(ErrorKind::kDataLoss, "store.damaged",
               fmt::format("a stored connection can't be read: {}", read.error().message()));
}

Result<ConnectionDraft> DraftFromJson(const json::object& body) {
  static constexpr std::array<std::string_view, 12> kKnown = {
      "name",    "type", "configuration", "config", "authentication", "auth",
      "pooling", "ssl",  "sharing",       "tags",   "description",    "metadata"};
  static constexpr std::array<std::string_view, 2> kMetadataKnown = {"tags", "description"};
  NSTARX_RETURN_IF_ERROR(RefuseUnknown(body, "", kKnown));
  ConnectionDraft out;
  NSTARX_TRY(out.name, TakeString(body, "name", "", 128));
  NSTARX_TRY(out.type, TakeString(body, "type", "", 64));
  NSTARX_TRY(out.configuration,
             TakeObject(body, body.contains("config") ? "config" : "configuration"));
  NSTARX_TRY(out.authentication,
             TakeObject(body, body.contains("auth") ? "auth" : "authentication"));
  // The mission's interface nests them in `credentials`; its examples have them flat. Both are
  // fine.
  if (const json::value* nested = out.authentication.if_contains("credentials");
      nested != nullptr) {
    if (!nested->is_object()) return Wrong("authentication.credentials", "an object");
    const json::object credentials = nested->get_object();
    out.authentication.erase("credentials");
    for (const auto& [key, value] : credentials) out.authentication[key] = value;
  }
  for (auto [key, target] : {std::pair{"pooling", &out.pooling}, std::pair{"ssl", &out.ssl},
                             std::pair{"sharing", &out.sharing}}) {
    if (!body.contains(key)) continue;
    NSTARX_TRY(*target, TakeObject(body, key));
  }
  // `ssl_mode` inside the configuration is how the mission's SDK example says it.
  if (const json::value* mode = out.configuration.if_contains("ssl_mode"); mode != nullptr) {
    if (!mode->is_string()) return Wrong("configuration.ssl_mode", "a string");
    if (!out.ssl) out.ssl = json::object();
    if (!out.ssl->contains("mode")) (*out.ssl)["mode"] = *mode;
    out.configuration.erase("ssl_mode");
  }
  NSTARX_TRY(const json::object metadata, TakeObject(body, "metadata"));
  NSTARX_RETURN_IF_ERROR(RefuseUnknown(metadata, "metadata", kMetadataKnown));
  NSTARX_TRY(out.tags, TakeStrings(body.contains("tags") ? body : metadata, "tags", 64, 128));
  NSTARX_TRY(out.description,
             TakeString(body.contains("description") ? body : metadata, "description", "", 4096));
  return out;
}

}  // namespace nstarx::model
