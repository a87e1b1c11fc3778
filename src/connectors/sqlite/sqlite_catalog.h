#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connector/facets.h"
#include "connectors/sqlite/sqlite_database.h"

namespace nstarx::connectors::sqlite {

/// `name` in double quotes.
std::string Quote(std::string_view name);

/// `main.table`, `"odd name"`, `table` → the table's name. query.undefined_table for anything that
/// is no path of this file.
Result<std::string> TableOfPath(std::string_view path);
/// The path of a table, quoted only where needed.
std::string PathOfTable(std::string_view table);

/// True when the file has such a table or view.
Result<bool> TableExists(Database& database, std::string_view table);
Error NoSuchTable(std::string_view path);

Result<std::vector<connector::Node>> ListChildren(Database& database, std::string_view path,
                                                  int64_t limit);
Result<connector::Description> DescribeTable(Database& database, std::string_view path);

}  // namespace nstarx::connectors::sqlite
