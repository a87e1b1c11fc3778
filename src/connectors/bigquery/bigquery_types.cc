#include "connectors/bigquery/bigquery_types.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "connectors/bigquery/bigquery_errors.h"

namespace nstarx::connectors::bigquery {
namespace {

/// The service has 15 levels.
constexpr int kDepthMax = 20;

struct Row {
  std::string_view type;  ///< as the service writes it
  std::string_view sql;
  ValueKind kind;
};

constexpr Row kKinds[] = {
    {"INTEGER", "INT64", ValueKind::kInteger},
    {"INT64", "INT64", ValueKind::kInteger},
    {"FLOAT", "FLOAT64", ValueKind::kFloat},
    {"FLOAT64", "FLOAT64", ValueKind::kFloat},
    {"NUMERIC", "NUMERIC", ValueKind::kNumeric},
    {"BIGNUMERIC", "BIGNUMERIC", ValueKind::kBigNumeric},
    {"BOOLEAN", "BOOL", ValueKind::kBoolean},
    {"BOOL", "BOOL", ValueKind::kBoolean},
    {"STRING", "STRING", ValueKind::kString},
    {"BYTES", "BYTES", ValueKind::kBytes},
    {"DATE", "DATE", ValueKind::kDate},
    {"TIME", "TIME", ValueKind::kTime},
    {"DATETIME", "DATETIME", ValueKind::kDatetime},
    {"TIMESTAMP", "TIMESTAMP", ValueKind::kTimestamp},
    {"RANGE", "RANGE", ValueKind::kRange},
    {"RECORD", "STRUCT", ValueKind::kStruct},
    {"STRUCT", "STRUCT", ValueKind::kStruct},
};

std::shared_ptr<arrow::DataType> StructOf(const std::vector<DeclaredField>& fields) {
  arrow::FieldVector out;
  for (const auto& field : fields) {
    out.push_back(arrow::field(field.name, field.arrow, !field.required));
  }
  return arrow::struct_(std::move(out));
}

std::shared_ptr<arrow::DataType> ArrowOf(const DeclaredField& field) {
  switch (field.kind) {
    case ValueKind::kInteger:
      return arrow::int64();
    case ValueKind::kFloat:
      return arrow::float64();
    case ValueKind::kNumeric:
      return arrow::decimal128(38, 9);
    case ValueKind::kBigNumeric:
      return arrow::decimal256(76, 38);
    case ValueKind::kBoolean:
      return arrow::boolean();
    case ValueKind::kBytes:
      return arrow::binary();
    case ValueKind::kDate:
      return arrow::date32();
    case ValueKind::kTime:
      return arrow::time64(arrow::TimeUnit::MICRO);
    case ValueKind::kDatetime:
      return arrow::timestamp(arrow::TimeUnit::MICRO);
    case ValueKind::kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case ValueKind::kRange:
    case ValueKind::kStruct:
      return StructOf(field.fields);
    case ValueKind::kString:
      break;
  }
  return arrow::utf8();
}

const json::object* ObjectAt(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found ? found->if_object() : nullptr;
}

/// "(10, 2)", "(20)" or nothing: what the type is limited to.
std::string Limits(const json::object& declared) {
  const std::string_view precision = GetString(declared, "precision");
  const std::string_view scale = GetString(declared, "scale");
  const std::string_view length = GetString(declared, "maxLength");
  if (!precision.empty() && !scale.empty()) return fmt::format("({}, {})", precision, scale);
  if (!precision.empty()) return fmt::format("({})", precision);
  return length.empty() ? std::string() : fmt::format("({})", length);
}

Result<std::vector<DeclaredField>> ReadList(const json::object& holder, int depth);

/// A RANGE has two ends of the same type; an end that is open is NULL.
Status AddEnds(const json::object& declared, DeclaredField* out) {
  const auto* element = ObjectAt(declared, "rangeElementType");
  const std::string_view type = element ? GetString(*element, "type") : "DATE";
  const auto* row = std::ranges::find(kKinds, type, &Row::type);
  if (row == std::end(kKinds) ||
      (row->kind != ValueKind::kDate && row->kind != ValueKind::kDatetime &&
       row->kind != ValueKind::kTimestamp)) {
    return Malformed("a RANGE of an unknown type");
  }
  for (const std::string_view name : {"start", "end"}) {
    DeclaredField end;
    end.name = name;
    end.native = row->sql;
    end.kind = row->kind;
    end.arrow = ArrowOf(end);
    out->fields.push_back(std::move(end));
  }
  out->native = fmt::format("RANGE<{}>", row->sql);
  return {};
}

Result<DeclaredField> ReadField(const json::object& declared, int depth) {
  DeclaredField out;
  out.name = GetString(declared, "name");
  out.comment = GetString(declared, "description");
  out.default_value = GetString(declared, "defaultValueExpression");
  const std::string_view type = GetString(declared, "type");
  const auto* row = std::ranges::find(kKinds, type, &Row::type);
  out.kind = row == std::end(kKinds) ? ValueKind::kString : row->kind;
  out.native =
      std::string(row == std::end(kKinds) ? type.substr(0, 40) : row->sql) + Limits(declared);
  const std::string_view mode = GetString(declared, "mode");
  out.repeated = mode == "REPEATED";
  out.required = mode == "REQUIRED";
  if (out.kind == ValueKind::kRange) NSTARX_RETURN_IF_ERROR(AddEnds(declared, &out));
  if (out.kind == ValueKind::kStruct) {
    NSTARX_TRY(out.fields, ReadList(declared, depth + 1));
    std::string inside;
    for (const auto& field : out.fields) {
      inside += fmt::format("{}{} {}", inside.empty() ? "" : ", ", field.name, field.native);
    }
    out.native = fmt::format("STRUCT<{}>", inside);
  }
  out.arrow = ArrowOf(out);
  if (out.repeated) {
    out.native = fmt::format("ARRAY<{}>", out.native);
    out.arrow = arrow::list(out.arrow);
  }
  return out;
}

Result<std::vector<DeclaredField>> ReadList(const json::object& holder, int depth) {
  std::vector<DeclaredField> out;
  if (depth > kDepthMax) return Malformed("a schema nested too deeply");
  const auto* fields = holder.if_contains("fields");
  if (fields == nullptr) return out;
  if (!fields->is_array()) return Malformed("a schema without a list of fields");
  for (const auto& each : fields->get_array()) {
    if (!each.is_object()) return Malformed("a field that is no object");
    NSTARX_TRY(DeclaredField field, ReadField(each.get_object(), depth));
    out.push_back(std::move(field));
  }
  return out;
}

}  // namespace

Result<std::vector<DeclaredField>> ReadFields(const json::object& schema) {
  return ReadList(schema, 0);
}

std::shared_ptr<arrow::Schema> SchemaOf(const std::vector<DeclaredField>& fields) {
  arrow::FieldVector out;
  for (const auto& field : fields) {
    out.push_back(arrow::field(field.name, field.arrow, !field.required));
  }
  return arrow::schema(std::move(out));
}

}  // namespace nstarx::connectors::bigquery
