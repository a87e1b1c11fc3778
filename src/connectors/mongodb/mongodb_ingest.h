#pragma once

#include <string>
#include <string_view>

#include "connector/facets.h"
#include "connectors/mongodb/mongodb_client.h"

namespace arrow {
class RecordBatch;
class Schema;
}  // namespace arrow

namespace nstarx::connectors::mongodb {

/// Writes all of `source` into the collection by unordered bulk inserts. `create` and `replace`
/// write into a collection of another name that takes the place at the end; `append` keeps what was
/// written before a failure. Returns the documents written.
Result<int64_t> IngestInto(const Context& context, Client& client, const std::string& database,
                           const std::string& collection, connector::IngestMode mode,
                           connector::BatchStream& source);

/// One row as a document. ingest.unsupported_type, ingest.value_not_storable.
Status AppendRow(const arrow::RecordBatch& batch, int64_t row, bson_t* out);

}  // namespace nstarx::connectors::mongodb
