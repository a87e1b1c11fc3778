#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "connectors/snowflake/snowflake_decode.h"
#include "connectors/snowflake/snowflake_errors.h"
#include "connectors/snowflake/snowflake_moment.h"
#include "connectors/sql_text/pieces.h"

namespace nstarx::connectors::snowflake {
namespace {

using Column = DeclaredColumn;

Status Check(const arrow::Status& status) {
  if (status.ok()) return {};
  return Internal("Arrow can not build a column: " + status.message());
}

Error Unreadable(const Column& column) {
  return NotExact(column.name, "a value can not be read as " + column.type.substr(0, 30));
}

std::optional<int64_t> Whole(std::string_view text) {
  int64_t out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return out;
}

/// "-1.5": seconds and their fraction. What follows a blank is the time zone.
std::optional<Moment> ReadMoment(std::string_view text) {
  text = text.substr(0, text.find(' '));
  const bool negative = text.starts_with('-');
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const auto seconds = Whole(whole);
  std::string fraction;
  if (point != std::string_view::npos) fraction = text.substr(point + 1);
  if (!seconds || fraction.size() > 9 ||
      fraction.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  fraction.resize(9, '0');
  Moment out{.seconds = *seconds, .nanoseconds = Whole(fraction).value_or(0)};
  if (negative && out.nanoseconds > 0) {
    if (out.seconds == std::numeric_limits<int64_t>::min()) return std::nullopt;
    --out.seconds;
    out.nanoseconds = 1'000'000'000 - out.nanoseconds;
  }
  return out;
}

std::optional<double> Real(std::string_view text) {
  const std::string word = sql_text::Upper(text);
  if (word == "NAN") return std::numeric_limits<double>::quiet_NaN();
  if (word == "INF" || word == "INFINITY") return std::numeric_limits<double>::infinity();
  if (word == "-INF" || word == "-INFINITY") return -std::numeric_limits<double>::infinity();
  double out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return out;
}

std::optional<std::string> Bytes(std::string_view hexadecimal) {
  if (hexadecimal.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < hexadecimal.size(); i += 2) {
    unsigned int byte = 0;
    const char* begin = hexadecimal.data() + i;
    const auto read = std::from_chars(begin, begin + 2, byte, 16);
    if (read.ec != std::errc() || read.ptr != begin + 2) return std::nullopt;
    out += static_cast<char>(byte);
  }
  return out;
}

std::optional<bool> Truth(std::string_view text) {
  const std::string word = sql_text::Upper(text);
  if (word == "1" || word == "TRUE") return true;
  if (word == "0" || word == "FALSE") return false;
  return std::nullopt;
}

Status AppendNumber(const Column& column, std::string_view text, arrow::ArrayBuilder& builder) {
  arrow::Decimal128 value;
  int32_t precision = 0;
  int32_t scale = 0;
  if (!arrow::Decimal128::FromString(text, &value, &precision, &scale).ok()) {
    return Unreadable(column);
  }
  const auto rescaled = scale == column.scale ? arrow::Result<arrow::Decimal128>(value)
                                              : value.Rescale(scale, column.scale);
  if (!rescaled.ok()) return Unreadable(column);
  if (column.arrow->id() == arrow::Type::INT64) {
    int64_t whole = 0;
    if (!rescaled->ToInteger(&whole).ok()) {
      return NotExact(column.name, "a number is outside of what 64 bits hold");
    }
    return Check(static_cast<arrow::Int64Builder&>(builder).Append(whole));
  }
  if (!rescaled->FitsInPrecision(column.precision)) return Unreadable(column);
  return Check(static_cast<arrow::Decimal128Builder&>(builder).Append(*rescaled));
}

Status AppendTime(const Column& column, std::string_view text, arrow::ArrayBuilder& builder) {
  const auto moment = ReadMoment(text);
  if (!moment) return Unreadable(column);
  if (column.kind == ValueKind::kTime) {
    if (moment->seconds < 0 || moment->seconds >= 86'400) return Unreadable(column);
    return Check(static_cast<arrow::Time64Builder&>(builder).Append(
        moment->seconds * 1'000'000'000 + moment->nanoseconds));
  }
  NSTARX_TRY(const int64_t value, InUnit(*moment, column));
  return Check(static_cast<arrow::TimestampBuilder&>(builder).Append(value));
}

Status Append(const Column& column, std::string_view text, arrow::ArrayBuilder& builder) {
  switch (column.kind) {
    case ValueKind::kNumber:
      return AppendNumber(column, text, builder);
    case ValueKind::kTime:
    case ValueKind::kTimestamp:
    case ValueKind::kInstant:
      return AppendTime(column, text, builder);
    case ValueKind::kReal: {
      const auto value = Real(text);
      if (!value) return Unreadable(column);
      return Check(static_cast<arrow::DoubleBuilder&>(builder).Append(*value));
    }
    case ValueKind::kBinary: {
      const auto value = Bytes(text);
      if (!value) return Unreadable(column);
      return Check(static_cast<arrow::BinaryBuilder&>(builder).Append(*value));
    }
    case ValueKind::kBoolean: {
      const auto value = Truth(text);
      if (!value) return Unreadable(column);
      return Check(static_cast<arrow::BooleanBuilder&>(builder).Append(*value));
    }
    case ValueKind::kDate: {
      const auto value = Whole(text);
      if (!value || *value != static_cast<int32_t>(*value)) return Unreadable(column);
      return Check(
          static_cast<arrow::Date32Builder&>(builder).Append(static_cast<int32_t>(*value)));
    }
    case ValueKind::kText:
    case ValueKind::kJson:
    case ValueKind::kDecimalFloat:
    case ValueKind::kOther:
      break;
  }
  if (column.arrow->id() != arrow::Type::STRING) return Unreadable(column);
  return Check(static_cast<arrow::StringBuilder&>(builder).Append(text));
}

Status AppendCell(const Column& column, const json::value& cell, arrow::ArrayBuilder& builder) {
  if (cell.is_null()) return Check(builder.AppendNull());
  if (cell.is_string()) return Append(column, cell.get_string(), builder);
  return Append(column, json::serialize(cell), builder);
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> DecodeRows(const std::vector<Column>& columns,
                                                       const std::shared_ptr<arrow::Schema>& schema,
                                                       const json::array& rows) {
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders;
  for (const Column& column : columns) {
    auto builder = arrow::MakeBuilder(column.arrow);
    NSTARX_RETURN_IF_ERROR(Check(builder.status()));
    builders.push_back(*std::move(builder));
  }
  for (const auto& row : rows) {
    if (!row.is_array() || row.get_array().size() != columns.size()) {
      return Malformed("a row with other columns than declared");
    }
    for (size_t i = 0; i < columns.size(); ++i) {
      NSTARX_RETURN_IF_ERROR(AppendCell(columns[i], row.get_array()[i], *builders[i]));
    }
  }
  arrow::ArrayVector out;
  for (const auto& builder : builders) {
    std::shared_ptr<arrow::Array> array;
    NSTARX_RETURN_IF_ERROR(Check(builder->Finish(&array)));
    out.push_back(std::move(array));
  }
  return arrow::RecordBatch::Make(schema, static_cast<int64_t>(rows.size()), std::move(out));
}

}  // namespace nstarx::connectors::snowflake
