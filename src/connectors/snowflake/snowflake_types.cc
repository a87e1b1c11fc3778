#include "connectors/snowflake/snowflake_types.h"

#include <arrow/api.h>

#include <algorithm>
#include <charconv>

#include "connectors/snowflake/snowflake_errors.h"
#include "connectors/sql_text/pieces.h"

namespace nstarx::connectors::snowflake {
namespace {

struct Row {
  std::string_view type;
  ValueKind kind;
};

/// As the service names types in results, and as SQL declares columns.
constexpr Row kKinds[] = {
    {"FIXED", ValueKind::kNumber},
    {"NUMBER", ValueKind::kNumber},
    {"REAL", ValueKind::kReal},
    {"FLOAT", ValueKind::kReal},
    {"TEXT", ValueKind::kText},
    {"VARCHAR", ValueKind::kText},
    {"CHAR", ValueKind::kText},
    {"STRING", ValueKind::kText},
    {"BINARY", ValueKind::kBinary},
    {"VARBINARY", ValueKind::kBinary},
    {"BOOLEAN", ValueKind::kBoolean},
    {"DATE", ValueKind::kDate},
    {"TIME", ValueKind::kTime},
    {"TIMESTAMP_NTZ", ValueKind::kTimestamp},
    {"TIMESTAMP_LTZ", ValueKind::kInstant},
    {"TIMESTAMP_TZ", ValueKind::kInstant},
    {"VARIANT", ValueKind::kJson},
    {"OBJECT", ValueKind::kJson},
    {"ARRAY", ValueKind::kJson},
    {"DECFLOAT", ValueKind::kDecimalFloat},
};

int NumberAt(std::string_view text, size_t at, int otherwise) {
  int out = otherwise;
  if (at < text.size()) std::from_chars(text.data() + at, text.data() + text.size(), out);
  return out;
}

}  // namespace

ValueKind KindOf(std::string_view type) {
  const auto* row = std::ranges::find(kKinds, type, &Row::type);
  return row == std::end(kKinds) ? ValueKind::kOther : row->kind;
}

std::shared_ptr<arrow::DataType> ArrowType(ValueKind kind, int precision, int scale,
                                           const ValueSettings& settings) {
  const bool fine = scale > 6 && !settings.microseconds;
  const auto unit = fine ? arrow::TimeUnit::NANO : arrow::TimeUnit::MICRO;
  switch (kind) {
    case ValueKind::kNumber:
      if (scale == 0 && (precision <= 18 || settings.wide_integers_as_int64)) {
        return arrow::int64();
      }
      return arrow::decimal128(precision, scale);
    case ValueKind::kReal:
      return arrow::float64();
    case ValueKind::kBinary:
      return arrow::binary();
    case ValueKind::kBoolean:
      return arrow::boolean();
    case ValueKind::kDate:
      return arrow::date32();
    case ValueKind::kTime:
      return arrow::time64(arrow::TimeUnit::NANO);
    case ValueKind::kTimestamp:
      return arrow::timestamp(unit);
    case ValueKind::kInstant:
      return arrow::timestamp(unit, "UTC");
    case ValueKind::kText:
    case ValueKind::kJson:
    case ValueKind::kDecimalFloat:
    case ValueKind::kOther:
      break;
  }
  return arrow::utf8();
}

Result<std::vector<DeclaredColumn>> ReadColumns(const json::array& rowtype,
                                                const ValueSettings& settings) {
  std::vector<DeclaredColumn> out;
  for (const auto& each : rowtype) {
    if (!each.is_object()) return Malformed("a column without declaration");
    const json::object& object = each.get_object();
    DeclaredColumn column;
    column.name = GetString(object, "name");
    column.type = sql_text::Upper(GetString(object, "type"));
    column.kind = KindOf(column.type);
    // What is declared outside of the type's bounds is not this type.
    column.precision =
        static_cast<int>(std::clamp<int64_t>(GetInt(object, "precision", 38), 1, 38));
    const bool number = column.kind == ValueKind::kNumber;
    column.scale = static_cast<int>(std::clamp<int64_t>(GetInt(object, "scale", number ? 0 : 9), 0,
                                                        number ? column.precision : 9));
    column.nullable = GetBool(object, "nullable", true);
    column.arrow = ArrowType(column.kind, column.precision, column.scale, settings);
    out.push_back(std::move(column));
  }
  return out;
}

std::shared_ptr<arrow::Schema> ResultSchema(std::vector<DeclaredColumn>& columns,
                                            const arrow::Schema* sent) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < columns.size(); ++i) {
    DeclaredColumn& column = columns[i];
    const int place = static_cast<int>(i);
    if (column.kind == ValueKind::kOther && sent != nullptr && place < sent->num_fields()) {
      column.arrow = sent->field(place)->type();
    }
    auto field = arrow::field(column.name, column.arrow, true);
    if (column.kind == ValueKind::kJson) {
      field = field->WithMetadata(arrow::key_value_metadata({"nstarx.encoding"}, {"json"}));
    }
    fields.push_back(std::move(field));
  }
  return arrow::schema(std::move(fields));
}

std::shared_ptr<arrow::DataType> ArrowTypeOfSql(std::string_view sql,
                                                const ValueSettings& settings) {
  const size_t open = std::min(sql.find('('), sql.size());
  const ValueKind kind = KindOf(sql_text::Upper(sql.substr(0, open)));
  if (kind == ValueKind::kNumber) {
    const size_t comma = sql.find(',', open);
    const int precision = std::clamp(NumberAt(sql, open + 1, 38), 1, 38);
    const int scale =
        comma == std::string_view::npos ? 0 : std::clamp(NumberAt(sql, comma + 1, 0), 0, precision);
    return ArrowType(kind, precision, scale, settings);
  }
  return ArrowType(kind, 38, std::clamp(NumberAt(sql, open + 1, 9), 0, 9), settings);
}

}  // namespace nstarx::connectors::snowflake
