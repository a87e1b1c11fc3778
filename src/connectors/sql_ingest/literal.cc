#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "connectors/sql_ingest/insert_ingest.h"

namespace nstarx::connectors::sql_ingest {
namespace {

void AppendEscaped(std::string_view text, std::string& out) {
  out += '\'';
  for (const char c : text) {
    switch (c) {
      case '\'':
        out += "\\'";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        out += c;
    }
  }
  out += '\'';
}

/// CONCAT('it', CHR(39), 's'): the same whatever a backslash means.
void AppendPieces(std::string_view text, std::string& out) {
  constexpr std::string_view kSpecial = "'\\";
  const bool plain = text.find_first_of(kSpecial) == std::string_view::npos;
  if (!plain) out += "CONCAT(''";
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(kSpecial), text.size());
    if (!plain) out += ", ";
    if (end == 0) {
      out += text.front() == '\'' ? "CHR(39)" : "CHR(92)";
      text.remove_prefix(1);
    } else {
      out += '\'';
      out += text.substr(0, end);
      out += '\'';
      text.remove_prefix(end);
    }
    if (plain) return;
  }
  out += plain ? "''" : ")";
}

void AppendText(const Dialect& dialect, std::string_view text, std::string& out) {
  if (dialect.backslash_escapes) {
    AppendEscaped(text, out);
  } else {
    AppendPieces(text, out);
  }
}

void AppendCast(std::string_view text, std::string_view declared, std::string& out) {
  fmt::format_to(std::back_inserter(out), "CAST('{}' AS {})", text, declared);
}

void AppendHex(const Dialect& dialect, std::string_view bytes, std::string& out) {
  out += dialect.before_hex;
  for (const char c : bytes) {
    fmt::format_to(std::back_inserter(out), "{:02X}", static_cast<unsigned char>(c));
  }
  out += dialect.after_hex;
}

Error NotStorable(std::string_view what) {
  return InvalidArgument("ingest.value_not_storable", std::string(what)).WithStage("query");
}

Result<std::string> DateText(int64_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  // Beyond these days the calendar's own arithmetic wraps.
  constexpr int64_t kFirst = -719'162;  // 0001-01-01
  constexpr int64_t kLast = 2'932'896;  // 9999-12-31
  if (days < kFirst || days > kLast) {
    return NotStorable("a date outside of the years 1 to 9999");
  }
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

struct UnitFacts {
  int64_t per_second;
  int digits;
};

UnitFacts FactsOf(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return {1, 0};
    case arrow::TimeUnit::MILLI:
      return {1'000, 3};
    case arrow::TimeUnit::MICRO:
      return {1'000'000, 6};
    case arrow::TimeUnit::NANO:
      return {1'000'000'000, 9};
  }
  return {1, 0};
}

/// HH:MM:SS and the fraction that the unit has.
std::string ClockText(int64_t units, UnitFacts facts) {
  const int64_t seconds = units / facts.per_second;
  std::string out =
      fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (facts.digits > 0) out += fmt::format(".{:0{}}", units % facts.per_second, facts.digits);
  return out;
}

Result<std::string> TimeText(int64_t units, UnitFacts facts) {
  if (units < 0 || units >= 86'400 * facts.per_second) {
    return NotStorable("a time of day outside of a day");
  }
  return ClockText(units, facts);
}

Result<std::string> TimestampText(int64_t units, UnitFacts facts, bool with_zone) {
  const int64_t per_day = 86'400 * facts.per_second;
  int64_t days = units / per_day;
  int64_t rest = units % per_day;
  if (rest < 0) {
    rest += per_day;
    --days;
  }
  NSTARX_TRY(std::string out, DateText(days));
  out += ' ';
  out += ClockText(rest, facts);
  if (with_zone) out += "+00:00";
  return out;
}

void AppendReal(double value, std::string_view shortest, std::string_view declared,
                std::string& out) {
  if (std::isfinite(value)) return AppendCast(shortest, declared, out);
  AppendCast(std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf", declared, out);
}

template <class Array>
auto ValueOf(const arrow::Array& values, int64_t row) {
  return static_cast<const Array&>(values).Value(row);
}

template <class Array>
std::string_view ViewOf(const arrow::Array& values, int64_t row) {
  return static_cast<const Array&>(values).GetView(row);
}

}  // namespace

Status AppendLiteral(const Dialect& dialect, const arrow::Array& values, int64_t row,
                     std::string_view declared, std::string& out) {
  const auto number = [&](auto value) { fmt::format_to(std::back_inserter(out), "{}", value); };
  if (values.IsNull(row)) {
    out += "NULL";
    return {};
  }
  switch (values.type_id()) {
    case arrow::Type::BOOL:
      out += ValueOf<arrow::BooleanArray>(values, row) ? "TRUE" : "FALSE";
      return {};
    case arrow::Type::INT8:
      number(ValueOf<arrow::Int8Array>(values, row));
      return {};
    case arrow::Type::INT16:
      number(ValueOf<arrow::Int16Array>(values, row));
      return {};
    case arrow::Type::INT32:
      number(ValueOf<arrow::Int32Array>(values, row));
      return {};
    case arrow::Type::INT64:
      // As a text: dialects read the digits of the smallest one before its sign.
      AppendCast(fmt::format("{}", ValueOf<arrow::Int64Array>(values, row)), declared, out);
      return {};
    case arrow::Type::UINT8:
      number(ValueOf<arrow::UInt8Array>(values, row));
      return {};
    case arrow::Type::UINT16:
      number(ValueOf<arrow::UInt16Array>(values, row));
      return {};
    case arrow::Type::UINT32:
      number(ValueOf<arrow::UInt32Array>(values, row));
      return {};
    case arrow::Type::UINT64:
      AppendCast(fmt::format("{}", ValueOf<arrow::UInt64Array>(values, row)), declared, out);
      return {};
    case arrow::Type::FLOAT: {
      const float value = ValueOf<arrow::FloatArray>(values, row);
      AppendReal(value, fmt::format("{}", value), declared, out);
      return {};
    }
    case arrow::Type::DOUBLE: {
      const double value = ValueOf<arrow::DoubleArray>(values, row);
      AppendReal(value, fmt::format("{}", value), declared, out);
      return {};
    }
    case arrow::Type::DECIMAL128:
      AppendCast(static_cast<const arrow::Decimal128Array&>(values).FormatValue(row), declared,
                 out);
      return {};
    case arrow::Type::DECIMAL256:
      AppendCast(static_cast<const arrow::Decimal256Array&>(values).FormatValue(row), declared,
                 out);
      return {};
    case arrow::Type::STRING:
      AppendText(dialect, ViewOf<arrow::StringArray>(values, row), out);
      return {};
    case arrow::Type::LARGE_STRING:
      AppendText(dialect, ViewOf<arrow::LargeStringArray>(values, row), out);
      return {};
    case arrow::Type::BINARY:
      AppendHex(dialect, ViewOf<arrow::BinaryArray>(values, row), out);
      return {};
    case arrow::Type::LARGE_BINARY:
      AppendHex(dialect, ViewOf<arrow::LargeBinaryArray>(values, row), out);
      return {};
    case arrow::Type::FIXED_SIZE_BINARY:
      AppendHex(dialect, ViewOf<arrow::FixedSizeBinaryArray>(values, row), out);
      return {};
    case arrow::Type::DATE32: {
      NSTARX_TRY(const std::string text, DateText(ValueOf<arrow::Date32Array>(values, row)));
      AppendCast(text, declared, out);
      return {};
    }
    case arrow::Type::TIME32: {
      const auto unit = static_cast<const arrow::Time32Type&>(*values.type()).unit();
      NSTARX_TRY(const std::string text,
                 TimeText(ValueOf<arrow::Time32Array>(values, row), FactsOf(unit)));
      AppendCast(text, declared, out);
      return {};
    }
    case arrow::Type::TIME64: {
      const auto unit = static_cast<const arrow::Time64Type&>(*values.type()).unit();
      NSTARX_TRY(const std::string text,
                 TimeText(ValueOf<arrow::Time64Array>(values, row), FactsOf(unit)));
      AppendCast(text, declared, out);
      return {};
    }
    case arrow::Type::TIMESTAMP: {
      const auto& type = static_cast<const arrow::TimestampType&>(*values.type());
      NSTARX_TRY(const std::string text,
                 TimestampText(ValueOf<arrow::TimestampArray>(values, row), FactsOf(type.unit()),
                               !type.timezone().empty()));
      AppendCast(text, declared, out);
      return {};
    }
    default:
      return NotStorable(fmt::format("a value of type {}", values.type()->ToString()));
  }
}

}  // namespace nstarx::connectors::sql_ingest
