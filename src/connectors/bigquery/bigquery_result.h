#pragma once

#include <memory>

#include "base/json.h"
#include "connector/facets.h"
#include "connectors/bigquery/bigquery_client.h"
#include "connectors/bigquery/bigquery_types.h"

namespace nstarx::connectors::bigquery {

/// The rows of a job that is done: those of the answer, then page by page. A statement that changes
/// rows gives their number only. `wanted` is how many rows the caller takes; below 0: all.
Result<std::unique_ptr<connector::BatchStream>> OpenResult(const ServicePtr& service,
                                                           const json::object& answer,
                                                           int64_t wanted);

/// The first rows of a table as it is stored, which no job is needed for. `table` is its path
/// behind /projects/.
Result<std::unique_ptr<connector::BatchStream>> OpenTable(const ServicePtr& service,
                                                          const std::string& table,
                                                          std::vector<DeclaredField> fields,
                                                          int64_t wanted);

}  // namespace nstarx::connectors::bigquery
