#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/mysql/mysql_types.h"
#include "connectors/mysql/mysql_wire.h"

namespace arrow {
class RecordBatch;
class Schema;
}  // namespace arrow

namespace nstarx::connectors::mysql {

/// What a day that does not exist (0000-00-00) becomes.
enum class ZeroDates { kError, kNull };

enum class RowFormat { kText, kBinary };

/// Turns row packets into record batches. Each column has its decoder chosen once, and its buffers
/// are allocated for a whole batch: a cell costs no allocation. Not thread-safe.
class RowDecoder {
 public:
  RowDecoder(const std::vector<ColumnDefinition>& definitions, RowFormat format,
             ZeroDates zero_dates);
  ~RowDecoder();

  static constexpr int64_t kBatchRows = 16'384;
  static constexpr int64_t kBatchBytes = 4 << 20;

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  /// Decodes one row. query.zero_date, query.bad_value: they name the column and the row.
  Status Append(Packet packet);
  int64_t rows() const { return rows_; }
  bool full() const { return rows_ >= kBatchRows || bytes_ >= kBatchBytes; }
  /// The rows since the last call.
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();

  struct Column;

 private:
  Status AppendText(Packet packet);
  Status AppendBinary(Packet packet);
  Status Allocate();
  Error Broken() const;
  Error Misfit(const Column& column) const;

  RowFormat format_;
  std::vector<Column> columns_;
  std::shared_ptr<arrow::Schema> schema_;
  bool allocated_ = false;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  int64_t rows_before_ = 0;
};

}  // namespace nstarx::connectors::mysql
