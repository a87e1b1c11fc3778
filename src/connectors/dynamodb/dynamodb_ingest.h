#pragma once

#include <string>

#include "connector/facets.h"
#include "connectors/aws/json_client.h"

namespace nstarx::connectors::dynamodb {

/// Writes all rows as items by BatchWriteItem; rows of an equal key replace each other. A table
/// that is made gets its first column as hash key; one that is replaced keeps its key. Not one
/// transaction: after an error some rows may be there. Errors: ingest.table_exists,
/// ingest.unsupported_key, ingest.value_not_storable, service.busy.
Result<int64_t> IngestInto(const Context& context, aws::JsonClient& client,
                           const std::string& table, connector::IngestMode mode,
                           connector::BatchStream& source);

}  // namespace nstarx::connectors::dynamodb
