#pragma once

#include <string_view>

#include "connector/facets.h"
#include "connectors/sqlite/sqlite_database.h"

namespace nstarx::connectors::sqlite {

/// Writes all of `source` into the table in one transaction; nothing is written when it fails.
Result<int64_t> IngestInto(const Context& context, Database& database, std::string_view path,
                           connector::IngestMode mode, connector::BatchStream& source);

}  // namespace nstarx::connectors::sqlite
