#pragma once

#include <string>
#include <string_view>

#include "adapter/odbc_handles.h"

namespace arrow {
class Schema;
}

namespace nstarx::adapter {

/// `CREATE TABLE table (…)` in standard SQL's types; a field that has none is an error that names
/// it. `quoted` gives a name as the system's SQL has it.
DriverResult<std::string> CreateTableText(
    const std::string& table, const arrow::Schema& schema,
    const std::function<std::string(std::string_view)>& quoted);

/// Runs an INSERT with one `?` for each column over all rows, a block of rows a call. The rows that
/// were written.
DriverResult<int64_t> InsertRows(const OdbcStatement& statement, const std::string& insert,
                                 const Rows& rows);

/// One JSON value of a statement's parameters, bound until the statement has run.
class OdbcParameter {
 public:
  DriverStatus Bind(const OdbcStatement& statement, SQLUSMALLINT place, const json::value& value);

 private:
  std::u16string text_;
  int64_t whole_ = 0;
  double real_ = 0;
  unsigned char truth_ = 0;
  SQLLEN length_ = 0;
};

}  // namespace nstarx::adapter
