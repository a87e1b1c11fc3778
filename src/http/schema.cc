#include "http/schema.h"

#include <fmt/format.h>

#include "http/message.h"

namespace nstarx::http {
namespace {

constexpr std::string_view kReference = "#/components/schemas/";

Error Wrong(std::string_view code, const std::string& where, std::string message) {
  return InvalidArgument(std::string(code), std::move(message))
      .WithDetail("field", where.empty() ? "(the body)" : where)
      .WithHint("See /openapi.json for what this operation takes.");
}

std::string Named(const std::string& where) {
  return where.empty() ? std::string("the body") : "'" + where + "'";
}

std::string_view TypeOf(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "boolean";
    case json::kind::int64:
    case json::kind::uint64:
      return "integer";
    case json::kind::double_:
      return "number";
    case json::kind::string:
      return "string";
    case json::kind::array:
      return "array";
    case json::kind::object:
      return "object";
  }
  return "null";
}

bool TypeMatches(std::string_view wanted, const json::value& value) {
  const std::string_view type = TypeOf(value);
  if (wanted == type) return true;
  if (wanted == "number") return type == "integer";
  // JSON Schema counts 1.0 as an integer.
  return wanted == "integer" && type == "number" && value.get_double() > -9e15 &&
         value.get_double() < 9e15 &&
         value.get_double() == static_cast<double>(static_cast<int64_t>(value.get_double()));
}

bool TypeAllowed(const json::value& types, const json::value& value) {
  if (types.is_string()) return TypeMatches(types.get_string(), value);
  for (const json::value& type : types.get_array()) {
    if (TypeMatches(type.get_string(), value)) return true;
  }
  return false;
}

Status CheckRange(const json::object& schema, double size, std::string_view low_key,
                  std::string_view high_key, const std::string& where, std::string_view what) {
  const json::value* low = schema.if_contains(low_key);
  const json::value* high = schema.if_contains(high_key);
  if ((low == nullptr || size >= low->to_number<double>()) &&
      (high == nullptr || size <= high->to_number<double>())) {
    return {};
  }
  return Wrong(
      "request.out_of_range", where,
      fmt::format("{}{} must be {}{}{}", Named(where), what,
                  low != nullptr ? fmt::format("at least {}", json::serialize(*low)) : "",
                  low != nullptr && high != nullptr ? " and " : "",
                  high != nullptr ? fmt::format("at most {}", json::serialize(*high)) : ""));
}

}  // namespace

Schemas::Schemas() {
  for (const std::string_view text :
       {ConnectionSchemas(), DataSchemas(), StreamSchemas(), MetadataSchemas(), SystemSchemas(),
        TemplateSchemas(), DriverSchemas()}) {
    auto parsed = ParseJson(text);
    NSTARX_CHECK(parsed && parsed->is_object());
    for (auto& [name, schema] : parsed->get_object()) {
      NSTARX_CHECK(!all_.contains(name));
      all_[name] = std::move(schema);
    }
  }
}

Status Schemas::Check(std::string_view component, const json::value& body) const {
  const json::value* schema = all_.if_contains(component);
  NSTARX_CHECK(schema != nullptr);
  return CheckValue(schema->get_object(), body, "");
}

Status Schemas::CheckValue(const json::object& schema, const json::value& value,
                           const std::string& where) const {
  if (const json::value* reference = schema.if_contains("$ref"); reference != nullptr) {
    const std::string_view name(reference->get_string());
    return CheckValue(all_.at(name.substr(kReference.size())).get_object(), value, where);
  }
  if (const json::value* type = schema.if_contains("type");
      type != nullptr && !TypeAllowed(*type, value)) {
    return Wrong(
        "request.wrong_type", where,
        fmt::format("{} must be {}, not {}", Named(where), json::serialize(*type), TypeOf(value)));
  }
  if (const json::value* choices = schema.if_contains("enum"); choices != nullptr) {
    const auto& list = choices->get_array();
    if (std::ranges::find(list, value) == list.end()) {
      return Wrong("request.out_of_range", where,
                   fmt::format("{} must be one of {}", Named(where), json::serialize(*choices)));
    }
  }
  switch (value.kind()) {
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return CheckRange(schema, value.to_number<double>(), "minimum", "maximum", where, "");
    case json::kind::string:
      return CheckRange(schema, static_cast<double>(CountCharacters(value.get_string())),
                        "minLength", "maxLength", where, "'s length");
    case json::kind::array: {
      NSTARX_RETURN_IF_ERROR(CheckRange(schema, static_cast<double>(value.get_array().size()),
                                        "minItems", "maxItems", where, "'s length"));
      const json::value* items = schema.if_contains("items");
      if (items == nullptr) return {};
      for (size_t i = 0; i < value.get_array().size(); ++i) {
        NSTARX_RETURN_IF_ERROR(
            CheckValue(items->get_object(), value.get_array()[i], fmt::format("{}[{}]", where, i)));
      }
      return {};
    }
    case json::kind::object:
      return CheckObject(schema, value.get_object(), where);
    default:
      return {};
  }
}

Status Schemas::CheckObject(const json::object& schema, const json::object& value,
                            const std::string& where) const {
  static const json::object kNone;
  const json::value* declared = schema.if_contains("properties");
  const json::object& properties = declared != nullptr ? declared->get_object() : kNone;
  const json::value* additional = schema.if_contains("additionalProperties");
  const bool closed = additional != nullptr && additional->is_bool() && !additional->get_bool();
  for (const auto& [key, member] : value) {
    const std::string path = where.empty() ? std::string(key) : where + "." + std::string(key);
    const json::value* property = properties.if_contains(key);
    if (property != nullptr) {
      NSTARX_RETURN_IF_ERROR(CheckValue(property->get_object(), member, path));
    } else if (additional != nullptr && additional->is_object()) {
      NSTARX_RETURN_IF_ERROR(CheckValue(additional->get_object(), member, path));
    } else if (closed) {
      std::vector<std::string> known;
      for (const auto& [name, unused] : properties) known.emplace_back(name);
      Error error =
          InvalidArgument("request.unknown_field", fmt::format("unknown field '{}'", path))
              .WithDetail("field", path);
      const auto close = ClosestWord(std::string_view(key), known);
      error.WithHint(close.empty() ? fmt::format("Known fields: {}.", fmt::join(known, ", "))
                                   : fmt::format("Did you mean '{}'?", close));
      if (!close.empty()) error.WithDetail("suggestion", close);
      return error;
    }
  }
  if (const json::value* required = schema.if_contains("required"); required != nullptr) {
    for (const json::value& name : required->get_array()) {
      if (value.contains(name.get_string())) continue;
      const std::string path = where.empty() ? std::string(name.get_string())
                                             : where + "." + std::string(name.get_string());
      return Wrong("request.missing_field", path, fmt::format("'{}' is missing", path));
    }
  }
  return {};
}

}  // namespace nstarx::http
