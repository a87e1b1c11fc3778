#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "connectors/documents/json_text.h"

namespace arrow {
class RecordBatch;
class Schema;
}  // namespace arrow

namespace nstarx::connectors::documents {

/// query.unsupported_type naming the column when rows of the schema can't be documents.
Status CheckRows(const arrow::Schema& schema);

/// Gives one row to a sink as a document, in column order; NULLs as Null(), a _drift column not at
/// all, JSON text columns as the JSON they hold. Instantiated for JsonText; another sink includes
/// arrow_rows_walk.h.
template <class Sink>
Status WalkRow(const arrow::RecordBatch& batch, int64_t row, Sink& sink);

/// The row as a JSON object in the plain dialect, appended to `out`.
Status AppendJsonRow(const arrow::RecordBatch& batch, int64_t row, std::string* out);

}  // namespace nstarx::connectors::documents
