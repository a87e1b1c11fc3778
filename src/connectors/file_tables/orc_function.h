#pragma once

namespace duckdb {
class Connection;
}

namespace nstarx::connectors::file_tables {

/// Gives the engine read_orc(path or list of paths), with the options that its other readers have:
/// hive_partitioning, hive_types, union_by_name, filename. Files are opened by the engine's own
/// file system; only the columns that a statement uses are read; stripes are read side by side, a
/// few thousand rows at a time. What the file says about itself is never trusted: a broken file is
/// an IOException that names it.
void AddReadOrc(duckdb::Connection& connection);

}  // namespace nstarx::connectors::file_tables
