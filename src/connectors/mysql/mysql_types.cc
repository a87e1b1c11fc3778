#include "connectors/mysql/mysql_types.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace nstarx::connectors::mysql {
namespace {

constexpr int kDecimalDigitsMax = 65;

ColumnType DecimalType(int precision, int scale) {
  precision = std::clamp(precision, 1, kDecimalDigitsMax);
  scale = std::clamp(scale, 0, precision);
  return {.kind = precision > 38 ? ColumnKind::kDecimal256 : ColumnKind::kDecimal128,
          .precision = precision,
          .scale = scale};
}

ColumnType Whole(const ColumnDefinition& definition, ColumnKind plain, ColumnKind without_sign) {
  return {.kind = definition.is_unsigned() ? without_sign : plain};
}

struct DeclaredRow {
  std::string_view name;
  ColumnKind kind;
  ColumnKind without_sign;
};
constexpr DeclaredRow kDeclared[] = {
    {"tinyint", ColumnKind::kInt8, ColumnKind::kUint8},
    {"smallint", ColumnKind::kInt16, ColumnKind::kUint16},
    {"mediumint", ColumnKind::kInt32, ColumnKind::kUint32},
    {"int", ColumnKind::kInt32, ColumnKind::kUint32},
    {"bigint", ColumnKind::kInt64, ColumnKind::kUint64},
    {"year", ColumnKind::kInt16, ColumnKind::kInt16},
    {"float", ColumnKind::kFloat, ColumnKind::kFloat},
    {"double", ColumnKind::kDouble, ColumnKind::kDouble},
    {"date", ColumnKind::kDate, ColumnKind::kDate},
    {"datetime", ColumnKind::kDatetime, ColumnKind::kDatetime},
    {"timestamp", ColumnKind::kTimestamp, ColumnKind::kTimestamp},
    {"time", ColumnKind::kTime, ColumnKind::kTime},
    {"bit", ColumnKind::kBit, ColumnKind::kBit},
    {"binary", ColumnKind::kBinary, ColumnKind::kBinary},
    {"varbinary", ColumnKind::kBinary, ColumnKind::kBinary},
    {"tinyblob", ColumnKind::kBinary, ColumnKind::kBinary},
    {"blob", ColumnKind::kBinary, ColumnKind::kBinary},
    {"mediumblob", ColumnKind::kBinary, ColumnKind::kBinary},
    {"longblob", ColumnKind::kBinary, ColumnKind::kBinary},
    {"geometry", ColumnKind::kGeometry, ColumnKind::kGeometry},
    {"point", ColumnKind::kGeometry, ColumnKind::kGeometry},
    {"linestring", ColumnKind::kGeometry, ColumnKind::kGeometry},
    {"polygon", ColumnKind::kGeometry, ColumnKind::kGeometry},
    {"multipoint", ColumnKind::kGeometry, ColumnKind::kGeometry},
    {"multilinestring", ColumnKind::kGeometry, ColumnKind::kGeometry},
    {"multipolygon", ColumnKind::kGeometry, ColumnKind::kGeometry},
    {"geometrycollection", ColumnKind::kGeometry, ColumnKind::kGeometry},
};

}  // namespace

ColumnType TypeOf(const ColumnDefinition& definition) {
  using enum ColumnKind;
  switch (definition.type) {
    case WireType::kTiny:
      return Whole(definition, kInt8, kUint8);
    case WireType::kShort:
      return Whole(definition, kInt16, kUint16);
    case WireType::kInt24:
    case WireType::kLong:
      return Whole(definition, kInt32, kUint32);
    case WireType::kLongLong:
      return Whole(definition, kInt64, kUint64);
    case WireType::kYear:
      return {.kind = kInt16};
    case WireType::kFloat:
      return {.kind = kFloat};
    case WireType::kDouble:
      return {.kind = kDouble};
    case WireType::kDecimal:
    case WireType::kNewDecimal: {
      const int extra = (definition.decimals > 0 ? 1 : 0) + (definition.is_unsigned() ? 0 : 1);
      return DecimalType(static_cast<int>(definition.length) - extra, definition.decimals);
    }
    case WireType::kDate:
    case WireType::kNewDate:
      return {.kind = kDate};
    case WireType::kDatetime:
      return {.kind = kDatetime};
    case WireType::kTimestamp:
      return {.kind = kTimestamp};
    case WireType::kTime:
      return {.kind = kTime};
    case WireType::kBit:
      return {.kind = kBit};
    case WireType::kGeometry:
      return {.kind = kGeometry};
    case WireType::kNull:
    case WireType::kJson:
    case WireType::kEnum:
    case WireType::kSet:
      return {.kind = kText};
    default:
      return {.kind = definition.is_binary() ? kBinary : kText};
  }
}

std::shared_ptr<arrow::DataType> ToArrow(const ColumnType& type) {
  switch (type.kind) {
    case ColumnKind::kInt8:
      return arrow::int8();
    case ColumnKind::kInt16:
      return arrow::int16();
    case ColumnKind::kInt32:
      return arrow::int32();
    case ColumnKind::kInt64:
      return arrow::int64();
    case ColumnKind::kUint8:
      return arrow::uint8();
    case ColumnKind::kUint16:
      return arrow::uint16();
    case ColumnKind::kUint32:
      return arrow::uint32();
    case ColumnKind::kUint64:
    case ColumnKind::kBit:
      return arrow::uint64();
    case ColumnKind::kFloat:
      return arrow::float32();
    case ColumnKind::kDouble:
      return arrow::float64();
    case ColumnKind::kDecimal128:
      return arrow::decimal128(type.precision, type.scale);
    case ColumnKind::kDecimal256:
      return arrow::decimal256(type.precision, type.scale);
    case ColumnKind::kDate:
      return arrow::date32();
    case ColumnKind::kDatetime:
      return arrow::timestamp(arrow::TimeUnit::MICRO);
    case ColumnKind::kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case ColumnKind::kTime:
      return arrow::duration(arrow::TimeUnit::MICRO);
    case ColumnKind::kBinary:
    case ColumnKind::kGeometry:
      return arrow::binary();
    case ColumnKind::kText:
      return arrow::utf8();
  }
  return arrow::utf8();
}

ColumnType TypeOfDeclared(std::string_view column_type) {
  std::string name;
  for (char letter : column_type) {
    if (std::isalpha(static_cast<unsigned char>(letter)) == 0) break;
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  if (name == "decimal") {
    int precision = 10;
    int scale = 0;
    const size_t open = column_type.find('(');
    if (open != std::string_view::npos) {
      const char* end = column_type.data() + column_type.size();
      auto read = std::from_chars(column_type.data() + open + 1, end, precision);
      if (read.ptr != end && *read.ptr == ',') std::from_chars(read.ptr + 1, end, scale);
    }
    return DecimalType(precision, scale);
  }
  for (const DeclaredRow& row : kDeclared) {
    if (row.name != name) continue;
    const bool without_sign = column_type.find("unsigned") != std::string_view::npos;
    return {.kind = without_sign ? row.without_sign : row.kind};
  }
  return {.kind = ColumnKind::kText};
}

std::string ToDeclared(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "tinyint(1)";
    case arrow::Type::INT8:
      return "tinyint";
    case arrow::Type::INT16:
      return "smallint";
    case arrow::Type::INT32:
      return "int";
    case arrow::Type::INT64:
      return "bigint";
    case arrow::Type::UINT8:
      return "tinyint unsigned";
    case arrow::Type::UINT16:
      return "smallint unsigned";
    case arrow::Type::UINT32:
      return "int unsigned";
    case arrow::Type::UINT64:
      return "bigint unsigned";
    case arrow::Type::FLOAT:
      return "float";
    case arrow::Type::DOUBLE:
      return "double";
    case arrow::Type::NA:
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return "longtext";
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
      return "longblob";
    case arrow::Type::DATE32:
      return "date";
    case arrow::Type::TIME64:
    case arrow::Type::DURATION: {
      const bool micro =
          type.id() == arrow::Type::TIME64
              ? static_cast<const arrow::Time64Type&>(type).unit() == arrow::TimeUnit::MICRO
              : static_cast<const arrow::DurationType&>(type).unit() == arrow::TimeUnit::MICRO;
      return micro ? "time(6)" : "";
    }
    case arrow::Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(type);
      if (timestamp.unit() == arrow::TimeUnit::NANO) return "";
      return timestamp.timezone().empty() ? "datetime(6)" : "timestamp(6) NULL";
    }
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      if (decimal.precision() > kDecimalDigitsMax || decimal.scale() < 0 || decimal.scale() > 30) {
        return "";
      }
      return fmt::format("decimal({},{})", decimal.precision(), decimal.scale());
    }
    default:
      return "";
  }
}

}  // namespace nstarx::connectors::mysql
