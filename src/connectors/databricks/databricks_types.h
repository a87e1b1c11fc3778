#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace arrow {
class DataType;
class RecordBatch;
class Schema;
}  // namespace arrow

namespace nstarx::connectors::databricks {

/// A column as the result's manifest or Unity Catalog declares it.
struct DeclaredColumn {
  std::string name;
  std::string type;  ///< "DECIMAL(10,2)", "ARRAY<INT>"
};
std::vector<DeclaredColumn> ReadColumns(const json::object& manifest);

/// The Arrow type of a declared one; null for a type whose form only the data shows (INTERVAL,
/// VARIANT, names that are not known).
std::shared_ptr<arrow::DataType> ArrowTypeOf(std::string_view declared);

/// The result's schema: what is declared, and the data's own form where that says more. `data` is
/// null when there is none.
std::shared_ptr<arrow::Schema> ResultSchema(const std::vector<DeclaredColumn>& columns,
                                            const arrow::Schema* data);

/// The batch with the types of the schema; a value that does not fit is result.value_not_exact,
/// which names the column.
Result<std::shared_ptr<arrow::RecordBatch>> Conform(
    const std::shared_ptr<arrow::Schema>& schema, const std::shared_ptr<arrow::RecordBatch>& batch);

/// Rows of the form JSON_ARRAY as texts; binary columns are base64 there.
Result<std::shared_ptr<arrow::RecordBatch>> RowsOfJson(const std::vector<DeclaredColumn>& columns,
                                                       const json::array& rows);

}  // namespace nstarx::connectors::databricks
