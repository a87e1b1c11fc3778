#include "adapter/odbc_column.h"

#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <limits>

namespace nstarx::adapter {
namespace {

// SQL Server's own type, which the standard headers do not name.
constexpr SQLSMALLINT kSsTime2 = -154;

constexpr SQLULEN kMostBound = 4000;  ///< characters or bytes of a column that is bound

Form FormOf(const arrow::DataType& type, const OdbcColumn& column) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return Form::kBool;
    case arrow::Type::INT8:
    case arrow::Type::UINT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
      return Form::kInt64;
    case arrow::Type::UINT64:
      return Form::kUint64;
    case arrow::Type::FLOAT:
      return Form::kFloat;
    case arrow::Type::DOUBLE:
      return Form::kDouble;
    case arrow::Type::DATE32:
      return Form::kDate;
    case arrow::Type::TIME64:
      return Form::kTime;
    case arrow::Type::TIMESTAMP:
      return Form::kTimestamp;
    case arrow::Type::BINARY:
      return Form::kBinary;
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return Form::kDecimal;
    default:
      return Form::kText;
  }
}

SQLSMALLINT CTypeOf(Form form) {
  switch (form) {
    case Form::kBool:
      return SQL_C_BIT;
    case Form::kInt64:
      return SQL_C_SBIGINT;
    case Form::kUint64:
      return SQL_C_UBIGINT;
    case Form::kFloat:
      return SQL_C_FLOAT;
    case Form::kDouble:
      return SQL_C_DOUBLE;
    case Form::kDate:
      return SQL_C_TYPE_DATE;
    case Form::kTimestamp:
      return SQL_C_TYPE_TIMESTAMP;
    case Form::kBinary:
      return SQL_C_BINARY;
    case Form::kTime:
    case Form::kDecimal:
      return SQL_C_CHAR;
    case Form::kText:
      return SQL_C_WCHAR;
  }
  return SQL_C_WCHAR;
}

/// Bytes of one value's buffer; 0 when the column is too long to be bound.
size_t WidthOf(Form form, const OdbcColumn& column) {
  switch (form) {
    case Form::kBool:
      return 1;
    case Form::kFloat:
      return sizeof(float);
    case Form::kInt64:
    case Form::kUint64:
    case Form::kDouble:
      return 8;
    case Form::kDate:
      return sizeof(SQL_DATE_STRUCT);
    case Form::kTimestamp:
      return sizeof(SQL_TIMESTAMP_STRUCT);
    case Form::kTime:
      return 40;
    case Form::kDecimal:
      return 96;
    case Form::kText:
    case Form::kBinary: {
      const bool is_long = column.sql_type == SQL_LONGVARCHAR ||
                           column.sql_type == SQL_WLONGVARCHAR ||
                           column.sql_type == SQL_LONGVARBINARY;
      if (is_long || column.size == 0 || column.size > kMostBound) return 0;
      // A character may take two code units.
      return form == Form::kText ? (2 * column.size + 1) * sizeof(SQLWCHAR) : column.size;
    }
  }
  return 0;
}

int64_t DaysOf(int year, unsigned month, unsigned day) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) /
                               std::chrono::day(day))
      .time_since_epoch()
      .count();
}

/// "hh:mm:ss[.fraction]" to nanoseconds of the day.
bool ReadTime(std::string_view text, int64_t* out) {
  int parts[3] = {};
  const char* at = text.data();
  const char* end = at + text.size();
  for (int i = 0; i < 3; ++i) {
    if (i > 0 && (at == end || *at++ != ':')) return false;
    const auto [next, error] = std::from_chars(at, end, parts[i]);
    if (error != std::errc()) return false;
    at = next;
  }
  int64_t fraction = 0;
  if (at != end && *at == '.') {
    int digits = 0;
    for (++at; at != end && *at >= '0' && *at <= '9' && digits < 9; ++at, ++digits) {
      fraction = fraction * 10 + (*at - '0');
    }
    for (; digits < 9; ++digits) fraction *= 10;
  }
  const int64_t seconds = (int64_t{parts[0]} * 60 + parts[1]) * 60 + parts[2];
  if (at != end || seconds < 0 || seconds > 86'400) return false;
  *out = seconds * 1'000'000'000 + fraction;
  return true;
}

template <class T>
T Load(const char* value) {
  T out;
  std::memcpy(&out, value, sizeof(T));
  return out;
}

}  // namespace

ColumnTarget::ColumnTarget(OdbcColumn column, std::shared_ptr<arrow::DataType> type)
    : column_(std::move(column)),
      type_(std::move(type)),
      form_(FormOf(*type_, column_)),
      width_(WidthOf(form_, column_)) {}

arrow::Status ColumnTarget::MakeBuilder() {
  ARROW_ASSIGN_OR_RAISE(builder_, arrow::MakeBuilder(type_));
  return arrow::Status::OK();
}

bool ColumnTarget::sized() const {
  return form_ == Form::kText || form_ == Form::kBinary || form_ == Form::kTime ||
         form_ == Form::kDecimal;
}

SQLSMALLINT ColumnTarget::c_type() const { return CTypeOf(form_); }

arrow::Status ColumnTarget::Misfit(std::string_view why) const {
  return arrow::Status::Invalid("column '", column_.name, "': ", why);
}

arrow::Result<std::shared_ptr<arrow::Array>> ColumnTarget::Finish() {
  bytes_ = 0;
  return builder_->Finish();
}

template <class Builder, class T>
arrow::Status ColumnTarget::AppendNarrow(int64_t value) {
  if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) {
    return Misfit(fmt::format("{} does not fit", value));
  }
  return As<Builder>()->Append(static_cast<T>(value));
}

arrow::Status ColumnTarget::AppendInt(int64_t value) {
  switch (type_->id()) {
    case arrow::Type::INT8:
      return AppendNarrow<arrow::Int8Builder, int8_t>(value);
    case arrow::Type::UINT8:
      return AppendNarrow<arrow::UInt8Builder, uint8_t>(value);
    case arrow::Type::INT16:
      return AppendNarrow<arrow::Int16Builder, int16_t>(value);
    case arrow::Type::INT32:
      return AppendNarrow<arrow::Int32Builder, int32_t>(value);
    default:
      return As<arrow::Int64Builder>()->Append(value);
  }
}

arrow::Status ColumnTarget::AppendTimestamp(const SQL_TIMESTAMP_STRUCT& value) {
  const auto unit = static_cast<const arrow::TimestampType&>(*type_).unit();
  const int64_t seconds = DaysOf(value.year, value.month, value.day) * 86'400 + value.hour * 3600 +
                          value.minute * 60 + value.second;
  int64_t out = 0;
  if (unit == arrow::TimeUnit::NANO) {
    if (__builtin_mul_overflow(seconds, int64_t{1'000'000'000}, &out) ||
        __builtin_add_overflow(out, static_cast<int64_t>(value.fraction), &out)) {
      return Misfit("a timestamp beyond the years 1677 to 2262 has no nanoseconds");
    }
  } else {
    if (value.fraction % 1000 != 0) return Misfit("a timestamp has nanoseconds");
    out = seconds * 1'000'000 + static_cast<int64_t>(value.fraction / 1000);
  }
  return As<arrow::TimestampBuilder>()->Append(out);
}

template <class Decimal, class Builder>
arrow::Status ColumnTarget::AppendDecimalAs(std::string_view text) {
  const auto& type = static_cast<const arrow::DecimalType&>(*type_);
  Decimal value;
  int32_t precision = 0;
  int32_t scale = 0;
  if (!Decimal::FromString(text, &value, &precision, &scale).ok()) {
    return Misfit(fmt::format("'{}' is no decimal", text));
  }
  auto scaled = value.Rescale(scale, type.scale());
  if (!scaled.ok() || !scaled->FitsInPrecision(type.precision())) {
    return Misfit(fmt::format("'{}' does not fit the declared {}", text, type.ToString()));
  }
  return As<Builder>()->Append(*scaled);
}
arrow::Status ColumnTarget::Append(const char* value, size_t size) {
  bytes_ += static_cast<int64_t>(size);
  switch (form_) {
    case Form::kBool:
      return As<arrow::BooleanBuilder>()->Append(*value != 0);
    case Form::kInt64:
      return AppendInt(Load<int64_t>(value));
    case Form::kUint64:
      return As<arrow::UInt64Builder>()->Append(Load<uint64_t>(value));
    case Form::kFloat:
      return As<arrow::FloatBuilder>()->Append(Load<float>(value));
    case Form::kDouble:
      return As<arrow::DoubleBuilder>()->Append(Load<double>(value));
    case Form::kDate: {
      const auto date = Load<SQL_DATE_STRUCT>(value);
      return As<arrow::Date32Builder>()->Append(
          static_cast<int32_t>(DaysOf(date.year, date.month, date.day)));
    }
    case Form::kTime: {
      int64_t nanoseconds = 0;
      if (!ReadTime({value, size}, &nanoseconds)) return Misfit("no time of day");
      return As<arrow::Time64Builder>()->Append(nanoseconds);
    }
    case Form::kTimestamp:
      return AppendTimestamp(Load<SQL_TIMESTAMP_STRUCT>(value));
    case Form::kDecimal:
      return type_->id() == arrow::Type::DECIMAL128
                 ? AppendDecimalAs<arrow::Decimal128, arrow::Decimal128Builder>({value, size})
                 : AppendDecimalAs<arrow::Decimal256, arrow::Decimal256Builder>({value, size});
    case Form::kBinary:
      return As<arrow::BinaryBuilder>()->Append(value, static_cast<int32_t>(size));
    case Form::kText:
      text_.clear();
      AppendUtf8(reinterpret_cast<const char16_t*>(value), size / sizeof(SQLWCHAR), &text_);
      return As<arrow::StringBuilder>()->Append(text_);
  }
  return arrow::Status::OK();
}

std::shared_ptr<arrow::DataType> ArrowTypeOf(const OdbcColumn& column) {
  switch (column.sql_type) {
    case SQL_BIT:
      return arrow::boolean();
    case SQL_TINYINT:
      return column.is_unsigned ? arrow::uint8() : arrow::int8();
    case SQL_SMALLINT:
      return column.is_unsigned ? arrow::int32() : arrow::int16();
    case SQL_INTEGER:
      return column.is_unsigned ? arrow::int64() : arrow::int32();
    case SQL_BIGINT:
      return column.is_unsigned ? arrow::uint64() : arrow::int64();
    case SQL_REAL:
      return arrow::float32();
    case SQL_FLOAT:
    case SQL_DOUBLE:
      return arrow::float64();
    case SQL_DECIMAL:
    case SQL_NUMERIC: {
      const auto precision = static_cast<int32_t>(column.size);
      if (precision < 1 || precision > 76) return arrow::utf8();
      if (precision > 38) return arrow::decimal256(precision, column.digits);
      return arrow::decimal128(precision, column.digits);
    }
    case SQL_TYPE_DATE:
      return arrow::date32();
    case SQL_TYPE_TIME:
    case kSsTime2:
      return arrow::time64(arrow::TimeUnit::NANO);
    case SQL_TYPE_TIMESTAMP:
      return arrow::timestamp(column.digits > 6 ? arrow::TimeUnit::NANO : arrow::TimeUnit::MICRO);
    case SQL_BINARY:
    case SQL_VARBINARY:
    case SQL_LONGVARBINARY:
      return arrow::binary();
    default:
      return arrow::utf8();
  }
}

DriverResult<std::vector<OdbcColumn>> DescribeColumns(const OdbcStatement& statement) {
  SQLSMALLINT count = 0;
  if (auto done = OdbcCheck(statement, SQLNumResultCols(statement.get(), &count)); !done) {
    return std::unexpected(done.error());
  }
  std::vector<OdbcColumn> out;
  for (SQLSMALLINT i = 1; i <= count; ++i) {
    OdbcColumn column;
    char16_t name[512] = {};
    SQLSMALLINT size = 0;
    SQLSMALLINT nullable = SQL_NULLABLE_UNKNOWN;
    const auto place = static_cast<SQLUSMALLINT>(i);
    if (auto done = OdbcCheck(
            statement, SQLDescribeColW(statement.get(), place, reinterpret_cast<SQLWCHAR*>(name),
                                       static_cast<SQLSMALLINT>(std::size(name)), &size,
                                       &column.sql_type, &column.size, &column.digits, &nullable));
        !done) {
      return std::unexpected(done.error());
    }
    AppendUtf8(name, std::min<size_t>(static_cast<size_t>(size), std::size(name) - 1),
               &column.name);
    column.nullable = nullable != SQL_NO_NULLS;
    SQLLEN is_unsigned = SQL_FALSE;
    if (SQL_SUCCEEDED(SQLColAttributeW(statement.get(), place, SQL_DESC_UNSIGNED, nullptr, 0,
                                       nullptr, &is_unsigned))) {
      column.is_unsigned = is_unsigned == SQL_TRUE;
    }
    out.push_back(std::move(column));
  }
  return out;
}

}  // namespace nstarx::adapter
