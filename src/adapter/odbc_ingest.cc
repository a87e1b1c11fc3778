#include "adapter/odbc_ingest.h"

#include <arrow-adbc/adbc.h>
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

namespace nstarx::adapter {
namespace {

constexpr int64_t kBlockRows = 1000;
constexpr size_t kBlockBytes = 8 << 20;

DriverError NoType(const arrow::Field& field) {
  return {.status = ADBC_STATUS_NOT_IMPLEMENTED,
          .message = fmt::format("column '{}': ODBC has no type for {}", field.name(),
                                 field.type()->ToString())};
}

/// A column of a block of rows, as ODBC reads it: fixed-width values, or values of one width with a
/// length each.
class Sender {
 public:
  DriverStatus Prepare(const arrow::Field& field) {
    switch (field.type()->id()) {
      case arrow::Type::BOOL:
        return As(SQL_C_BIT, SQL_BIT, 1);
      case arrow::Type::INT8:
      case arrow::Type::INT16:
      case arrow::Type::INT32:
      case arrow::Type::INT64:
      case arrow::Type::UINT8:
      case arrow::Type::UINT16:
      case arrow::Type::UINT32:
        return As(SQL_C_SBIGINT, SQL_BIGINT, 8);
      case arrow::Type::FLOAT:
      case arrow::Type::DOUBLE:
        return As(SQL_C_DOUBLE, SQL_DOUBLE, 8);
      case arrow::Type::DATE32:
        return As(SQL_C_TYPE_DATE, SQL_TYPE_DATE, sizeof(SQL_DATE_STRUCT));
      case arrow::Type::TIMESTAMP: {
        const auto& type = static_cast<const arrow::TimestampType&>(*field.type());
        digits_ = type.unit() == arrow::TimeUnit::NANO ? 9 : 6;
        return As(SQL_C_TYPE_TIMESTAMP, SQL_TYPE_TIMESTAMP, sizeof(SQL_TIMESTAMP_STRUCT));
      }
      case arrow::Type::STRING:
      case arrow::Type::LARGE_STRING:
        return As(SQL_C_WCHAR, SQL_WVARCHAR, 0);
      case arrow::Type::BINARY:
      case arrow::Type::LARGE_BINARY:
        return As(SQL_C_BINARY, SQL_VARBINARY, 0);
      case arrow::Type::DECIMAL128:
      case arrow::Type::DECIMAL256: {
        const auto& type = static_cast<const arrow::DecimalType&>(*field.type());
        digits_ = static_cast<SQLSMALLINT>(type.scale());
        size_ = static_cast<SQLULEN>(type.precision());
        return As(SQL_C_CHAR, SQL_DECIMAL, 0);
      }
      default:
        return std::unexpected(NoType(field));
    }
  }

  /// Takes rows [begin, begin + count) of `array`.
  DriverStatus Load(const arrow::Array& array, int64_t begin, int64_t count) {
    lengths_.assign(static_cast<size_t>(count), 0);
    if (width_ > 0) {
      LoadFixed(array, begin, count);
      return {};
    }
    texts_.clear();
    size_t longest = 1;
    for (int64_t i = begin; i < begin + count; ++i) {
      std::string& text = texts_.emplace_back(array.IsNull(i) ? std::string() : BytesOf(array, i));
      longest = std::max(longest, text.size());
    }
    buffer_.assign(longest * static_cast<size_t>(count), '\0');
    for (size_t row = 0; row < texts_.size(); ++row) {
      std::memcpy(buffer_.data() + row * longest, texts_[row].data(), texts_[row].size());
      const bool null = array.IsNull(begin + static_cast<int64_t>(row));
      lengths_[row] = null ? SQL_NULL_DATA : static_cast<SQLLEN>(texts_[row].size());
    }
    stride_ = longest;
    return {};
  }

  DriverStatus Bind(const OdbcStatement& statement, SQLUSMALLINT place) {
    const size_t stride = width_ > 0 ? width_ : stride_;
    SQLULEN size = size_;
    if (size == 0)
      size = c_type_ == SQL_C_WCHAR ? std::max<size_t>(stride / sizeof(SQLWCHAR), 1) : stride;
    if (c_type_ == SQL_C_TYPE_TIMESTAMP) size = 20 + static_cast<SQLULEN>(digits_);
    return OdbcCheck(statement, SQLBindParameter(statement.get(), place, SQL_PARAM_INPUT, c_type_,
                                                 sql_type_, size, digits_, buffer_.data(),
                                                 static_cast<SQLLEN>(stride), lengths_.data()));
  }

  size_t row_bytes() const { return width_ > 0 ? width_ : stride_; }

 private:
  DriverStatus As(SQLSMALLINT c_type, SQLSMALLINT sql_type, size_t width) {
    c_type_ = c_type;
    sql_type_ = sql_type;
    width_ = width;
    return {};
  }

  std::string BytesOf(const arrow::Array& array, int64_t i) const {
    switch (array.type_id()) {
      case arrow::Type::STRING:
        return Wide(static_cast<const arrow::StringArray&>(array).GetView(i));
      case arrow::Type::LARGE_STRING:
        return Wide(static_cast<const arrow::LargeStringArray&>(array).GetView(i));
      case arrow::Type::BINARY:
        return static_cast<const arrow::BinaryArray&>(array).GetString(i);
      case arrow::Type::LARGE_BINARY:
        return static_cast<const arrow::LargeBinaryArray&>(array).GetString(i);
      case arrow::Type::DECIMAL128:
        return static_cast<const arrow::Decimal128Array&>(array).FormatValue(i);
      default:
        return static_cast<const arrow::Decimal256Array&>(array).FormatValue(i);
    }
  }
  static std::string Wide(std::string_view text) {
    const std::u16string wide = ToWide(text);
    return {reinterpret_cast<const char*>(wide.data()), wide.size() * sizeof(char16_t)};
  }

  void LoadFixed(const arrow::Array& array, int64_t begin, int64_t count) {
    buffer_.assign(width_ * static_cast<size_t>(count), '\0');
    for (int64_t i = 0; i < count; ++i) {
      if (array.IsNull(begin + i)) {
        lengths_[static_cast<size_t>(i)] = SQL_NULL_DATA;
        continue;
      }
      char* to = buffer_.data() + width_ * static_cast<size_t>(i);
      const auto put = [&](const auto& value) { std::memcpy(to, &value, sizeof(value)); };
      switch (array.type_id()) {
        case arrow::Type::BOOL:
          *to = static_cast<const arrow::BooleanArray&>(array).Value(begin + i) ? 1 : 0;
          break;
        case arrow::Type::INT8:
          put(int64_t{static_cast<const arrow::Int8Array&>(array).Value(begin + i)});
          break;
        case arrow::Type::INT16:
          put(int64_t{static_cast<const arrow::Int16Array&>(array).Value(begin + i)});
          break;
        case arrow::Type::INT32:
          put(int64_t{static_cast<const arrow::Int32Array&>(array).Value(begin + i)});
          break;
        case arrow::Type::INT64:
          put(int64_t{static_cast<const arrow::Int64Array&>(array).Value(begin + i)});
          break;
        case arrow::Type::UINT8:
          put(int64_t{static_cast<const arrow::UInt8Array&>(array).Value(begin + i)});
          break;
        case arrow::Type::UINT16:
          put(int64_t{static_cast<const arrow::UInt16Array&>(array).Value(begin + i)});
          break;
        case arrow::Type::UINT32:
          put(int64_t{static_cast<const arrow::UInt32Array&>(array).Value(begin + i)});
          break;
        case arrow::Type::FLOAT:
          put(double{static_cast<const arrow::FloatArray&>(array).Value(begin + i)});
          break;
        case arrow::Type::DOUBLE:
          put(static_cast<const arrow::DoubleArray&>(array).Value(begin + i));
          break;
        case arrow::Type::DATE32:
          put(DateOf(static_cast<const arrow::Date32Array&>(array).Value(begin + i)));
          break;
        default:
          put(TimestampOf(static_cast<const arrow::TimestampArray&>(array), begin + i));
          break;
      }
    }
  }

  static SQL_DATE_STRUCT DateOf(int64_t days) {
    const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
    SQL_DATE_STRUCT out{};
    out.year = static_cast<SQLSMALLINT>(static_cast<int>(date.year()));
    out.month = static_cast<SQLUSMALLINT>(static_cast<unsigned>(date.month()));
    out.day = static_cast<SQLUSMALLINT>(static_cast<unsigned>(date.day()));
    return out;
  }

  static SQL_TIMESTAMP_STRUCT TimestampOf(const arrow::TimestampArray& array, int64_t i) {
    const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
    constexpr int64_t kPerSecond[] = {1, 1'000, 1'000'000, 1'000'000'000};
    const int64_t per_second = kPerSecond[static_cast<int>(type.unit())];
    int64_t seconds = array.Value(i) / per_second;
    int64_t part = array.Value(i) % per_second;
    if (part < 0) {
      part += per_second;
      --seconds;
    }
    int64_t days = seconds / 86'400;
    int64_t left = seconds % 86'400;
    if (left < 0) {
      left += 86'400;
      --days;
    }
    const SQL_DATE_STRUCT date = DateOf(days);
    SQL_TIMESTAMP_STRUCT out{};
    out.year = date.year;
    out.month = date.month;
    out.day = date.day;
    out.hour = static_cast<SQLUSMALLINT>(left / 3600);
    out.minute = static_cast<SQLUSMALLINT>(left / 60 % 60);
    out.second = static_cast<SQLUSMALLINT>(left % 60);
    out.fraction = static_cast<SQLUINTEGER>(part * (1'000'000'000 / per_second));
    return out;
  }

  SQLSMALLINT c_type_ = 0;
  SQLSMALLINT sql_type_ = 0;
  SQLSMALLINT digits_ = 0;
  SQLULEN size_ = 0;
  size_t width_ = 0;   ///< of fixed-width values; 0: by the longest
  size_t stride_ = 1;  ///< of the others in this block
  std::vector<char> buffer_;
  std::vector<SQLLEN> lengths_;
  std::vector<std::string> texts_;
};

const char* SqlTypeOf(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "BOOLEAN";
    case arrow::Type::INT8:
    case arrow::Type::UINT8:
    case arrow::Type::INT16:
      return "SMALLINT";
    case arrow::Type::UINT16:
    case arrow::Type::INT32:
      return "INTEGER";
    case arrow::Type::UINT32:
    case arrow::Type::INT64:
      return "BIGINT";
    case arrow::Type::FLOAT:
      return "REAL";
    case arrow::Type::DOUBLE:
      return "DOUBLE PRECISION";
    case arrow::Type::DATE32:
      return "DATE";
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return "TEXT";
    default:
      return nullptr;
  }
}

}  // namespace

DriverResult<std::string> CreateTableText(
    const std::string& table, const arrow::Schema& schema,
    const std::function<std::string(std::string_view)>& quoted) {
  std::string out = "CREATE TABLE " + table + " (";
  for (int i = 0; i < schema.num_fields(); ++i) {
    const arrow::Field& field = *schema.field(i);
    std::string type;
    if (const char* plain = SqlTypeOf(*field.type())) {
      type = plain;
    } else if (arrow::is_decimal(field.type()->id())) {
      const auto& decimal = static_cast<const arrow::DecimalType&>(*field.type());
      type = fmt::format("DECIMAL({},{})", decimal.precision(), decimal.scale());
    } else if (field.type()->id() == arrow::Type::TIMESTAMP) {
      type = "TIMESTAMP";
    } else {
      return std::unexpected(NoType(field));
    }
    out += (i > 0 ? ", " : "") + quoted(field.name()) + " " + type;
  }
  return out + ")";
}

DriverResult<int64_t> InsertRows(const OdbcStatement& statement, const std::string& insert,
                                 const Rows& rows) {
  std::u16string text = ToWide(insert);
  if (auto done = OdbcCheck(statement, SQLPrepareW(statement.get(), WideData(text),
                                                   static_cast<SQLINTEGER>(text.size())));
      !done) {
    return std::unexpected(done.error());
  }
  std::vector<Sender> senders(static_cast<size_t>(rows->schema()->num_fields()));
  for (size_t i = 0; i < senders.size(); ++i) {
    if (auto done = senders[i].Prepare(*rows->schema()->field(static_cast<int>(i))); !done) {
      return std::unexpected(done.error());
    }
  }
  int64_t written = 0;
  int64_t block = kBlockRows;
  while (true) {
    auto next = rows->Next();
    if (!next.ok()) return std::unexpected(OfArrow(next.status()));
    if (*next == nullptr) return written;
    const arrow::RecordBatch& batch = **next;
    for (int64_t begin = 0; begin < batch.num_rows();) {
      const int64_t count = std::min(block, batch.num_rows() - begin);
      size_t row_bytes = 0;
      for (size_t i = 0; i < senders.size(); ++i) {
        if (auto done = senders[i].Load(*batch.column(static_cast<int>(i)), begin, count); !done) {
          return std::unexpected(done.error());
        }
        row_bytes += senders[i].row_bytes();
      }
      SQLSetStmtAttr(statement.get(), SQL_ATTR_PARAMSET_SIZE,
                     reinterpret_cast<SQLPOINTER>(static_cast<SQLULEN>(count)), 0);
      for (size_t i = 0; i < senders.size(); ++i) {
        if (auto done = senders[i].Bind(statement, static_cast<SQLUSMALLINT>(i + 1)); !done) {
          return std::unexpected(done.error());
        }
      }
      if (auto done = OdbcCheck(statement, SQLExecute(statement.get())); !done) {
        return std::unexpected(done.error());
      }
      written += count;
      begin += count;
      // One long value widens its whole column: then fewer rows go in one block.
      block = std::clamp<int64_t>(
          static_cast<int64_t>(kBlockBytes / std::max<size_t>(row_bytes, 1)), 1, kBlockRows);
    }
  }
}

DriverStatus OdbcParameter::Bind(const OdbcStatement& statement, SQLUSMALLINT place,
                                 const json::value& value) {
  const auto bind = [&](SQLSMALLINT c_type, SQLSMALLINT sql_type, SQLULEN size, void* data) {
    return OdbcCheck(statement, SQLBindParameter(statement.get(), place, SQL_PARAM_INPUT, c_type,
                                                 sql_type, size, 0, data, 0, &length_));
  };
  switch (value.kind()) {
    case json::kind::null:
      length_ = SQL_NULL_DATA;
      return bind(SQL_C_WCHAR, SQL_WVARCHAR, 1, nullptr);
    case json::kind::bool_:
      truth_ = value.get_bool() ? 1 : 0;
      return bind(SQL_C_BIT, SQL_BIT, 1, &truth_);
    case json::kind::int64:
      whole_ = value.get_int64();
      return bind(SQL_C_SBIGINT, SQL_BIGINT, 19, &whole_);
    case json::kind::double_:
      real_ = value.get_double();
      return bind(SQL_C_DOUBLE, SQL_DOUBLE, 53, &real_);
    case json::kind::string:
      text_ = ToWide(std::string_view(value.get_string()));
      length_ = static_cast<SQLLEN>(text_.size() * sizeof(SQLWCHAR));
      return bind(SQL_C_WCHAR, SQL_WVARCHAR, std::max<size_t>(text_.size(), 1), text_.data());
    default:
      return std::unexpected(
          DriverError{.status = ADBC_STATUS_INVALID_ARGUMENT,
                      .message = fmt::format("parameter {} is no single value", place)});
  }
}

}  // namespace nstarx::adapter
