#include "connectors/elasticsearch/elasticsearch_mappings.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <cstdio>
#include <map>

#include "connectors/documents/arrow_rows.h"
#include "connectors/documents/document_schema.h"

namespace nstarx::connectors::elasticsearch {
namespace {

constexpr int kDepthMax = 32;

/// Dates whose values are ISO 8601 text or milliseconds.
bool PlainDate(const json::object& mapping) {
  const std::string_view format = GetString(mapping, "format", "strict_date_optional_time");
  return format.starts_with("strict_date_optional_time") ||
         format.starts_with("date_optional_time") || format == "epoch_millis" ||
         format == "strict_date_time" || format == "date_time" || format == "strict_date";
}

/// Names of Arrow types that the mapping's own type does not say, kept in the mapping's _meta.
constexpr std::string_view kRemembered = "nstarx_columns";

std::shared_ptr<arrow::Field> FieldOf(std::string name, const json::object& mapping, int depth);

/// Null when the members are not known.
std::shared_ptr<arrow::DataType> StructOf(const json::object& mapping, int depth) {
  const auto* properties = mapping.if_contains("properties");
  if (properties == nullptr || !properties->is_object() || depth > kDepthMax) return nullptr;
  arrow::FieldVector fields;
  for (const auto& [name, value] : properties->get_object()) {
    if (!value.is_object() || GetString(value.get_object(), "type") == "alias") continue;
    fields.push_back(FieldOf(std::string(name), value.get_object(), depth + 1));
  }
  return fields.empty() ? nullptr : arrow::struct_(fields);
}

/// Null where the form of the values is free (geo_point, ranges, flattened, …): JSON text.
std::shared_ptr<arrow::DataType> TypeOf(const json::object& mapping, int depth) {
  const std::string_view type = GetString(mapping, "type", "object");
  if (type == "object" || type == "nested") {
    auto inner = GetBool(mapping, "enabled", true) ? StructOf(mapping, depth) : nullptr;
    return inner && type == "nested" ? arrow::list(inner) : inner;
  }
  if (type == "long") return arrow::int64();
  if (type == "integer") return arrow::int32();
  if (type == "short") return arrow::int16();
  if (type == "byte") return arrow::int8();
  if (type == "unsigned_long") return arrow::uint64();
  if (type == "double" || type == "float" || type == "half_float" || type == "scaled_float") {
    return arrow::float64();  // the document keeps the number as it was written
  }
  if (type == "boolean") return arrow::boolean();
  if (type == "date" && PlainDate(mapping)) return arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
  if (type == "date_nanos" && PlainDate(mapping)) {
    return arrow::timestamp(arrow::TimeUnit::NANO, "UTC");
  }
  if (type == "binary") return arrow::binary();
  for (const std::string_view text :
       {"keyword", "text", "ip", "wildcard", "constant_keyword", "version", "match_only_text",
        "search_as_you_type", "date", "date_nanos"}) {
    if (type == text) return arrow::utf8();
  }
  return nullptr;
}

std::shared_ptr<arrow::Field> FieldOf(std::string name, const json::object& mapping, int depth) {
  auto type = TypeOf(mapping, depth);
  return type ? arrow::field(std::move(name), std::move(type))
              : documents::JsonTextField(std::move(name));
}

/// The Arrow type behind a remembered name; null for what is not ours.
std::shared_ptr<arrow::DataType> RememberedType(std::string_view name) {
  for (const auto& type : {arrow::timestamp(arrow::TimeUnit::SECOND, "UTC"),
                           arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), arrow::uint8(),
                           arrow::uint16(), arrow::uint32(), arrow::float32()}) {
    if (type->ToString() == name) return type;
  }
  int bits = 0;
  int precision = 0;
  int scale = 0;
  int used = 0;
  const std::string text(name);
  if (std::sscanf(text.c_str(), "decimal%3d(%2d, %2d)%n", &bits, &precision, &scale, &used) != 3 ||
      used != static_cast<int>(text.size()) || scale < 0 || precision < 1 || scale > precision) {
    return nullptr;
  }
  if (bits == 128 && precision <= 38) return arrow::decimal128(precision, scale);
  if (bits == 256 && precision <= 76) return arrow::decimal256(precision, scale);
  return nullptr;
}

bool IsRemembered(const arrow::DataType& type) {
  return RememberedType(type.ToString()) != nullptr;
}

Result<json::object> PropertiesOf(const arrow::Schema& schema);

Result<json::object> MappingOf(const arrow::Field& field) {
  using arrow::Type;
  const arrow::DataType& type = *field.type();
  switch (type.id()) {
    case Type::BOOL:
      return json::object{{"type", "boolean"}};
    case Type::INT8:
      return json::object{{"type", "byte"}};
    case Type::INT16:
    case Type::UINT8:
      return json::object{{"type", "short"}};
    case Type::INT32:
    case Type::UINT16:
      return json::object{{"type", "integer"}};
    case Type::INT64:
    case Type::UINT32:
      return json::object{{"type", "long"}};
    case Type::UINT64:
      return json::object{{"type", "unsigned_long"}};
    case Type::FLOAT:
    case Type::HALF_FLOAT:
    case Type::DOUBLE:
    case Type::DECIMAL128:  // searched as doubles; the document keeps all digits
    case Type::DECIMAL256:
      return json::object{{"type", "double"}};
    case Type::BINARY:
    case Type::LARGE_BINARY:
    case Type::FIXED_SIZE_BINARY:
      return json::object{{"type", "binary"}};
    case Type::DATE32:
    case Type::DATE64:
      return json::object{{"type", "date"}};
    case Type::TIMESTAMP: {
      const auto unit = static_cast<const arrow::TimestampType&>(type).unit();
      const bool fine = unit == arrow::TimeUnit::MICRO || unit == arrow::TimeUnit::NANO;
      return json::object{{"type", fine ? "date_nanos" : "date"}};
    }
    case Type::STRUCT: {
      NSTARX_TRY(json::object inner, PropertiesOf(*arrow::schema(type.fields())));
      return json::object{{"properties", std::move(inner)}};
    }
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::FIXED_SIZE_LIST:
      return MappingOf(*type.field(0)->WithName(field.name()));
    case Type::DICTIONARY:
      return MappingOf(
          *field.WithType(static_cast<const arrow::DictionaryType&>(type).value_type()));
    default:
      // Text, and numbers and times that the system has no type for.
      // (A text that is too long for a term is kept in the document all the same.)
      return json::object{{"type", "keyword"}, {"ignore_above", 8191}};
  }
}

json::object RememberedOf(const json::object& mappings) {
  const auto* meta = mappings.if_contains("_meta");
  if (meta == nullptr || !meta->is_object()) return {};
  const auto* columns = meta->get_object().if_contains(kRemembered);
  return columns && columns->is_object() ? columns->get_object() : json::object();
}

Result<json::object> PropertiesOf(const arrow::Schema& schema) {
  NSTARX_RETURN_IF_ERROR(documents::CheckRows(schema));
  json::object out;
  for (const auto& field : schema.fields()) {
    if (field->name() == documents::kDriftColumn || field->name() == "_id") continue;
    if (documents::IsJsonText(*field)) continue;  // mapped by what it holds
    NSTARX_TRY(out[field->name()], MappingOf(*field));
  }
  return out;
}

}  // namespace

Mappings ReadMappings(const json::value& reply) {
  Mappings out;
  arrow::FieldVector fields;
  std::map<std::string, size_t, std::less<>> place;
  if (!reply.is_object()) return {arrow::schema({}), {}};
  for (const auto& [index, value] : reply.get_object()) {
    const auto* mappings = value.is_object() ? value.get_object().if_contains("mappings") : nullptr;
    if (mappings == nullptr || !mappings->is_object()) continue;
    const auto* properties = mappings->get_object().if_contains("properties");
    if (properties == nullptr || !properties->is_object()) continue;
    const json::object remembered = RememberedOf(mappings->get_object());
    for (const auto& [key, mapping] : properties->get_object()) {
      if (!mapping.is_object()) continue;
      const std::string name(key);
      const std::string_view native = GetString(mapping.get_object(), "type", "object");
      if (native == "alias") continue;
      auto field = FieldOf(name, mapping.get_object(), 0);
      if (auto type = RememberedType(GetString(remembered, name)); type && native != "object") {
        field = field->WithType(type);
      }
      const auto [found, fresh] = place.emplace(name, out.fields.size());
      if (fresh) {
        out.fields.push_back({name, std::string(native)});
        fields.push_back(std::move(field));
        continue;
      }
      std::string& natives = out.fields[found->second].native_type;
      if (!natives.contains(native)) natives += "|" + std::string(native);
      auto& known = fields[found->second];
      if (!known->Equals(*field, true)) known = documents::JsonTextField(name);
    }
  }
  out.schema = arrow::schema(std::move(fields));
  return out;
}

Result<json::object> MappingsOf(const arrow::Schema& schema) {
  json::object remembered;
  for (const auto& field : schema.fields()) {
    if (IsRemembered(*field->type())) remembered[field->name()] = field->type()->ToString();
  }
  NSTARX_TRY(json::object properties, PropertiesOf(schema));
  json::object out{{"properties", std::move(properties)}};
  if (!remembered.empty()) out["_meta"] = json::object{{kRemembered, std::move(remembered)}};
  return out;
}

}  // namespace nstarx::connectors::elasticsearch
