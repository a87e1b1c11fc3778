#pragma once

#include <memory>
#include <string>

#include "connector/facets.h"
#include "connectors/postgresql/postgres_session.h"

namespace nstarx::connectors::postgresql {

/// Runs a plain scan of a big table as several streams within one snapshot, each on a session of
/// its own, which take ranges of pages from one list. Null when it is not worth it or not possible:
/// the plan is another one, the table is small, no sibling is free, the server is older than 14.
Result<std::unique_ptr<connector::BatchStream>> TryParallelScan(
    const Context& context, PostgresSession& session, const std::string& text,
    const SqlStatement& statement, const connector::ExecuteOptions& options);

}  // namespace nstarx::connectors::postgresql
