#pragma once

#include "connector/facets.h"
#include "connectors/cassandra/cql_client.h"
#include "connectors/cassandra/cql_statement.h"

namespace nstarx::connectors::cassandra {

struct IngestOptions {
  uint16_t consistency = 0;
  int concurrency = 1;  ///< inserts that are under way at the same time
};

/// Writes rows as prepared inserts. A new table's primary key is its first column. There are no
/// transactions: after an error the rows that were taken stay; details.rows_written counts them.
Result<int64_t> IngestInto(const Context& context, CqlClient& client, const TablePath& table,
                           connector::IngestMode mode, connector::BatchStream& source,
                           const IngestOptions& options);

}  // namespace nstarx::connectors::cassandra
