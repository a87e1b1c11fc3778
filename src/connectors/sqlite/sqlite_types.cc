#include "connectors/sqlite/sqlite_types.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <chrono>

namespace nstarx::connectors::sqlite {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
constexpr int kFaithfulDigits = 15;  // of a decimal that SQLite may turn into a REAL

bool TakeDigits(std::string_view& text, size_t count, int& out) {
  if (text.size() < count) return false;
  out = 0;
  for (size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return true;
}

bool Take(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<int32_t> TakeDate(std::string_view& text) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!TakeDigits(text, 4, year) || !Take(text, '-') || !TakeDigits(text, 2, month) ||
      !Take(text, '-') || !TakeDigits(text, 2, day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return static_cast<int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
}

/// At most six digits that count; further ones must be zero.
std::optional<int64_t> TakeFraction(std::string_view& text) {
  int64_t micros = 0;
  int digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    const int digit = text.front() - '0';
    if (digits < 6) {
      micros = micros * 10 + digit;
    } else if (digit != 0) {
      return std::nullopt;
    }
    ++digits;
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 6; ++digits) micros *= 10;
  return micros;
}

std::optional<int64_t> TakeTime(std::string_view& text) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  int64_t micros = 0;
  if (!TakeDigits(text, 2, hour) || !Take(text, ':') || !TakeDigits(text, 2, minute)) {
    return std::nullopt;
  }
  if (Take(text, ':')) {
    if (!TakeDigits(text, 2, second)) return std::nullopt;
    if (Take(text, '.')) {
      const auto fraction = TakeFraction(text);
      if (!fraction) return std::nullopt;
      micros = *fraction;
    }
  }
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return ((hour * 60 + minute) * 60 + second) * kMicrosPerSecond + micros;
}

/// "(p,s)" or "(p)" behind a name; false when there is none or it is out of range.
bool PrecisionAndScale(std::string_view declaration, ColumnType& out) {
  const size_t open = declaration.find('(');
  if (open == std::string_view::npos) return false;
  const char* at = declaration.data() + open + 1;
  const char* end = declaration.data() + declaration.size();
  const auto skip = [&] {
    while (at != end && *at == ' ') ++at;
  };
  skip();
  auto read = std::from_chars(at, end, out.precision);
  if (read.ec != std::errc()) return false;
  at = read.ptr;
  skip();
  out.scale = 0;
  if (at != end && *at == ',') {
    ++at;
    skip();
    read = std::from_chars(at, end, out.scale);
    if (read.ec != std::errc()) return false;
  }
  return out.precision >= 1 && out.precision <= 76 && out.scale >= 0 && out.scale <= out.precision;
}

}  // namespace

ColumnType FromDeclared(std::string_view declaration) {
  std::string name;
  for (char letter : declaration) {
    name += static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  }
  const auto has = [&name](std::string_view word) { return name.find(word) != std::string::npos; };
  const auto begins = [&name](std::string_view word) { return name.starts_with(word); };
  if (begins("DECIMAL") || begins("NUMERIC")) {
    ColumnType type{.kind = ColumnKind::kDecimal};
    return PrecisionAndScale(name, type) ? type : ColumnType{};
  }
  if (begins("TIMESTAMPTZ") || (begins("TIMESTAMP") && has("WITH TIME ZONE"))) {
    return {.kind = ColumnKind::kTimestampUtc};
  }
  if (begins("TIMESTAMP") || begins("DATETIME")) return {.kind = ColumnKind::kTimestamp};
  if (name == "DATE") return {.kind = ColumnKind::kDate};
  if (name == "TIME" || begins("TIME(")) return {.kind = ColumnKind::kTime};
  if (begins("BOOL")) return {.kind = ColumnKind::kBool};
  if (has("INT")) return {.kind = ColumnKind::kInt64};
  if (has("CHAR") || has("CLOB") || has("TEXT") || begins("JSON")) {
    return {.kind = ColumnKind::kText};
  }
  if (has("BLOB") || has("BINARY")) return {.kind = ColumnKind::kBinary};
  if (has("REAL") || has("FLOA") || has("DOUB")) return {.kind = ColumnKind::kDouble};
  return {};
}

std::shared_ptr<arrow::DataType> ToArrow(const ColumnType& type) {
  switch (type.kind) {
    case ColumnKind::kInt64:
      return arrow::int64();
    case ColumnKind::kDouble:
      return arrow::float64();
    case ColumnKind::kBinary:
      return arrow::binary();
    case ColumnKind::kBool:
      return arrow::boolean();
    case ColumnKind::kDate:
      return arrow::date32();
    case ColumnKind::kTime:
      return arrow::time64(arrow::TimeUnit::MICRO);
    case ColumnKind::kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MICRO);
    case ColumnKind::kTimestampUtc:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case ColumnKind::kDecimal:
      if (type.precision > 38) return arrow::decimal256(type.precision, type.scale);
      return arrow::decimal128(type.precision, type.scale);
    case ColumnKind::kText:
    case ColumnKind::kDynamic:
      return arrow::utf8();
  }
  return arrow::utf8();
}

std::string ToDeclared(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "BOOLEAN";
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
    case arrow::Type::UINT64:
      return "INTEGER";
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
      return "REAL";
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::NA:
      return "TEXT";
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
      return "BLOB";
    case arrow::Type::DATE32:
      return "DATE";
    case arrow::Type::TIME64:
      return static_cast<const arrow::Time64Type&>(type).unit() == arrow::TimeUnit::MICRO ? "TIME"
                                                                                          : "";
    case arrow::Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(type);
      if (timestamp.unit() == arrow::TimeUnit::NANO) return "";
      return timestamp.timezone().empty() ? "TIMESTAMP" : "TIMESTAMPTZ";
    }
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      // TEXT affinity keeps every digit; NUMERIC keeps fifteen.
      const char* name = decimal.precision() > kFaithfulDigits ? "DECIMAL_TEXT" : "DECIMAL";
      if (decimal.scale() < 0) return "";
      return fmt::format("{}({},{})", name, decimal.precision(), decimal.scale());
    }
    default:
      return "";
  }
}

std::optional<int32_t> ParseDate(std::string_view text) {
  const auto days = TakeDate(text);
  return text.empty() ? days : std::nullopt;
}

std::optional<int64_t> ParseTime(std::string_view text) {
  const auto micros = TakeTime(text);
  return text.empty() ? micros : std::nullopt;
}

std::optional<int64_t> ParseTimestamp(std::string_view text) {
  const auto days = TakeDate(text);
  if (!days) return std::nullopt;
  int64_t micros = *days * kMicrosPerDay;
  if (text.empty()) return micros;
  if (!Take(text, ' ') && !Take(text, 'T')) return std::nullopt;
  const auto time = TakeTime(text);
  if (!time) return std::nullopt;
  micros += *time;
  Take(text, ' ');
  if (text.empty() || Take(text, 'Z')) return text.empty() ? std::optional(micros) : std::nullopt;
  const int sign = text.front() == '-' ? -1 : 1;
  int hours = 0;
  int minutes = 0;
  if ((!Take(text, '+') && !Take(text, '-')) || !TakeDigits(text, 2, hours)) return std::nullopt;
  Take(text, ':');
  if (!text.empty() && !TakeDigits(text, 2, minutes)) return std::nullopt;
  if (!text.empty() || hours > 23 || minutes > 59) return std::nullopt;
  return micros - sign * (hours * 60 + minutes) * 60 * kMicrosPerSecond;
}

std::string FormatDate(int32_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string FormatTimeOfDay(int64_t microseconds) {
  const int64_t seconds = microseconds / kMicrosPerSecond;
  std::string out =
      fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (const int64_t fraction = microseconds % kMicrosPerSecond; fraction != 0) {
    out += fmt::format(".{:06}", fraction);
  }
  return out;
}

std::string FormatTimestamp(int64_t microseconds) {
  int64_t days = microseconds / kMicrosPerDay;
  int64_t rest = microseconds % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --days;
  }
  return FormatDate(static_cast<int32_t>(days)) + " " + FormatTimeOfDay(rest);
}

std::string FormatDouble(double value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  return {text, end};
}

}  // namespace nstarx::connectors::sqlite
