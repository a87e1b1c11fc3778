#include "connectors/catalogs/iceberg_types.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace nstarx::connectors::catalogs {
namespace {

constexpr int kDepthMax = 32;

constexpr std::pair<std::string_view, std::string_view> kPlain[] = {
    {"boolean", "bool"},
    {"int", "int32"},
    {"long", "int64"},
    {"float", "float"},
    {"double", "double"},
    {"date", "date32[day]"},
    {"time", "time64[us]"},
    {"timestamp", "timestamp[us]"},
    {"timestamptz", "timestamp[us, tz=UTC]"},
    {"timestamp_ns", "timestamp[ns]"},
    {"timestamptz_ns", "timestamp[ns, tz=UTC]"},
    {"string", "string"},
    {"uuid", "fixed_size_binary[16]"},
    {"binary", "binary"},
};

std::optional<std::string> Numbered(std::string_view text) {
  const auto number = [&](std::string_view digits) -> std::optional<int> {
    while (digits.starts_with(' ')) digits.remove_prefix(1);
    int out = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    if (error != std::errc() || end != digits.data() + digits.size() || out < 0) {
      return std::nullopt;
    }
    return out;
  };
  if (text.starts_with("fixed[") && text.ends_with("]")) {
    const auto width = number(text.substr(6, text.size() - 7));
    if (width) return fmt::format("fixed_size_binary[{}]", *width);
  }
  if (text.starts_with("decimal(") && text.ends_with(")")) {
    const std::string_view inside = text.substr(8, text.size() - 9);
    const size_t comma = inside.find(',');
    if (comma == inside.npos) return std::nullopt;
    const auto precision = number(inside.substr(0, comma));
    const auto scale = number(inside.substr(comma + 1));
    if (precision && scale && *precision >= 1 && *precision <= 38 && *scale <= *precision) {
      return fmt::format("decimal128({}, {})", *precision, *scale);
    }
  }
  return std::nullopt;
}

std::optional<std::string> TypeOf(const json::value& type, int depth) {
  if (depth > kDepthMax) return std::nullopt;
  if (type.is_string()) {
    const std::string_view text = type.get_string();
    for (const auto& [iceberg, arrow] : kPlain) {
      if (iceberg == text) return std::string(arrow);
    }
    return Numbered(text);
  }
  if (!type.is_object()) return std::nullopt;
  const json::object& object = type.get_object();
  const auto member = [&](std::string_view name) -> std::optional<std::string> {
    const json::value* found = object.if_contains(name);
    return found != nullptr ? TypeOf(*found, depth + 1) : std::nullopt;
  };
  const std::string_view kind = GetString(object, "type");
  if (kind == "list") {
    const auto element = member("element");
    return element ? std::optional(fmt::format("list<item: {}>", *element)) : std::nullopt;
  }
  if (kind == "map") {
    const auto key = member("key");
    const auto value = member("value");
    if (!key || !value) return std::nullopt;
    return fmt::format("map<{}, {}>", *key, *value);
  }
  const json::value* fields = object.if_contains("fields");
  if (kind != "struct" || fields == nullptr || !fields->is_array()) return std::nullopt;
  std::string inside;
  for (const json::value& item : fields->get_array()) {
    if (!item.is_object()) return std::nullopt;
    const json::value* inner = item.get_object().if_contains("type");
    const auto arrow = inner != nullptr ? TypeOf(*inner, depth + 1) : std::nullopt;
    if (!arrow) return std::nullopt;
    inside += fmt::format("{}{}: {}", inside.empty() ? "" : ", ",
                          GetString(item.get_object(), "name"), *arrow);
  }
  return fmt::format("struct<{}>", inside);
}

}  // namespace

std::string ArrowTypeOfIceberg(const json::value& type) {
  return TypeOf(type, 0).value_or("unknown");
}

}  // namespace nstarx::connectors::catalogs
