#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace arrow {
class DataType;
}

namespace nstarx::connectors::sqlite {

/// What a column's values become. kDynamic: nothing is declared, so the first rows decide.
enum class ColumnKind {
  kDynamic,
  kInt64,
  kDouble,
  kText,
  kBinary,
  kBool,
  kDate,
  kTime,
  kTimestamp,
  kTimestampUtc,
  kDecimal,
};

struct ColumnType {
  ColumnKind kind = ColumnKind::kDynamic;
  int precision = 0;  ///< of kDecimal
  int scale = 0;
  bool operator==(const ColumnType&) const = default;
};

/// The type that a declaration promises; see README.md for the table.
ColumnType FromDeclared(std::string_view declaration);
std::shared_ptr<arrow::DataType> ToArrow(const ColumnType& type);

/// The declaration that makes FromDeclared give back the Arrow type; empty when there is none.
std::string ToDeclared(const arrow::DataType& type);

/// "2026-02-28" → days since 1970; nothing when it is no such day.
std::optional<int32_t> ParseDate(std::string_view text);
/// "12:34[:56[.123456]]" → microseconds of the day.
std::optional<int64_t> ParseTime(std::string_view text);
/// "2026-02-28[ T]12:34:56[.123456][Z|+02:00]" or a date → microseconds since 1970; an offset is
/// taken off, so that the value is UTC.
std::optional<int64_t> ParseTimestamp(std::string_view text);

std::string FormatDate(int32_t days);
std::string FormatTimeOfDay(int64_t microseconds);
std::string FormatTimestamp(int64_t microseconds);
/// The shortest text that reads back as the same number.
std::string FormatDouble(double value);

}  // namespace nstarx::connectors::sqlite
