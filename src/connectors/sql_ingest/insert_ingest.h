#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "connector/facets.h"

namespace arrow {
class Array;
class DataType;
}  // namespace arrow

namespace nstarx::connectors::sql_ingest {

/// How a system writes types and values. Texts are between single quotes; all that is neither text,
/// number nor bytes is a text that is cast to the column's type.
struct Dialect {
  std::string_view connector;
  std::string_view system;  ///< for messages
  /// The type that holds an Arrow type without loss; empty when there is none.
  std::string (*declare)(const arrow::DataType& type) = nullptr;
  char name_quote = '"';
  std::string_view before_hex = "X'";  ///< of bytes
  std::string_view after_hex = "'";
  /// Quotes and backslashes in texts are escaped by a backslash, else put in as CHR(39), CHR(92).
  bool backslash_escapes = true;
  /// CREATE TABLE t (c TYPE) AS SELECT …, else without the columns: they get those of the query.
  bool columns_before_select = true;
  size_t statement_bytes = 900'000;  ///< at most, but for one row
  int64_t statement_rows = 10'000;
};

struct Target {
  /// The table, and one beside it of another name, both as statements have them.
  std::string table;
  std::string staging;
};

/// Runs one statement to its end.
using Runner = std::function<Status(const Context& context, const std::string& statement)>;

/// Writes all of `source`, all or nothing (see README); returns the rows. Errors:
/// ingest.no_columns, ingest.unsupported_type, ingest.value_not_storable (both name the column),
/// ingest.row_too_large, ingest.table_exists, and those of `run`.
Result<int64_t> Ingest(const Context& context, const Dialect& dialect, const Target& target,
                       connector::IngestMode mode, connector::BatchStream& source,
                       const Runner& run);

/// Appends the value at `row` as a literal. ingest.value_not_storable without the column's name.
Status AppendLiteral(const Dialect& dialect, const arrow::Array& values, int64_t row,
                     std::string_view declared, std::string& out);

/// Eight hexadecimal digits, for the names of staging tables.
std::string NewSuffix();

}  // namespace nstarx::connectors::sql_ingest
