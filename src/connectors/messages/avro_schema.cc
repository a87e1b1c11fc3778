#include "connectors/messages/avro_schema.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

namespace nstarx::connectors::messages {
namespace {

constexpr size_t kTextMax = 1 << 20;
constexpr size_t kJsonDepthMax = 128;
/// A type may be used in many places: what counts is how often all are used together.
constexpr int64_t kPartsMax = 10'000;
constexpr int kDepthMax = 32;
constexpr size_t kNameMax = 1024;
constexpr int64_t kFixedMax = 16 << 20;

Error Refuse(std::string_view code, std::string message) {
  return InvalidArgument(std::string(code), std::move(message)).WithStage("query");
}

Error Invalid(std::string_view what) {
  return Refuse("stream.schema_invalid", fmt::format("the Avro schema is not valid: {}", what));
}

Error Unsupported(std::string_view what) {
  return Refuse("stream.schema_unsupported", fmt::format("the Avro schema is refused: {}", what));
}

/// A name as messages may show it.
std::string Shown(std::string_view name) { return "'" + std::string(name.substr(0, 80)) + "'"; }

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax &&
         std::ranges::none_of(name, [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

AvroType Plain(AvroKind kind, std::shared_ptr<arrow::DataType> type, int64_t slot_bytes) {
  return {.kind = kind, .arrow = std::move(type), .slot_bytes = slot_bytes};
}

Result<AvroTypePtr> Done(AvroType type) {
  if (type.parts > kPartsMax) {
    return Unsupported(
        fmt::format("it has more than {} types, counted where they are used", kPartsMax));
  }
  if (type.depth > kDepthMax) {
    return Unsupported(fmt::format("it is more than {} levels deep", kDepthMax));
  }
  return std::make_shared<const AvroType>(std::move(type));
}

/// Takes a child in; what it weighs is added.
void Adopt(AvroType& parent, AvroTypePtr child, bool weigh) {
  parent.parts += child->parts;
  if (weigh) parent.slot_bytes += child->slot_bytes;
  parent.depth = std::max(parent.depth, child->depth + 1);
  parent.children.push_back(std::move(child));
}

std::shared_ptr<arrow::Field> FieldOf(const std::string& name, const AvroType& type) {
  return arrow::field(name, type.arrow, type.nullable);
}

std::optional<AvroType> Primitive(std::string_view name) {
  if (name == "null") {
    AvroType type = Plain(AvroKind::kNull, arrow::null(), 8);
    type.nullable = true;
    return type;
  }
  if (name == "boolean") return Plain(AvroKind::kBoolean, arrow::boolean(), 8);
  if (name == "int") return Plain(AvroKind::kInt, arrow::int32(), 8);
  if (name == "long") return Plain(AvroKind::kLong, arrow::int64(), 8);
  if (name == "float") return Plain(AvroKind::kFloat, arrow::float32(), 8);
  if (name == "double") return Plain(AvroKind::kDouble, arrow::float64(), 8);
  if (name == "bytes") return Plain(AvroKind::kBytes, arrow::binary(), 8);
  if (name == "string") return Plain(AvroKind::kString, arrow::utf8(), 8);
  return std::nullopt;
}

std::optional<AvroType> LogicalLong(std::string_view logical) {
  using arrow::TimeUnit;
  const auto timestamp = [](TimeUnit::type unit, const char* zone) {
    return Plain(AvroKind::kTimestamp, arrow::timestamp(unit, zone), 8);
  };
  if (logical == "time-micros") {
    return Plain(AvroKind::kTimeMicros, arrow::time64(TimeUnit::MICRO), 8);
  }
  if (logical == "timestamp-millis") return timestamp(TimeUnit::MILLI, "UTC");
  if (logical == "timestamp-micros") return timestamp(TimeUnit::MICRO, "UTC");
  if (logical == "timestamp-nanos") return timestamp(TimeUnit::NANO, "UTC");
  if (logical == "local-timestamp-millis") return timestamp(TimeUnit::MILLI, "");
  if (logical == "local-timestamp-micros") return timestamp(TimeUnit::MICRO, "");
  if (logical == "local-timestamp-nanos") return timestamp(TimeUnit::NANO, "");
  return std::nullopt;
}

/// The decimal of a schema; as Avro asks, one that makes no sense is as if it were not there.
Result<std::optional<AvroType>> LogicalDecimal(const json::object& schema, int64_t fixed_size) {
  const int64_t precision = GetInt(schema, "precision", 0);
  const int64_t scale = GetInt(schema, "scale", 0);
  if (precision < 1 || scale < 0 || scale > precision) return std::optional<AvroType>();
  if (precision > 76) {
    return Unsupported(fmt::format("a decimal of {} digits: 76 are the most", precision));
  }
  const auto digits = static_cast<int32_t>(precision);
  const auto after = static_cast<int32_t>(scale);
  AvroType type = digits <= 38 ? Plain(AvroKind::kDecimal, arrow::decimal128(digits, after), 16)
                               : Plain(AvroKind::kDecimal, arrow::decimal256(digits, after), 32);
  type.precision = digits;
  type.fixed_size = fixed_size;
  return std::optional<AvroType>(std::move(type));
}

/// What a primitive with a logical type becomes.
Result<AvroType> WithLogical(AvroType plain, const json::object& schema) {
  const std::string_view logical = GetString(schema, "logicalType");
  std::optional<AvroType> found;
  if (plain.kind == AvroKind::kInt && logical == "date") {
    found = Plain(AvroKind::kDate, arrow::date32(), 8);
  } else if (plain.kind == AvroKind::kInt && logical == "time-millis") {
    found = Plain(AvroKind::kTimeMillis, arrow::time32(arrow::TimeUnit::MILLI), 8);
  } else if (plain.kind == AvroKind::kLong) {
    found = LogicalLong(logical);
  } else if (plain.kind == AvroKind::kBytes && logical == "decimal") {
    NSTARX_TRY(found, LogicalDecimal(schema, -1));
  }
  return found ? std::move(*found) : std::move(plain);
}

const json::value* Member(const json::object& object, std::string_view name) {
  return object.if_contains(name);
}

/// The full name of a definition or reference.
std::string FullName(std::string_view name, std::string_view space) {
  if (space.empty() || name.find('.') != name.npos) return std::string(name);
  return fmt::format("{}.{}", space, name);
}

std::string SpaceOf(std::string_view full) {
  const size_t dot = full.rfind('.');
  return std::string(dot == full.npos ? std::string_view() : full.substr(0, dot));
}

std::string DefinedName(const json::object& schema, const std::string& space) {
  const json::value* own = Member(schema, "namespace");
  return FullName(GetString(schema, "name"),
                  own != nullptr && own->is_string() ? std::string_view(own->get_string()) : space);
}

/// The name that a branch of a union goes by.
std::string BranchName(const json::value& schema, const std::string& space) {
  if (schema.is_string()) {
    const std::string_view name = schema.get_string();
    return Primitive(name) ? std::string(name) : FullName(name, space);
  }
  if (!schema.is_object()) return {};
  const json::object& object = schema.get_object();
  const json::value* inner = Member(object, "type");
  if (inner == nullptr) return {};
  if (!inner->is_string()) return BranchName(*inner, space);
  const std::string_view name = inner->get_string();
  if (name == "record" || name == "error" || name == "enum" || name == "fixed") {
    return DefinedName(object, space);
  }
  if (name == "array" || name == "map") return std::string(name);
  return BranchName(*inner, space);
}

}  // namespace

Result<AvroTypePtr> AvroSchemaReader::Read(std::string_view text) {
  if (text.size() > kTextMax) return Unsupported("its text is larger than 1 MiB");
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  boost::system::error_code problem;
  const json::value schema = json::parse(text, problem, {}, options);
  if (problem) return Invalid("it is no JSON, or nested too deeply");
  return Any(schema, "");
}

Result<AvroTypePtr> AvroSchemaReader::Any(const json::value& schema, const std::string& space) {
  if (schema.is_string()) return Named(schema.get_string(), space);
  if (schema.is_array()) return Union(schema.get_array(), space);
  if (schema.is_object()) return Object(schema.get_object(), space);
  return Invalid("a type must be a name, a list or an object");
}

Result<AvroTypePtr> AvroSchemaReader::Named(std::string_view name, const std::string& space) {
  if (auto plain = Primitive(name)) return Done(std::move(*plain));
  auto found = named_.find(FullName(name, space));
  if (found == named_.end()) found = named_.find(name);
  if (found == named_.end()) {
    return Invalid(fmt::format("there is no type named {}", Shown(name)));
  }
  if (found->second != nullptr) return found->second;
  return Refuse("stream.schema_recursive",
                fmt::format("the schema's type {} holds itself, which no Arrow type can",
                            Shown(found->first)))
      .WithDetail("type", found->first.substr(0, 80));
}

Result<AvroTypePtr> AvroSchemaReader::Object(const json::object& schema, const std::string& space) {
  const json::value* inner = Member(schema, "type");
  if (inner == nullptr) return Invalid("an object has no 'type'");
  if (!inner->is_string()) return Any(*inner, space);
  const std::string_view kind = inner->get_string();
  if (kind == "array" || kind == "map") return Items(schema, kind == "map", space);
  if (kind == "record" || kind == "error" || kind == "enum" || kind == "fixed") {
    return Define(schema, kind, space);
  }
  if (auto plain = Primitive(kind)) {
    NSTARX_TRY(AvroType type, WithLogical(std::move(*plain), schema));
    return Done(std::move(type));
  }
  return Named(kind, space);
}

Result<AvroTypePtr> AvroSchemaReader::Items(const json::object& schema, bool map,
                                            const std::string& space) {
  const json::value* inner = Member(schema, map ? "values" : "items");
  if (inner == nullptr) return Invalid("an array needs 'items', a map 'values'");
  NSTARX_TRY(AvroTypePtr item, Any(*inner, space));
  AvroType type{.kind = map ? AvroKind::kMap : AvroKind::kArray};
  type.arrow = map ? arrow::map(arrow::utf8(), FieldOf("value", *item))
                   : arrow::list(FieldOf("item", *item));
  Adopt(type, std::move(item), false);
  type.depth += map ? 1 : 0;
  return Done(std::move(type));
}

Result<AvroTypePtr> AvroSchemaReader::Union(const json::array& branches, const std::string& space) {
  AvroType type{.kind = AvroKind::kUnion};
  std::set<std::string> seen;
  for (const json::value& branch : branches) {
    if (branch.is_array()) return Invalid("a union holds a union");
    NSTARX_TRY(AvroTypePtr read, Any(branch, space));
    if (read->kind == AvroKind::kNull) {
      if (type.null_branch >= 0) return Invalid("a union holds null twice");
      type.null_branch = static_cast<int>(type.children.size());
    } else if (read->kind == AvroKind::kOptional || read->kind == AvroKind::kUnion) {
      return Invalid("a union holds a union");
    }
    std::string name = BranchName(branch, space);
    if (!seen.insert(name).second) {
      return Invalid(fmt::format("a union holds {} twice", Shown(name)));
    }
    if (read->kind != AvroKind::kNull) type.names.push_back(std::move(name));
    Adopt(type, std::move(read), true);
  }
  if (type.children.empty()) return Invalid("a union is empty");
  type.nullable = type.null_branch >= 0;
  if (type.nullable && type.children.size() <= 2) {
    // null itself stands in where there is nothing else.
    const AvroType& other = *type.children[type.children.size() == 1 ? 0 : 1 - type.null_branch];
    type.kind = AvroKind::kOptional;
    type.arrow = other.arrow;
    type.slot_bytes = other.slot_bytes;
    type.depth = other.depth;
    return Done(std::move(type));
  }
  std::string tag = "branch";
  while (seen.contains(tag)) tag += '_';
  std::vector<std::shared_ptr<arrow::Field>> fields{arrow::field(tag, arrow::utf8(), false)};
  size_t named = 0;
  for (const AvroTypePtr& child : type.children) {
    if (child->kind == AvroKind::kNull) continue;
    fields.push_back(arrow::field(type.names[named++], child->arrow, true));
  }
  type.arrow = arrow::struct_(fields);
  type.slot_bytes += 16;
  return Done(std::move(type));
}

Result<AvroTypePtr> AvroSchemaReader::Define(const json::object& schema, std::string_view kind,
                                             const std::string& space) {
  const std::string full = DefinedName(schema, space);
  if (!IsName(GetString(schema, "name")) || !IsName(full)) {
    return Invalid(fmt::format("a type of the kind {} has no proper name", kind));
  }
  if (Primitive(full) || !named_.emplace(full, nullptr).second) {
    return Invalid(fmt::format("the name {} is taken", Shown(full)));
  }
  auto made = kind == "enum"    ? Enum(schema)
              : kind == "fixed" ? Fixed(schema)
                                : Record(schema, full);
  if (made) named_[full] = *made;
  return made;
}

Result<AvroTypePtr> AvroSchemaReader::Record(const json::object& schema, const std::string& full) {
  const json::value* listed = Member(schema, "fields");
  if (listed == nullptr || !listed->is_array()) {
    return Invalid(fmt::format("the record {} has no fields", Shown(full)));
  }
  AvroType type{.kind = AvroKind::kRecord};
  std::vector<std::shared_ptr<arrow::Field>> fields;
  std::set<std::string> seen;
  const std::string space = SpaceOf(full);
  for (const json::value& row : listed->get_array()) {
    const json::value* inner = row.is_object() ? Member(row.get_object(), "type") : nullptr;
    const std::string name(row.is_object() ? GetString(row.get_object(), "name") : "");
    if (inner == nullptr || !IsName(name) || !seen.insert(name).second) {
      return Invalid(fmt::format("the record {} has a field without a type or a name of its own",
                                 Shown(full)));
    }
    NSTARX_TRY(AvroTypePtr read, Any(*inner, space));
    fields.push_back(FieldOf(name, *read));
    type.names.push_back(name);
    Adopt(type, std::move(read), true);
    // Early, so that no huge type is made only to be refused.
    if (type.parts > kPartsMax) break;
  }
  type.arrow = arrow::struct_(fields);
  return Done(std::move(type));
}

Result<AvroTypePtr> AvroSchemaReader::Enum(const json::object& schema) {
  const json::value* listed = Member(schema, "symbols");
  if (listed == nullptr || !listed->is_array() || listed->get_array().empty()) {
    return Invalid("an enum has no symbols");
  }
  AvroType type = Plain(AvroKind::kEnum, arrow::utf8(), 8);
  for (const json::value& symbol : listed->get_array()) {
    if (!symbol.is_string()) return Invalid("a symbol of an enum is no text");
    type.names.emplace_back(symbol.get_string());
  }
  return Done(std::move(type));
}

Result<AvroTypePtr> AvroSchemaReader::Fixed(const json::object& schema) {
  const int64_t size = GetInt(schema, "size", -1);
  if (size < 0 || size > kFixedMax) return Invalid("a fixed type has no proper size");
  const std::string_view logical = GetString(schema, "logicalType");
  AvroType type = Plain(AvroKind::kFixed, arrow::binary(), 8);
  if (logical == "duration" && size == 12) {
    type = Plain(AvroKind::kDuration, arrow::month_day_nano_interval(), 16);
  } else if (logical == "uuid" && size == 16) {
    type = Plain(AvroKind::kUuid, arrow::utf8(), 8);
  } else if (logical == "decimal") {
    NSTARX_TRY(auto decimal, LogicalDecimal(schema, size));
    if (decimal) type = std::move(*decimal);
  }
  type.fixed_size = size;
  return Done(std::move(type));
}

}  // namespace nstarx::connectors::messages
