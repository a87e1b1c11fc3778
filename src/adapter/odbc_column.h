#pragma once

#include <arrow/api.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/odbc_handles.h"

namespace nstarx::adapter {

/// A column of a result as ODBC describes it.
struct OdbcColumn {
  std::string name;
  SQLSMALLINT sql_type = 0;
  SQLULEN size = 0;  ///< characters, bytes or digits; 0: unbounded
  SQLSMALLINT digits = 0;
  bool nullable = true;
  bool is_unsigned = false;
};

/// The Arrow type that holds every value of the column. Decimals stay decimals; zoned timestamps,
/// whose offset no Arrow type keeps for each value, and what ODBC does not name stay text.
std::shared_ptr<arrow::DataType> ArrowTypeOf(const OdbcColumn& column);

DriverResult<std::vector<OdbcColumn>> DescribeColumns(const OdbcStatement& statement);

/// How a column's values are asked for.
enum class Form {
  kBool,
  kInt64,
  kUint64,
  kFloat,
  kDouble,
  kDate,
  kTime,
  kTimestamp,
  kText,
  kBinary,
  kDecimal
};

/// Where a column's values go: what ODBC hands over becomes Arrow.
class ColumnTarget {
 public:
  ColumnTarget(OdbcColumn column, std::shared_ptr<arrow::DataType> type);

  arrow::Status MakeBuilder();
  Form form() const { return form_; }
  /// Whether values have lengths of their own.
  bool sized() const;
  SQLSMALLINT c_type() const;
  /// Bytes of one value's buffer; 0 when the column is too long to be bound.
  size_t width() const { return width_; }
  const std::string& name() const { return column_.name; }
  const std::shared_ptr<arrow::DataType>& type() const { return type_; }
  /// What the values since Finish() took.
  int64_t bytes() const { return bytes_; }

  /// Appends the value of `size` bytes; an error that names the column when it does not fit.
  arrow::Status Append(const char* value, size_t size);
  arrow::Status AppendNull() { return builder_->AppendNull(); }
  arrow::Status Misfit(std::string_view why) const;
  arrow::Result<std::shared_ptr<arrow::Array>> Finish();

 private:
  template <class Builder>
  Builder* As() {
    return static_cast<Builder*>(builder_.get());
  }
  template <class Builder, class T>
  arrow::Status AppendNarrow(int64_t value);
  arrow::Status AppendInt(int64_t value);
  arrow::Status AppendTimestamp(const SQL_TIMESTAMP_STRUCT& value);
  template <class Decimal, class Builder>
  arrow::Status AppendDecimalAs(std::string_view text);

  OdbcColumn column_;
  std::shared_ptr<arrow::DataType> type_;
  Form form_;
  size_t width_;
  std::unique_ptr<arrow::ArrayBuilder> builder_;
  int64_t bytes_ = 0;
  std::string text_;
};

}  // namespace nstarx::adapter
