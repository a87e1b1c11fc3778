#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "connectors/redis/redis_table.h"

namespace arrow {
class ArrayBuilder;
class RecordBatch;
class Schema;
}  // namespace arrow

namespace nstarx::connectors::redis {

/// Keys and their values as rows of known columns. What fits no column goes to _drift; without that
/// column (FIELDS) a value that does not fit is query.type_mismatch.
class TableRows {
 public:
  class Builder {
   public:
    explicit Builder(const TableRows& layout);
    ~Builder();
    Builder(Builder&&) noexcept;
    Status Append(const KeyValue& row);
    int64_t rows() const { return rows_; }
    size_t bytes() const { return bytes_; }
    Result<std::shared_ptr<arrow::RecordBatch>> Finish(
        const std::shared_ptr<arrow::Schema>& schema);

   private:
    friend class TableRows;
    Status Put(size_t column, std::string_view text, const KeyValue& row);
    Status PutNull(size_t column);
    Status PutFields(const KeyValue& row);
    Status Close(const KeyValue& row);
    void Drift(std::string_view name, std::string_view text);

    const TableRows& layout_;
    std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders_;
    std::vector<bool> filled_;  ///< of the row that is being built
    std::string drift_;         ///< members of its JSON object
    int64_t rows_ = 0;
    size_t bytes_ = 0;
  };

  TableRows() = default;
  explicit TableRows(std::vector<TableColumn> columns);
  const std::vector<TableColumn>& columns() const { return columns_; }
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  Result<Builder> Begin() const { return Builder(*this); }

 private:
  std::vector<TableColumn> columns_;
  std::unordered_map<std::string, size_t> fields_;
  bool has_drift_ = false;
  bool has_type_ = false;
  bool has_ttl_ = false;
  std::shared_ptr<arrow::Schema> schema_;
};

/// The Arrow type of a column as its name.
std::string ArrowTypeName(ColumnType type);

}  // namespace nstarx::connectors::redis
