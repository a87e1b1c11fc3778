#include "connector/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/percent.h"
#include "connector/spec_fields.h"
#include "connector/uri.h"

namespace nstarx::connector {

/// Reads spec.json; friend of Spec so that a Spec is never half-made.
class SpecReader {
 public:
  static Result<Spec> Read(std::string_view document) {
    NSTARX_TRY(json::value parsed, ParseJson(document));
    if (!parsed.is_object()) return Internal("spec.json is no object");
    Spec spec;
    spec.document_ = parsed.get_object();
    const json::object& root = spec.document_;
    spec.type_ = GetString(root, "type");
    spec.title_ = GetString(root, "title");
    spec.family_ = GetString(root, "family");
    spec.default_port_ = static_cast<int>(GetInt(root, "default_port", 0));
    if (spec.type_.empty() || spec.title_.empty()) return Internal("spec.json lacks type or title");
    for (auto& scheme : Strings(root, "schemes")) spec.schemes_.push_back(std::move(scheme));
    for (auto& capability : Strings(root, "capabilities"))
      spec.capabilities_.insert(std::move(capability));
    if (const json::value* tls = root.if_contains("tls"); tls != nullptr && tls->is_object()) {
      spec.has_tls_ = true;
      spec.default_ssl_mode_ = GetString(tls->get_object(), "default_mode");
    }
    if (const json::value* section = root.if_contains("configuration");
        section != nullptr && section->is_object()) {
      spec.configuration_ = Fields(section->get_object());
    }
    if (const json::value* section = root.if_contains("authentication");
        section != nullptr && section->is_object()) {
      if (const json::value* methods = section->get_object().if_contains("oneOf");
          methods != nullptr && methods->is_array()) {
        for (const auto& item : methods->get_array()) {
          if (!item.is_object())
            return Internal("an authentication method in spec.json is no object");
          spec.auth_methods_.push_back(Method(item.get_object()));
        }
      }
    }
    if (spec.auth_methods_.empty()) return Internal("spec.json lists no authentication method");
    if (const json::value* rows = root.if_contains("errors"); rows != nullptr && rows->is_array()) {
      for (const auto& item : rows->get_array()) {
        if (!item.is_object()) continue;
        const json::object& row = item.get_object();
        spec.errors_.push_back({.code = std::string(GetString(row, "code")),
                                .cause = std::string(GetString(row, "cause")),
                                .hints = Strings(row, "hints")});
      }
    }
    return spec;
  }

 private:
  static std::vector<std::string> Strings(const json::object& object, std::string_view key) {
    std::vector<std::string> out;
    const json::value* list = object.if_contains(key);
    if (list == nullptr || !list->is_array()) return out;
    for (const auto& item : list->get_array()) {
      if (item.is_string()) out.emplace_back(item.get_string());
    }
    return out;
  }

  static FieldType TypeOf(std::string_view name) {
    if (name == "integer") return FieldType::kInteger;
    if (name == "number") return FieldType::kNumber;
    if (name == "boolean") return FieldType::kBoolean;
    if (name == "array") return FieldType::kArray;
    if (name == "object") return FieldType::kObject;
    return FieldType::kString;
  }

  static std::vector<Field> Fields(const json::object& section) {
    std::vector<Field> out;
    const std::vector<std::string> required = Strings(section, "required");
    const json::value* properties = section.if_contains("properties");
    if (properties == nullptr || !properties->is_object()) return out;
    for (const auto& [name, value] : properties->get_object()) {
      if (name == "type" && value.is_object() && value.get_object().contains("const")) continue;
      if (!value.is_object()) continue;
      const json::object& row = value.get_object();
      Field field;
      field.name = name;
      field.type = TypeOf(GetString(row, "type", "string"));
      field.title = GetString(row, "title", name);
      field.description = GetString(row, "description");
      field.required = std::ranges::find(required, field.name) != required.end();
      field.secret = GetBool(row, "x-secret", false);
      field.multiline = GetBool(row, "x-multiline", false);
      field.order = static_cast<int>(GetInt(row, "x-order", 1000));
      field.group = GetString(row, "x-group", "basic");
      field.uri = GetString(row, "x-uri");
      field.env = GetString(row, "x-env");
      field.pattern = GetString(row, "pattern");
      field.values = Strings(row, "enum");
      field.examples = Strings(row, "examples");
      if (const json::value* value_default = row.if_contains("default"))
        field.default_value = *value_default;
      if (row.contains("minimum")) field.minimum = GetInt(row, "minimum", 0);
      if (row.contains("maximum")) field.maximum = GetInt(row, "maximum", 0);
      out.push_back(std::move(field));
    }
    std::ranges::stable_sort(out, {}, &Field::order);
    return out;
  }

  static AuthMethod Method(const json::object& row) {
    AuthMethod out;
    out.title = GetString(row, "title");
    out.fields = Fields(row);
    if (const json::value* properties = row.if_contains("properties");
        properties != nullptr && properties->is_object()) {
      if (const json::value* type = properties->get_object().if_contains("type");
          type != nullptr && type->is_object()) {
        out.type = GetString(type->get_object(), "const");
      }
    }
    return out;
  }
};

Result<Spec> Spec::Parse(std::string_view document) { return SpecReader::Read(document); }

const KnownError* Spec::FindError(std::string_view code) const {
  for (const auto& row : errors_) {
    if (row.code == code) return &row;
  }
  return nullptr;
}

Error Spec::Advise(Error error) const {
  if (const KnownError* known = FindError(error.code());
      known != nullptr && error.hints().empty()) {
    error.WithHints(known->hints);
  }
  if (error.connector().empty()) error.WithConnector(type_);
  return error;
}

namespace {

/// Turns text (from a URI or a variable) into the field's type when it reads as one; else leaves it
/// for the check.
json::value Typed(FieldType type, std::string_view text) {
  if (type == FieldType::kInteger) {
    int64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
  } else if (type == FieldType::kNumber) {
    double number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
  } else if (type == FieldType::kBoolean) {
    if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
    if (text == "false" || text == "0" || text == "no" || text == "off") return false;
  }
  return json::string(text);
}

/// Where a URI's piece goes: the field whose x-uri is `place`, in the configuration or in any
/// method.
struct UriTarget {
  const Field* field = nullptr;
  bool in_authentication = false;
};

UriTarget FindTarget(const std::vector<Field>& configuration,
                     const std::vector<AuthMethod>& methods, std::string_view place) {
  for (const auto& field : configuration) {
    if (field.uri == place) return {&field, false};
  }
  for (const auto& method : methods) {
    for (const auto& field : method.fields) {
      if (field.uri == place) return {&field, true};
    }
  }
  return {};
}

std::string HostList(const std::vector<std::pair<std::string, int>>& hosts, bool with_ports) {
  std::string out;
  for (const auto& [host, port] : hosts) {
    if (!out.empty()) out += ',';
    const bool bracket = with_ports && port != 0 && host.find(':') != std::string::npos;
    out += bracket ? "[" + host + "]" : host;
    if (with_ports && port != 0) out += fmt::format(":{}", port);
  }
  return out;
}

}  // namespace

Result<json::object> Spec::FromUri(std::string_view uri) const {
  NSTARX_TRY(UriParts parts, ParseUri(uri));
  if (std::ranges::find(schemes_, parts.scheme) == schemes_.end()) {
    return InvalidArgument("config.malformed_uri",
                           fmt::format("a {} URI can't start with '{}:'", title_, parts.scheme))
        .WithDetail("field", "uri")
        .WithHint(schemes_.empty()
                      ? std::string("This type has no URI form; give its fields.")
                      : fmt::format("Start it with {}.", fmt::join(schemes_, ": or ")));
  }
  json::object configuration;
  json::object authentication;
  std::optional<json::object> ssl;
  const auto put = [&](std::string_view place, std::string_view text) {
    const UriTarget target = FindTarget(configuration_, auth_methods_, place);
    if (target.field == nullptr) return false;
    (target.in_authentication ? authentication : configuration)[target.field->name] =
        Typed(target.field->type, text);
    return true;
  };
  put("scheme", parts.scheme);
  if (!parts.user.empty()) put("user", parts.user);
  if (parts.has_password) {
    put("password", parts.password);
    WipeString(parts.password);
  }
  if (!parts.hosts.empty()) {
    const bool single = parts.hosts.size() == 1;
    put("host", HostList(parts.hosts, !single));
    if (single && parts.hosts[0].second != 0) put("port", std::to_string(parts.hosts[0].second));
  }
  std::string_view path = parts.path;
  if (!parts.hosts.empty() && path.starts_with('/')) path.remove_prefix(1);
  if (!path.empty()) put("path", path);
  for (const auto& [key, value] : parts.query) {
    if (key == "sslmode" || key == "ssl_mode" || key == "ssl-mode") {
      ssl.emplace();
      std::string mode = value;
      std::ranges::transform(mode, mode.begin(),
                             [](char c) { return c == '_' ? '-' : std::tolower(c); });
      if (mode == "prefer" || mode == "allow" || mode == "preferred" || mode == "disabled")
        mode = "disable";
      if (mode == "required") mode = "require";
      if (mode == "verify-identity") mode = "verify-full";
      (*ssl)["mode"] = mode;
      continue;
    }
    if (put("query:" + key, value)) continue;
    if (const Field* field = FindField(configuration_, key)) {
      configuration[key] = Typed(field->type, value);
      continue;
    }
    if (!configuration.contains("additionalParams"))
      configuration["additionalParams"] = json::object();
    configuration["additionalParams"].as_object()[key] = value;
  }
  json::object out;
  out["configuration"] = std::move(configuration);
  out["authentication"] = std::move(authentication);
  if (ssl) out["ssl"] = *std::move(ssl);
  return out;
}

std::string Spec::ToUri(const json::object& configuration, const json::object& auth_fields) const {
  if (schemes_.empty()) return {};
  const auto text = [&](std::string_view place) -> std::string {
    const UriTarget target = FindTarget(configuration_, auth_methods_, place);
    if (target.field == nullptr) return {};
    const json::object& source = target.in_authentication ? auth_fields : configuration;
    const json::value* value = source.if_contains(target.field->name);
    if (value == nullptr) return {};
    return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
  };
  const std::string host = text("host");
  const std::string path = text("path");
  const std::string scheme = text("scheme");
  std::string out = (scheme.empty() ? schemes_.front() : scheme) + ":";
  if (host.empty()) return out + PercentEncode(path, "/");
  out += "//";
  if (const std::string user = text("user"); !user.empty()) out += PercentEncode(user) + "@";
  out += PercentEncode(host, ",:[]");
  if (const std::string port = text("port"); !port.empty() && host.find(',') == std::string::npos)
    out += ":" + port;
  if (!path.empty()) out += "/" + PercentEncode(path, "/");
  return out;
}

Result<std::string> ResolveVariables(std::string_view text) {
  std::string out;
  size_t at = 0;
  while (at < text.size()) {
    if (text.substr(at).starts_with("$${")) {
      out += "${";
      at += 3;
      continue;
    }
    if (!text.substr(at).starts_with("${")) {
      out += text[at++];
      continue;
    }
    const size_t end = text.find('}', at);
    if (end == std::string_view::npos) {
      return InvalidArgument("config.wrong_type", "a '${' has no closing '}'")
          .WithHint("Write ${NAME}, or $${ for the two characters themselves.");
    }
    std::string name(text.substr(at + 2, end - at - 2));
    std::optional<std::string> fallback;
    if (const size_t mark = name.find(":-"); mark != std::string::npos) {
      fallback = name.substr(mark + 2);
      name.resize(mark);
    }
    // The server's own settings (its passphrase among them) are nobody's connection value.
    const char* value = name.starts_with("NSTARX_") ? nullptr : std::getenv(name.c_str());
    if (value != nullptr) {
      out += value;
    } else if (fallback) {
      out += *fallback;
    } else {
      return InvalidArgument(
                 "config.unset_variable",
                 fmt::format("the environment variable '{}' is not set in the server", name))
          .WithDetail("variable", name)
          .WithAction(Action::kAskOperator)
          .WithHint(fmt::format("Set {} in the server's environment and start it again.", name))
          .WithHint(fmt::format("Or give a default: ${{{}:-value}}.", name));
    }
    at = end + 1;
  }
  return out;
}

namespace {

Status ResolveValue(json::value* value) {
  if (value->is_string()) {
    if (!HasVariable(*value)) return {};
    NSTARX_TRY(std::string text, ResolveVariables(value->get_string()));
    *value = json::string(text);
  } else if (value->is_object()) {
    for (auto& member : value->get_object()) NSTARX_RETURN_IF_ERROR(ResolveValue(&member.value()));
  } else if (value->is_array()) {
    for (auto& item : value->get_array()) NSTARX_RETURN_IF_ERROR(ResolveValue(&item));
  }
  return {};
}

}  // namespace

Result<json::object> Spec::Resolve(const json::object& configuration) const {
  json::object out = configuration;
  for (auto& member : out) {
    const bool variable = HasVariable(member.value());
    if (Status resolved = ResolveValue(&member.value()); !resolved) {
      Error error = resolved.error();
      return error.WithDetail("field", "configuration." + std::string(member.key()));
    }
    const Field* field = FindField(configuration_, member.key());
    if (!variable || field == nullptr) continue;
    member.value() = Typed(field->type, member.value().get_string());
    if (auto error = CheckValue(*field, "configuration", member.value())) return *std::move(error);
  }
  for (const auto& field : configuration_) {
    if (field.default_value && !out.contains(field.name)) out[field.name] = *field.default_value;
  }
  return out;
}

}  // namespace nstarx::connector
