#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "connectors/postgresql/postgres_types.h"
#include "connectors/postgresql/postgres_wire.h"

namespace arrow {
class RecordBatch;
class ResizableBuffer;
class Schema;
struct ArrayData;
}  // namespace arrow

namespace nstarx::connectors::postgresql {

/// Memory of one column that grows; given away whole at the end of a batch.
class ColumnMemory {
 public:
  /// Room for `bytes` more, and a little behind them; returns where they go.
  Result<char*> Reserve(size_t bytes);
  void Advance(size_t bytes) { used_ += bytes; }
  const char* data() const;
  size_t used() const { return used_; }
  /// The bytes as a buffer; the next batch gets room for as many at once.
  Result<std::shared_ptr<arrow::ResizableBuffer>> Release();

 private:
  std::shared_ptr<arrow::ResizableBuffer> buffer_;
  char* data_ = nullptr;
  size_t used_ = 0;
  size_t capacity_ = 0;
  size_t expected_ = 0;
};

/// Cells of one column to an Arrow array. Which loop runs is chosen by kind once a block, so that
/// no cell costs a call or an allocation. Bytes are hostile: anything impossible is an error that
/// names the column. Not thread-safe.
class ColumnDecoder {
 public:
  ColumnDecoder(std::string name, ColumnType type, bool check_utf8);

  /// Decodes the cells that begin at `base + cells[i]` (a length word and so many bytes; the caller
  /// has checked that they are there, and that 16 bytes behind the last one are readable).
  Status Append(const char* base, std::span<const uint32_t> cells);
  size_t rows() const { return rows_; }
  size_t bytes() const;
  const ColumnType& type() const { return type_; }

  /// Decides the type of an open numeric from the rows that are here: exactly what they need when
  /// they are the `whole` result, decimal256(76, 38) otherwise.
  Status Settle(bool whole);
  /// The rows as an array; starts anew.
  Result<std::shared_ptr<arrow::ArrayData>> Finish();

 private:
  template <class T, class Load>
  Status AppendFixed(const char* base, std::span<const uint32_t> cells, Load load);
  template <size_t kSkip>
  Status AppendBytes(const char* base, std::span<const uint32_t> cells);
  Status AppendDecimal128(const char* base, std::span<const uint32_t> cells);
  Status AppendDecimal256(const char* base, std::span<const uint32_t> cells);
  Status AppendList(const char* base, std::span<const uint32_t> cells);
  Status AppendTemporal(const char* base, std::span<const uint32_t> cells);
  Status AppendDoubleText(const char* base, std::span<const uint32_t> cells);
  Status CheckUtf8(size_t first) const;
  Result<std::shared_ptr<arrow::ArrayData>> FinishOpenNumeric();
  void MarkNull(size_t row) { nulls_.push_back(static_cast<uint32_t>(row)); }
  Error Wrong(std::string_view what) const;

  std::string name_;
  ColumnType type_;
  bool check_utf8_;
  size_t rows_ = 0;
  std::vector<uint32_t> nulls_;  ///< rows, ascending
  ColumnMemory values_;          ///< fixed-size values, or the bytes of strings
  ColumnMemory offsets_;         ///< int32, one more than rows; strings and lists
  std::unique_ptr<ColumnDecoder> element_;
  std::vector<uint32_t> element_cells_;
};

/// A column of a result as the server describes it.
struct ResultColumn {
  std::string name;
  uint32_t oid = 0;
  int32_t modifier = -1;
};

/// Reads a RowDescription's body.
Result<std::vector<ResultColumn>> ParseRowDescription(std::string_view body);

/// Rows to record batches.
class BatchDecoder {
 public:
  /// A batch ends when it holds so much.
  static constexpr size_t kBatchBytes = size_t{3} << 20;
  static constexpr size_t kBatchRows = 65536;

  BatchDecoder(const std::vector<ResultColumn>& columns, std::vector<ColumnType> types,
               bool check_utf8);
  Status Append(const RowBlock& block);
  size_t rows() const { return rows_; }
  bool full() const { return rows_ >= kBatchRows || bytes_ >= kBatchBytes; }
  /// True while the schema waits for the first batch.
  bool open() const { return open_; }
  Status Settle(bool whole);
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  size_t width() const { return columns_.size(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();

 private:
  void MakeSchema();

  std::vector<std::string> names_;
  std::vector<ColumnDecoder> columns_;
  std::shared_ptr<arrow::Schema> schema_;
  size_t rows_ = 0;
  size_t bytes_ = 0;
  bool open_ = false;
};

}  // namespace nstarx::connectors::postgresql
