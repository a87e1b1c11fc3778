#include "connectors/documents/column_fit.h"

#include <arrow/type.h>
#include <arrow/util/base64.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "base/base64.h"
#include "connectors/documents/decimal_digits.h"
#include "connectors/documents/json_text.h"
#include "connectors/documents/json_walk.h"

namespace nstarx::connectors::documents {
namespace {

using arrow::Type;

template <class Builder>
bool FitInteger(arrow::ArrayBuilder& column, int64_t value, arrow::Status* out) {
  using Value = typename Builder::value_type;
  if (!std::in_range<Value>(value)) return false;
  *out = static_cast<Builder&>(column).Append(static_cast<Value>(value));
  return true;
}

/// The value times 10^scale as decimal digits; nothing when it has more decimals or digits.
std::optional<std::string> Unscaled(const Digits& number, int precision, int scale) {
  if (number.fraction() > scale || number.whole() > precision - scale) return std::nullopt;
  if (number.digits.empty()) return "0";
  std::string out = number.negative ? "-" : "";
  out += number.digits;
  out.append(static_cast<size_t>(scale - number.scale), '0');
  return out;
}

template <class Builder, class Value, class Type>
bool FitDigits(arrow::ArrayBuilder& column, std::string_view text, arrow::Status* out) {
  const auto& type = static_cast<const Type&>(*column.type());
  const auto number = ReadDigits(text);
  if (!number) return false;
  const auto unscaled = Unscaled(*number, type.precision(), type.scale());
  if (!unscaled) return false;
  auto value = Value::FromString(*unscaled);
  if (!value.ok()) return false;
  *out = static_cast<Builder&>(column).Append(*value);
  return true;
}

/// A whole number's value, however it is written ("5.0", "5E2").
std::optional<std::string> WholeText(std::string_view text) {
  const auto number = ReadDigits(text);
  if (!number || number->fraction() > 0 || number->whole() > 20) return std::nullopt;
  return Unscaled(*number, 20, 0);
}

template <size_t kCount>
bool TakeDigits(std::string_view& text, int* value) {
  if (text.size() < kCount) return false;
  *value = 0;
  for (size_t i = 0; i < kCount; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    *value = *value * 10 + (text[i] - '0');
  }
  text.remove_prefix(kCount);
  return true;
}

bool Take(std::string_view& text, char letter) {
  if (text.empty() || text.front() != letter) return false;
  text.remove_prefix(1);
  return true;
}

bool TakeZone(std::string_view& text, int64_t* seconds) {
  if (text.empty() || Take(text, 'Z')) return text.empty();
  const bool west = text.front() == '-';
  if (!west && text.front() != '+') return false;
  text.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!TakeDigits<2>(text, &hours)) return false;
  Take(text, ':');
  if (!text.empty() && !TakeDigits<2>(text, &minutes)) return false;
  const int64_t offset = hours * 3600 + minutes * 60;
  *seconds -= west ? -offset : offset;
  return text.empty() && hours < 24 && minutes < 60;
}

bool TakeClock(std::string_view& text, Moment* out) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!TakeDigits<2>(text, &hour) || !Take(text, ':') || !TakeDigits<2>(text, &minute)) {
    return false;
  }
  if (Take(text, ':')) {
    if (!TakeDigits<2>(text, &second)) return false;
    if (Take(text, '.')) {
      int64_t unit = 100'000'000;
      if (text.empty() || text.front() < '0' || text.front() > '9') return false;
      for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; unit /= 10) {
        if (unit == 0) return false;
        out->nanos += unit * (text.front() - '0');
        text.remove_prefix(1);
      }
    }
  }
  out->seconds += hour * 3600 + minute * 60 + second;
  return hour < 24 && minute < 60 && second < 60;
}

}  // namespace

std::optional<Moment> ReadIsoTime(std::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!TakeDigits<4>(text, &year) || !Take(text, '-') || !TakeDigits<2>(text, &month) ||
      !Take(text, '-') || !TakeDigits<2>(text, &day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  Moment out;
  out.seconds = std::chrono::sys_days(date).time_since_epoch().count() * int64_t{86'400};
  if (text.empty()) return out;
  if (!Take(text, 'T') && !Take(text, ' ')) return std::nullopt;
  if (text.empty()) return out;
  if (!TakeClock(text, &out) || !TakeZone(text, &out.seconds)) return std::nullopt;
  return out;
}

bool FitInt(arrow::ArrayBuilder& column, int64_t value, bool coerce, arrow::Status* out) {
  switch (column.type()->id()) {
    case Type::INT64:
      *out = static_cast<arrow::Int64Builder&>(column).Append(value);
      return true;
    case Type::INT32:
      return FitInteger<arrow::Int32Builder>(column, value, out);
    case Type::INT16:
      return FitInteger<arrow::Int16Builder>(column, value, out);
    case Type::INT8:
      return FitInteger<arrow::Int8Builder>(column, value, out);
    case Type::UINT64:
      return FitInteger<arrow::UInt64Builder>(column, value, out);
    case Type::UINT32:
      return FitInteger<arrow::UInt32Builder>(column, value, out);
    case Type::UINT16:
      return FitInteger<arrow::UInt16Builder>(column, value, out);
    case Type::UINT8:
      return FitInteger<arrow::UInt8Builder>(column, value, out);
    case Type::DOUBLE:
      if (value > (int64_t{1} << 53) || value < -(int64_t{1} << 53)) return false;
      *out = static_cast<arrow::DoubleBuilder&>(column).Append(static_cast<double>(value));
      return true;
    case Type::FLOAT:
      if (value > (1 << 24) || value < -(1 << 24)) return false;
      *out = static_cast<arrow::FloatBuilder&>(column).Append(static_cast<float>(value));
      return true;
    case Type::DECIMAL128:
    case Type::DECIMAL256:
      return FitDecimal(column, fmt::format_int(value).c_str(), false, out);
    case Type::TIMESTAMP: {
      if (!coerce) return false;
      const int64_t seconds = value / 1000 - (value % 1000 < 0 ? 1 : 0);
      return FitMoment(column, {seconds, (value - seconds * 1000) * 1'000'000}, out);
    }
    case Type::STRING:
      if (!coerce) return false;
      *out = static_cast<arrow::StringBuilder&>(column).Append(fmt::format_int(value).c_str());
      return true;
    default:
      return false;
  }
}

bool FitDouble(arrow::ArrayBuilder& column, double value, bool coerce, arrow::Status* out) {
  switch (column.type()->id()) {
    case Type::DOUBLE:
      *out = static_cast<arrow::DoubleBuilder&>(column).Append(value);
      return true;
    case Type::FLOAT:
      if (!std::isnan(value) && static_cast<double>(static_cast<float>(value)) != value) {
        return false;
      }
      *out = static_cast<arrow::FloatBuilder&>(column).Append(static_cast<float>(value));
      return true;
    default: {
      if (!std::isfinite(value)) return false;
      std::string text;
      AppendDouble(value, &text);
      return FitDecimal(column, text, coerce, out);
    }
  }
}

bool FitDecimal(arrow::ArrayBuilder& column, std::string_view text, bool coerce,
                arrow::Status* out) {
  switch (column.type()->id()) {
    case Type::DECIMAL128:
      return FitDigits<arrow::Decimal128Builder, arrow::Decimal128, arrow::Decimal128Type>(
          column, text, out);
    case Type::DECIMAL256:
      return FitDigits<arrow::Decimal256Builder, arrow::Decimal256, arrow::Decimal256Type>(
          column, text, out);
    case Type::STRING:
      if (!coerce) return false;
      *out = static_cast<arrow::StringBuilder&>(column).Append(text);
      return true;
    case Type::DOUBLE:
    case Type::FLOAT: {
      const Number number = ReadNumber(text);
      return number.kind == NumberKind::kDouble && FitDouble(column, number.real, false, out);
    }
    case Type::TIMESTAMP:
      return false;
    default:
      break;
  }
  const auto whole = WholeText(text);
  if (!whole) return false;
  int64_t integer = 0;
  const char* const end = whole->data() + whole->size();
  if (std::from_chars(whole->data(), end, integer).ec == std::errc()) {
    return FitInt(column, integer, false, out);
  }
  uint64_t large = 0;
  if (column.type()->id() != Type::UINT64 ||
      std::from_chars(whole->data(), end, large).ec != std::errc()) {
    return false;
  }
  *out = static_cast<arrow::UInt64Builder&>(column).Append(large);
  return true;
}

bool FitMoment(arrow::ArrayBuilder& column, Moment moment, arrow::Status* out) {
  if (column.type()->id() != Type::TIMESTAMP) return false;
  int64_t per_second = 1;
  switch (static_cast<const arrow::TimestampType&>(*column.type()).unit()) {
    case arrow::TimeUnit::SECOND:
      break;
    case arrow::TimeUnit::MILLI:
      per_second = 1'000;
      break;
    case arrow::TimeUnit::MICRO:
      per_second = 1'000'000;
      break;
    case arrow::TimeUnit::NANO:
      per_second = 1'000'000'000;
      break;
  }
  const int64_t step = 1'000'000'000 / per_second;
  int64_t value = 0;
  if (moment.nanos % step != 0 || __builtin_mul_overflow(moment.seconds, per_second, &value) ||
      __builtin_add_overflow(value, moment.nanos / step, &value)) {
    return false;
  }
  *out = static_cast<arrow::TimestampBuilder&>(column).Append(value);
  return true;
}

bool FitText(arrow::ArrayBuilder& column, std::string_view text, arrow::Status* out) {
  switch (column.type()->id()) {
    case Type::BOOL:
      if (text != "true" && text != "false") return false;
      *out = static_cast<arrow::BooleanBuilder&>(column).Append(text == "true");
      return true;
    case Type::TIMESTAMP: {
      const auto moment = ReadIsoTime(text);
      return moment && FitMoment(column, *moment, out);
    }
    case Type::BINARY: {
      const auto bytes = arrow::util::base64_decode(text);
      if (!bytes.ok()) return false;
      std::string again;
      AppendBase64(*bytes, &again);
      if (again != text) return false;
      *out = static_cast<arrow::BinaryBuilder&>(column).Append(*bytes);
      return true;
    }
    default:
      return FitDecimal(column, text, false, out);
  }
}

}  // namespace nstarx::connectors::documents
