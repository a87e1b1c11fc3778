#pragma once

#include <string>

#include "connector/facets.h"
#include "connectors/object_store/object_client.h"
#include "connectors/object_store/object_tables.h"

namespace nstarx::connectors::object_store {

struct IngestTarget {
  std::string path;  ///< relative to the connection's prefix
  std::string key;   ///< whole
};

/// Writes batches as Parquet. A path ending in .parquet is one object: create refuses an existing
/// one, replace exchanges it at once, append rewrites it with the new rows at its end. Any other
/// path is a folder of part files: append adds one, create wants the folder empty, replace takes
/// the old files away after the new one is there. Nothing is visible before all rows are written.
/// Returns the rows written; object.already_exists, ingest.incompatible_schema,
/// ingest.unsupported_type.
Result<int64_t> IngestFiles(const Context& context, ObjectClient& client, ObjectTables& tables,
                            const IngestTarget& target, connector::IngestMode mode,
                            connector::BatchStream& source);

}  // namespace nstarx::connectors::object_store
