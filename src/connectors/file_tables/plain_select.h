#pragma once

// Includes DuckDB: only the .cc files of this room may include it.
#include <optional>
#include <string>
#include <vector>

#include "engine/duckdb_headers.h"
//
#include <duckdb/parser/sql_statement.hpp>

namespace nstarx::connectors::file_tables {

struct PlainSelect {
  std::string path;
  std::vector<std::string> columns;  ///< empty: all
};

/// What `SELECT *` or `SELECT a, b` FROM one path, without anything else, reads; nothing for any
/// other statement.
std::optional<PlainSelect> ReadPlainSelect(const duckdb::SQLStatement& statement);

}  // namespace nstarx::connectors::file_tables
