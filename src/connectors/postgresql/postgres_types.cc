#include "connectors/postgresql/postgres_types.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace nstarx::connectors::postgresql {
namespace {

constexpr uint32_t kNumericOid = 1700;
constexpr int32_t kModifierOffset = 4;

struct TypeRow {
  uint32_t oid;
  uint32_t array_oid;
  CellKind kind;
  std::shared_ptr<arrow::DataType> (*arrow)();
  std::string_view extension;
};

/// The types that are read in binary. OIDs are fixed by the server's catalog.
constexpr auto kTypes = std::to_array<TypeRow>({
    {16, 1000, CellKind::kBool, [] { return arrow::boolean(); }, ""},         // bool
    {17, 1001, CellKind::kBytes, [] { return arrow::binary(); }, ""},         // bytea
    {19, 1003, CellKind::kText, [] { return arrow::utf8(); }, ""},            // name
    {20, 1016, CellKind::kInt64, [] { return arrow::int64(); }, ""},          // int8
    {21, 1005, CellKind::kInt16, [] { return arrow::int16(); }, ""},          // int2
    {23, 1007, CellKind::kInt32, [] { return arrow::int32(); }, ""},          // int4
    {25, 1009, CellKind::kText, [] { return arrow::utf8(); }, ""},            // text
    {26, 1028, CellKind::kInt32, [] { return arrow::uint32(); }, ""},         // oid
    {114, 199, CellKind::kText, [] { return arrow::utf8(); }, "arrow.json"},  // json
    {700, 1021, CellKind::kFloat, [] { return arrow::float32(); }, ""},       // float4
    {701, 1022, CellKind::kDouble, [] { return arrow::float64(); }, ""},      // float8
    {705, 0, CellKind::kText, [] { return arrow::utf8(); }, ""},              // unknown
    {1042, 1014, CellKind::kText, [] { return arrow::utf8(); }, ""},          // bpchar
    {1043, 1015, CellKind::kText, [] { return arrow::utf8(); }, ""},          // varchar
    {1082, 1182, CellKind::kDate, [] { return arrow::date32(); }, ""},        // date
    {1083, 1183, CellKind::kTime, [] { return arrow::time64(arrow::TimeUnit::MICRO); },
     ""},  // time
    {1114, 1115, CellKind::kTimestamp, [] { return arrow::timestamp(arrow::TimeUnit::MICRO); },
     ""},  // timestamp
    {1184, 1185, CellKind::kTimestamp,
     [] { return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"); }, ""},  // timestamptz
    {1186, 1187, CellKind::kInterval, [] { return arrow::month_day_nano_interval(); },
     ""},  // interval
    {2950, 2951, CellKind::kUuid, [] { return arrow::fixed_size_binary(16); },
     "arrow.uuid"},                                                              // uuid
    {3802, 3807, CellKind::kJsonb, [] { return arrow::utf8(); }, "arrow.json"},  // jsonb
});

ColumnType AsText() { return {.kind = CellKind::kText, .binary = false, .arrow = arrow::utf8()}; }

ColumnType Decimal(int precision, int scale) {
  ColumnType type{.binary = true, .precision = precision, .scale = scale};
  type.kind = precision <= 38 ? CellKind::kDecimal128 : CellKind::kDecimal256;
  type.arrow =
      precision <= 38 ? arrow::decimal128(precision, scale) : arrow::decimal256(precision, scale);
  return type;
}

ColumnType NumericColumn(int32_t modifier, OpenNumeric open_numeric) {
  NumericModifier declared = ReadNumericModifier(modifier);
  if (declared.precision > 0) {
    // numeric(5,-3) and numeric(2,4) exist, but Arrow's readers want 0 <= scale <= precision.
    int scale = std::max(declared.scale, 0);
    int precision = std::max(declared.precision - std::min(declared.scale, 0), scale);
    return precision <= 76 ? Decimal(precision, scale) : AsText();
  }
  switch (open_numeric) {
    case OpenNumeric::kText:
      return AsText();
    case OpenNumeric::kDouble:
      return {.kind = CellKind::kDouble, .binary = false, .arrow = arrow::float64()};
    case OpenNumeric::kDecimal:
      break;
  }
  return {.kind = CellKind::kOpenNumeric, .binary = true, .arrow = arrow::decimal256(76, 38)};
}

ColumnType ListOf(ColumnType element, uint32_t element_oid) {
  ColumnType list{.kind = CellKind::kList, .binary = true};
  list.arrow = arrow::list(element.arrow);
  list.element_oid = element_oid;
  list.element = std::make_shared<ColumnType>(std::move(element));
  return list;
}

}  // namespace

NumericModifier ReadNumericModifier(int32_t modifier) {
  if (modifier < kModifierOffset) return {};
  int32_t packed = modifier - kModifierOffset;
  // The scale has 11 bits and a sign since version 15; older servers write 0 … 1000 in 16.
  return {.precision = (packed >> 16) & 0xFFFF, .scale = ((packed & 0x7FF) ^ 1024) - 1024};
}

ColumnType TypeOfColumn(uint32_t oid, int32_t modifier, OpenNumeric open_numeric) {
  if (oid == kNumericOid) return NumericColumn(modifier, open_numeric);
  if (oid == 1231) {  // numeric[]
    ColumnType element = NumericColumn(modifier, OpenNumeric::kText);
    return element.binary ? ListOf(std::move(element), kNumericOid) : AsText();
  }
  for (const TypeRow& row : kTypes) {
    if (row.oid != oid && (row.array_oid != oid || oid == 0)) continue;
    ColumnType type{.kind = row.kind, .binary = true};
    type.arrow = row.arrow();
    type.extension = row.extension;
    return row.oid == oid ? type : ListOf(std::move(type), row.oid);
  }
  return AsText();
}

std::shared_ptr<arrow::Field> FieldOf(const std::string& name, const ColumnType& type) {
  if (type.kind == CellKind::kList) {
    return arrow::field(name, arrow::list(FieldOf("item", *type.element)));
  }
  if (type.extension.empty()) return arrow::field(name, type.arrow);
  return arrow::field(
      name, type.arrow, true,
      arrow::key_value_metadata({"ARROW:extension:name", "ARROW:extension:metadata"},
                                {std::string(type.extension), ""}));
}

std::string ArrowName(const ColumnType& type) {
  if (type.kind == CellKind::kList) return fmt::format("list<{}>", ArrowName(*type.element));
  if (!type.extension.empty()) return std::string(type.extension);
  if (type.kind == CellKind::kOpenNumeric) return "decimal";
  return type.arrow->ToString();
}

std::string SqlTypeOf(const arrow::Field& field) {
  if (field.metadata() != nullptr) {
    auto name = field.metadata()->Get("ARROW:extension:name");
    if (name.ok() && *name == "arrow.uuid") return "uuid";
    if (name.ok() && *name == "arrow.json") return "jsonb";
  }
  const arrow::DataType& type = *field.type();
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "boolean";
    case arrow::Type::INT8:
    case arrow::Type::UINT8:
    case arrow::Type::INT16:
      return "smallint";
    case arrow::Type::UINT16:
    case arrow::Type::INT32:
      return "integer";
    case arrow::Type::UINT32:
    case arrow::Type::INT64:
      return "bigint";
    case arrow::Type::UINT64:
      return "numeric(20,0)";
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FLOAT:
      return "real";
    case arrow::Type::DOUBLE:
      return "double precision";
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
    case arrow::Type::NA:
      return "text";
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
      return "bytea";
    case arrow::Type::DATE32:
    case arrow::Type::DATE64:
      return "date";
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return "time";
    case arrow::Type::INTERVAL_MONTH_DAY_NANO:
    case arrow::Type::DURATION:
      return "interval";
    case arrow::Type::TIMESTAMP: {
      const auto& zoned = static_cast<const arrow::TimestampType&>(type);
      return zoned.timezone().empty() ? "timestamp" : "timestamptz";
    }
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      return fmt::format("numeric({},{})", decimal.precision(), decimal.scale());
    }
    case arrow::Type::DICTIONARY:
      return SqlTypeOf(*arrow::field(field.name(),
                                     static_cast<const arrow::DictionaryType&>(type).value_type()));
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST: {
      std::string element = SqlTypeOf(*type.field(0));
      return element.empty() || element.ends_with("[]") ? "" : element + "[]";
    }
    default:
      return "";
  }
}

}  // namespace nstarx::connectors::postgresql
