#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/mongodb/mongodb_shape.h"

namespace arrow {
class RecordBatch;
class Schema;
}  // namespace arrow

namespace nstarx::connectors::mongodb {

/// Documents into columns of a known shape. What does not fit goes as extended JSON into the column
/// `_drift`, by its field's name.
class RowBuilder {
 public:
  /// `shape` is a settled struct. Without `drift` a value that does not fit is an error.
  RowBuilder(const Shape& shape, bool drift);
  ~RowBuilder();

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  /// query.bad_value names the column.
  Status Append(const bson_t& document);
  int64_t rows() const { return rows_; }
  int64_t bytes() const { return bytes_; }
  /// The rows so far; starts anew.
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();

 private:
  struct Columns;
  Shape shape_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<Columns> columns_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace nstarx::connectors::mongodb
