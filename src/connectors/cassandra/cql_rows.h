#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "connectors/cassandra/cql_types.h"

namespace arrow {
class ArrayBuilder;
class RecordBatch;
class Schema;
}  // namespace arrow

namespace nstarx::connectors::cassandra {

struct ResultColumn {
  std::string keyspace;
  std::string table;
  std::string name;
  CqlType type;
  bool operator==(const ResultColumn&) const = default;
};

/// What precedes the rows of a page, and describes the markers of a prepared statement.
struct Metadata {
  std::vector<ResultColumn> columns;
  std::vector<uint16_t> key_markers;        ///< of a prepared statement
  std::optional<std::string> paging_state;  ///< nothing on the last page
};

/// Fails the reader on what is no metadata.
Metadata ReadMetadata(BodyReader& reader, bool prepared);

class ValueDecoder;
struct NullBudget;

/// Rows of the wire as record batches.
class RowDecoder {
 public:
  RowDecoder(const std::vector<ResultColumn>& columns, NumericAs numeric);
  ~RowDecoder();

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  /// One row. query.bad_value names the column; connection.protocol when the row ends too early.
  Status Append(BodyReader& reader);
  int64_t rows() const { return rows_; }
  /// The batch is large enough to go out.
  bool full() const { return rows_ >= kBatchRows || bytes_ >= kBatchBytes; }
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();

 private:
  static constexpr int64_t kBatchRows = 64 * 1024;
  static constexpr int64_t kBatchBytes = 2 << 20;

  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<NullBudget> budget_;
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders_;
  std::vector<std::unique_ptr<ValueDecoder>> decoders_;
  int64_t null_bytes_ = 0;  ///< what a row costs at least
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace nstarx::connectors::cassandra
