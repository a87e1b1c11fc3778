#include "adapter/driver_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/percent.h"
#include "drivers/library.h"
#include "drivers/version.h"

namespace nstarx::adapter {
namespace {

constexpr int64_t kLeastMemory = 128;
constexpr int64_t kMostMemory = 65536;

Error Malformed(std::string message) {
  return InvalidArgument("adapter.malformed_spec", std::move(message)).WithStage("config");
}

Result<std::string> TextOf(const json::value& value, std::string_view where) {
  if (!value.is_string()) return Malformed(fmt::format("'driver.{}' is not a text", where));
  return std::string(value.get_string());
}

Result<OptionTemplates> ReadOptions(const json::object& from, std::string_view name) {
  OptionTemplates out;
  const json::value* value = from.if_contains(name);
  if (value == nullptr) return out;
  if (!value->is_object()) return Malformed(fmt::format("'driver.{}' is not an object", name));
  for (const auto& [key, text] : value->get_object()) {
    NSTARX_TRY(std::string read, TextOf(text, fmt::format("{}.{}", name, std::string(key))));
    out.emplace_back(key, std::move(read));
  }
  return out;
}

Result<std::vector<std::string>> ReadStatements(const json::object& from, std::string_view name) {
  std::vector<std::string> out;
  const json::value* value = from.if_contains(name);
  if (value == nullptr) return out;
  if (!value->is_array()) return Malformed(fmt::format("'driver.{}' is not a list", name));
  for (const auto& text : value->get_array()) {
    NSTARX_TRY(std::string read, TextOf(text, name));
    out.push_back(std::move(read));
  }
  return out;
}

/// `driver:<id>` as the folder of that driver, <data>/drivers/<id>, seen from the adapter's,
/// <data>/adapters/<type>: which version is current is looked up when a session opens.
Result<std::string> ManagedDriver(std::string_view library, const std::string& folder) {
  const std::string_view id = library.substr(drivers::kDriverPrefix.size());
  if (!drivers::IsDriverId(id)) return Malformed("'driver.library' names no driver: driver:<id>");
  const auto all = (std::filesystem::path(folder) / ".." / ".." / "drivers").lexically_normal();
  return fmt::format("{}{}", drivers::kDriverPrefix, (all / id).string());
}

/// A name with a slash or a dot is a file; another one is an installed driver's.
std::string PlaceOf(std::string library, const std::string& folder) {
  if (library.find_first_of("/.") != std::string::npos && !library.starts_with('/')) {
    return (std::filesystem::path(folder) / library).lexically_normal().string();
  }
  return library;
}

/// One library, or of JDBC a list of jars.
Result<std::string> ReadLibrary(const json::object& driver, const std::string& folder) {
  const json::value* value = driver.if_contains("library");
  std::vector<std::string> parts;
  if (value != nullptr && value->is_string()) {
    parts.emplace_back(value->get_string());
    if (parts[0].starts_with(drivers::kDriverPrefix)) return ManagedDriver(parts[0], folder);
  }
  const bool jars = GetString(driver, "kind") == "jdbc";
  if (jars && value != nullptr && value->is_array()) {
    NSTARX_TRY(parts, ReadStatements(driver, "library"));
  }
  std::string out;
  for (auto& part : parts) {
    if (part.empty() || (jars && part.find(':') != std::string::npos)) {
      return Malformed("'driver.library' holds what is no file");
    }
    out += (out.empty() ? "" : ":") + PlaceOf(std::move(part), folder);
  }
  if (out.empty()) return Malformed("'driver.library' is missing");
  return out;
}

Status ReadJdbc(const json::object& driver, DriverSpec* out) {
  out->entrypoint = GetString(driver, "class");
  const std::string url(GetString(driver, "url"));
  if (!url.starts_with("jdbc:")) return Malformed("'driver.url' is no URL of JDBC");
  out->url.emplace_back("url", url);
  return {};
}

Result<std::vector<ErrorRule>> ReadErrors(const json::object& from) {
  std::vector<ErrorRule> out;
  const json::value* value = from.if_contains("errors");
  if (value == nullptr) return out;
  if (!value->is_array()) return Malformed("'driver.errors' is not a list");
  for (const auto& row : value->get_array()) {
    if (!row.is_object()) return Malformed("'driver.errors' holds what is no object");
    const json::object& fields = row.get_object();
    ErrorRule rule{.contains = std::string(GetString(fields, "contains")),
                   .sqlstate = std::string(GetString(fields, "sqlstate")),
                   .vendor_code = GetInt(fields, "vendor_code", 0),
                   .code = std::string(GetString(fields, "code"))};
    if (rule.code.empty() ||
        (rule.contains.empty() && rule.sqlstate.empty() && rule.vendor_code == 0)) {
      return Malformed(
          "a row of 'driver.errors' needs code, and contains, sqlstate or vendor_code");
    }
    out.push_back(std::move(rule));
  }
  return out;
}

/// The text of a configuration's value: strings as they are, other values as JSON.
std::string Plain(const json::value& value) {
  if (value.is_null()) return {};
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

Result<std::string> ValueOf(std::string_view name, const connector::OpenRequest& request) {
  if (name == "host") {
    if (request.endpoint.host.empty())
      return Plain(json::value(GetString(request.configuration, "host")));
    return request.endpoint.host;
  }
  if (name == "port") {
    return request.endpoint.port > 0 ? std::to_string(request.endpoint.port) : std::string();
  }
  if (const json::value* value = request.configuration.if_contains(name)) return Plain(*value);
  if (const json::value* value = request.authentication.if_contains(name)) return Plain(*value);
  if (const auto secret = request.secrets.find(name); secret != request.secrets.end()) {
    return std::string(secret->second.Reveal());
  }
  return std::string();
}

}  // namespace

Result<DriverSpec> DriverSpec::Parse(const connector::Spec& spec, const std::string& folder) {
  const json::value* found = spec.document().if_contains("driver");
  if (found == nullptr || !found->is_object()) {
    return Malformed("an adapter's spec.json needs the object 'driver'");
  }
  const json::object& driver = found->get_object();
  DriverSpec out;
  out.kind = GetString(driver, "kind");
  if (out.kind != "adbc" && out.kind != "odbc" && out.kind != "jdbc") {
    return Malformed(fmt::format("'driver.kind' is '{}': there are adbc, odbc and jdbc", out.kind));
  }
  NSTARX_TRY(out.library, ReadLibrary(driver, folder));
  out.entrypoint = GetString(driver, "entrypoint");
  if (out.kind == "jdbc") NSTARX_RETURN_IF_ERROR(ReadJdbc(driver, &out));
  NSTARX_TRY(out.database, ReadOptions(driver, "database"));
  NSTARX_TRY(out.connection, ReadOptions(driver, "connection"));
  NSTARX_TRY(out.session, ReadStatements(driver, "session"));
  if (const json::value* value = driver.if_contains("read_only");
      value != nullptr && value->is_object()) {
    NSTARX_TRY(out.read_only_connection, ReadOptions(value->get_object(), "connection"));
    NSTARX_TRY(out.read_only_session, ReadStatements(value->get_object(), "session"));
    out.can_read_only = !out.read_only_connection.empty() || !out.read_only_session.empty();
  }
  out.ping = GetString(driver, "ping", "SELECT 1");
  out.sample = GetString(driver, "sample", "SELECT * FROM {path} LIMIT {limit}");
  out.memory_mb = GetInt(driver, "memory_mb", out.memory_mb);
  if (out.memory_mb < kLeastMemory || out.memory_mb > kMostMemory) {
    return Malformed(
        fmt::format("'driver.memory_mb' must be between {} and {}", kLeastMemory, kMostMemory));
  }
  NSTARX_TRY(out.errors, ReadErrors(driver));
  for (const auto& known : spec.errors()) out.advised.insert(known.code);
  // What a connection can ask for must be there: a read-only one that writes would be a trap.
  const bool offered = std::ranges::any_of(
      spec.configuration(), [](const auto& field) { return field.name == "read_only"; });
  if (offered != out.can_read_only || spec.Has("read_only") != out.can_read_only) {
    return Malformed(
        "the field 'read_only', the capability 'read_only' and 'driver.read_only' belong together");
  }
  return out;
}

Result<json::object> FillOptions(const OptionTemplates& templates,
                                 const connector::OpenRequest& request) {
  json::object out;
  for (const auto& [key, text] : templates) {
    std::string filled;
    bool any_placeholder = false;
    bool any_value = false;
    for (size_t at = 0; at < text.size();) {
      const size_t open = text.find('{', at);
      filled.append(text, at, std::min(open, text.size()) - at);
      if (open == std::string::npos) break;
      const size_t close = text.find('}', open);
      if (close == std::string::npos) {
        return Malformed(fmt::format("the option '{}' lacks a '}}'", key));
      }
      std::string_view name = std::string_view(text).substr(open + 1, close - open - 1);
      const bool encode = name.ends_with("|uri");
      if (encode) name.remove_suffix(4);
      NSTARX_TRY(std::string value, ValueOf(name, request));
      any_placeholder = true;
      any_value = any_value || !value.empty();
      filled += encode ? PercentEncode(value) : value;
      WipeString(value);
      at = close + 1;
    }
    if (!any_placeholder || any_value) out[key] = std::move(filled);
  }
  return out;
}

}  // namespace nstarx::adapter
