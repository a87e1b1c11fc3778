#pragma once

// Includes DuckDB: only .cc files may include it.
#include <memory>

#include "base/status.h"
#include "connector/facets.h"
#include "engine/engine.h"

namespace nstarx::engine {

/// The rows of a running statement as Arrow, in batches of about 2 MiB; extension types (JSON,
/// UUID) as what they are stored as. The stream must die before the engine.
Result<std::unique_ptr<connector::BatchStream>> StreamRows(
    Engine& engine, const connector::Statement& statement,
    duckdb::unique_ptr<duckdb::QueryResult> result);

}  // namespace nstarx::engine
