#include "registry/patching.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace nstarx::registry {
namespace {

/// Stands in a draft for a secret that stays in the vault: it satisfies "required" and is never
/// stored.
constexpr std::string_view kKept = "(kept)";

/// Begins the name of a secret that was found in configuration.additionalParams.
constexpr std::string_view kExtra = "additionalParams.";

constexpr std::array<std::string_view, 11> kChangeable = {
    "name", "configuration", "config",   "authentication", "auth",       "pooling",
    "ssl",  "sharing",       "metadata", "tags",           "description"};
constexpr std::array<std::string_view, 8> kReadOnly = {
    "id", "type", "status", "version", "archived", "last_test", "created", "permissions"};

Status CheckKeys(const json::object& patch) {
  for (const auto& member : patch) {
    const std::string_view key = member.key();
    if (std::ranges::find(kChangeable, key) != kChangeable.end()) continue;
    if (std::ranges::find(kReadOnly, key) != kReadOnly.end()) {
      return InvalidArgument("config.read_only_field", fmt::format("'{}' can't be changed", key))
          .WithDetail("field", key)
          .WithHint("Leave it out of the patch. Another type needs another connection.");
    }
    const std::vector<std::string> known(kChangeable.begin(), kChangeable.end());
    Error error = InvalidArgument("config.unknown_field", fmt::format("unknown field '{}'", key));
    error.WithDetail("field", key);
    if (const auto close = ClosestWord(key, known); !close.empty()) {
      error.WithHint(fmt::format("Did you mean '{}'?", close)).WithDetail("suggestion", close);
    } else {
      error.WithHint(fmt::format("Fields that can be changed: {}.", fmt::join(known, ", ")));
    }
    return error;
  }
  return {};
}

/// Merges patch[key] (or its short name) over `base`.
json::object Merged(json::object base, const json::object& patch, std::string_view key,
                    std::string_view short_key) {
  json::value target = std::move(base);
  for (const std::string_view name : {key, short_key}) {
    if (name.empty()) continue;
    const json::value* part = patch.if_contains(name);
    if (part != nullptr && part->is_object()) MergePatch(target, *part);
  }
  return target.get_object();
}

Status CheckShapes(const json::object& patch) {
  for (const char* key : {"configuration", "config", "authentication", "auth", "pooling", "ssl",
                          "sharing", "metadata"}) {
    const json::value* part = patch.if_contains(key);
    if (part != nullptr && !part->is_object()) {
      return InvalidArgument("config.wrong_type", fmt::format("'{}' must be an object", key))
          .WithDetail("field", key);
    }
  }
  return {};
}

/// What the patch asks of `authentication`, with the stored secrets standing in as kept.
json::object AuthenticationOf(const model::Connection& current, const json::object& patch,
                              const connector::Spec& spec) {
  const auto* wanted = patch.if_contains(patch.contains("auth") ? "auth" : "authentication");
  const std::string_view type =
      wanted != nullptr && wanted->is_object()
          ? GetString(wanted->get_object(), "type", current.authentication.type)
          : std::string_view(current.authentication.type);
  json::object base;
  base["type"] = json::string(type);
  if (type == current.authentication.type) {
    for (const auto& [key, value] : current.authentication.fields) base[key] = value;
    for (const auto& secret : current.authentication.secrets) {
      if (!secret.name.starts_with(kExtra)) base[secret.name] = kKept;
    }
  }
  json::object merged = Merged(std::move(base), patch, "authentication", "auth");
  // A client that sends back what it read shows {"configured": true, …}: the secret stays.
  json::object out;
  for (auto& member : merged) {
    const bool shown =
        member.value().is_object() && member.value().get_object().contains("configured");
    // Secrets of additionalParams are shown here, yet are no field of the method.
    if (member.key().starts_with(kExtra) && shown) continue;
    out[member.key()] = shown ? json::value(kKept) : std::move(member.value());
  }
  return out;
}

/// Whether the patch takes a secret of additionalParams away.
bool RemovesExtra(const json::object& patch, std::string_view name) {
  for (const char* key : {"configuration", "config"}) {
    const json::value* part = patch.if_contains(key);
    const json::value* extra =
        part != nullptr ? part->get_object().if_contains("additionalParams") : nullptr;
    if (extra == nullptr) continue;
    if (extra->is_null()) return true;
    if (!extra->is_object()) continue;
    const json::value* value = extra->get_object().if_contains(name.substr(kExtra.size()));
    if (value != nullptr && value->is_null()) return true;
  }
  const json::value* part = patch.if_contains("authentication");
  const json::value* value = part != nullptr ? part->get_object().if_contains(name) : nullptr;
  return value != nullptr && value->is_null();
}

}  // namespace

Status CheckName(std::string_view name) {
  const auto bad = [&](std::string_view why) {
    return InvalidArgument("config.bad_name", fmt::format("the name {}", why))
        .WithDetail("field", "name")
        .WithHint("Use 1 to 128 letters, digits, spaces and . _ - ; e.g. analytics-db.");
  };
  if (name.empty()) {
    return InvalidArgument("config.missing_field", "'name' is missing")
        .WithDetail("field", "name")
        .WithHint("Name the connection, e.g. analytics-db.");
  }
  if (name.size() > 128) return bad("is longer than 128 bytes");
  if (name.front() == ' ' || name.back() == ' ') return bad("must not start or end with a space");
  if (name == "test" || name == "uri" || name.starts_with("con_"))
    return bad("is one that the server uses itself");
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) != 0 || byte >= 0x80;
    if (!plain && std::string_view(" ._-").find(c) == std::string_view::npos) {
      return bad("has a character that is not allowed");
    }
  }
  return {};
}

Result<Patched> ApplyPatch(const model::Connection& current, const json::object& patch,
                           const connector::Spec& spec) {
  NSTARX_RETURN_IF_ERROR(CheckKeys(patch));
  NSTARX_RETURN_IF_ERROR(CheckShapes(patch));

  json::object body;
  body["name"] = current.name;
  if (const json::value* name = patch.if_contains("name"); name != nullptr) body["name"] = *name;
  body["type"] = current.type;
  body["configuration"] = Merged(current.configuration, patch, "configuration", "config");
  body["authentication"] = AuthenticationOf(current, patch, spec);
  body["pooling"] = Merged(model::ToJson(current.pooling), patch, "pooling", "");
  body["ssl"] = Merged(model::ToJson(current.ssl), patch, "ssl", "");
  if (const json::value* ssl = patch.if_contains("ssl"); ssl != nullptr &&
                                                         ssl->get_object().contains("mode") &&
                                                         !ssl->get_object().contains("enabled")) {
    body["ssl"].get_object()["enabled"] = true;
  }
  body["sharing"] = Merged(model::ToJson(current.sharing), patch, "sharing", "");
  json::object metadata;
  metadata["tags"] = json::array(current.metadata.tags.begin(), current.metadata.tags.end());
  metadata["description"] = current.metadata.description;
  const json::value* given = patch.if_contains("metadata");
  for (const char* key : {"tags", "description"}) {
    if (given != nullptr && given->get_object().contains(key))
      metadata[key] = given->get_object().at(key);
    if (patch.contains(key)) metadata[key] = patch.at(key);
  }
  if (given != nullptr) {
    for (const auto& member : given->get_object()) {
      if (member.key() == "tags" || member.key() == "description") continue;
      const std::string field = "metadata." + std::string(member.key());
      return InvalidArgument("config.read_only_field", fmt::format("'{}' can't be changed", field))
          .WithDetail("field", field);
    }
  }
  body["metadata"] = std::move(metadata);

  NSTARX_TRY(const model::ConnectionDraft draft, model::DraftFromJson(body));
  NSTARX_RETURN_IF_ERROR(CheckName(draft.name));
  Patched out;
  out.name = draft.name;
  out.tags = draft.tags;
  out.description = draft.description;
  NSTARX_TRY(out.checked, spec.Check(draft));
  for (const auto& secret : current.authentication.secrets) {
    const auto fresh = out.checked.secrets.find(secret.name);
    const bool extra = secret.name.starts_with(kExtra) && !RemovesExtra(patch, secret.name);
    if (fresh != out.checked.secrets.end() && fresh->second.Reveal() != kKept) continue;
    if (fresh != out.checked.secrets.end() || extra) {
      out.kept_secrets.push_back(secret.name);
      if (fresh != out.checked.secrets.end()) out.checked.secrets.erase(fresh);
    } else {
      out.removed_secrets.push_back(secret.name);
    }
  }
  return out;
}

}  // namespace nstarx::registry
