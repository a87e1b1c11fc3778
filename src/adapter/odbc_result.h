#pragma once

#include <vector>

#include "adapter/odbc_column.h"

namespace nstarx::adapter {

/// The rows of an executed statement, which must outlive it. Columns of a known, small size come in
/// blocks of rows; a result that has longer ones comes value by value. A value that does not fit is
/// an error that names the column.
DriverResult<Rows> ReadRows(const OdbcStatement& statement, std::vector<OdbcColumn> columns);

}  // namespace nstarx::adapter
