#pragma once

#include "base/status.h"
#include "store/sqlite/sqlite_database.h"

namespace nstarx::store {

/// Brings the database to the present schema, in one transaction. store.newer_schema when a later
/// nstarx wrote it, store.altered_schema when tables are not as we made them.
Status Migrate(Database& database);

}  // namespace nstarx::store
