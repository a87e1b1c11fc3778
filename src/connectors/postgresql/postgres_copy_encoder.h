#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace arrow {
class Array;
class RecordBatch;
}  // namespace arrow

namespace nstarx::connectors::postgresql {

/// What comes before the first row and behind the last one of COPY's binary format.
std::string CopyHeader();
std::string CopyTrailer();

/// True when a column made as `sql_type` (as SqlTypeOf names it) has the bytes that a column of the
/// type `server_type` (as format_type names it, without modifier) reads.
bool SameOnTheWire(std::string_view sql_type, std::string_view server_type);

/// Rows of a record batch in COPY's binary format.
class CopyEncoder {
 public:
  /// ingest.unsupported_type for columns that SqlTypeOf has no type for.
  static Result<CopyEncoder> Make(const std::shared_ptr<arrow::RecordBatch>& batch);

  /// Appends rows from `first` on until `out` holds `bytes_max` or the batch ends. Returns the row
  /// behind the last one. query.value_out_of_range names the column.
  Result<int64_t> Append(int64_t first, size_t bytes_max, std::string& out) const;

 private:
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::vector<bool> jsonb_;
};

}  // namespace nstarx::connectors::postgresql
