#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "connectors/snowflake/snowflake_types.h"

namespace arrow {
class RecordBatch;
class Schema;
}  // namespace arrow

namespace nstarx::connectors::snowflake {

/// A batch as the service encodes it (scaled integers, structs of seconds and fractions) as the
/// declared types. Errors: result.value_not_exact naming the column, response.malformed.
Result<std::shared_ptr<arrow::RecordBatch>> DecodeArrow(
    const std::vector<DeclaredColumn>& columns, const std::shared_ptr<arrow::Schema>& schema,
    const arrow::RecordBatch& sent);

/// Rows of texts and nulls as the declared types.
Result<std::shared_ptr<arrow::RecordBatch>> DecodeRows(const std::vector<DeclaredColumn>& columns,
                                                       const std::shared_ptr<arrow::Schema>& schema,
                                                       const json::array& rows);

}  // namespace nstarx::connectors::snowflake
