#pragma once

#include <string>
#include <string_view>

#include "connector/facets.h"
#include "connectors/mysql/mysql_catalog.h"
#include "connectors/mysql/mysql_protocol.h"

namespace arrow {
class RecordBatch;
}

namespace nstarx::connectors::mysql {

/// Writes all of `source` into the table: LOAD DATA LOCAL fed from memory, or many-row INSERTs when
/// the server has it switched off. One transaction where the engine has them; CREATE TABLE and DROP
/// TABLE commit by themselves, so a table made for a failed write is dropped again.
Result<int64_t> IngestInto(const Context& context, Conversation& conversation,
                           const TablePath& table, std::string_view path,
                           connector::IngestMode mode, connector::BatchStream& source);

/// Rows as LOAD DATA reads them: fields by tab, rows by newline, backslash escapes, \N for NULL.
/// ingest.unsupported_type, ingest.value_not_storable.
Status AppendLoadRows(const arrow::RecordBatch& batch, std::string* out);

}  // namespace nstarx::connectors::mysql
