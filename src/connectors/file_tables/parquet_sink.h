#pragma once

#include <memory>
#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "connector/facets.h"

namespace nstarx::connectors::file_tables {

/// Where the bytes of a file go. Write may be called with any size.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Status Write(const Context& context, std::string_view bytes) = 0;
};

/// Writes all batches of `source` as one Parquet file (zstd, row groups of at most 128 Ki rows)
/// into `sink`, holding one row group in memory. Returns the rows written; the first error of
/// source or sink ends it.
Result<int64_t> WriteParquet(const Context& context, connector::BatchStream& source,
                             ByteSink& sink);

/// Two streams after each other, in the columns and types of the first. Columns of other names, or
/// values that do not fit their type without loss, are ingest.incompatible_schema.
Result<std::unique_ptr<connector::BatchStream>> Concatenate(connector::BatchStream& first,
                                                            connector::BatchStream& second);

}  // namespace nstarx::connectors::file_tables
