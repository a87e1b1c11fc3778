#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "result/cell.h"
#include "result/text_buffer.h"

namespace arrow {
class RecordBatch;
class Schema;
}  // namespace arrow

namespace nstarx::http {

/// Writes rows as JSON objects by column name.
class RowObjects {
 public:
  /// result.unsupported_type when JSON can't hold a column.
  static Result<RowObjects> Make(const arrow::Schema& schema);
  /// Points at the batch, which must outlive the writes.
  void Bind(const arrow::RecordBatch& batch);
  void Write(int64_t row, result::TextBuffer& out) const;

 private:
  std::vector<result::Cell> cells_;
  std::vector<std::string> names_;  ///< `,"name":`, the first with the brace
};

}  // namespace nstarx::http
