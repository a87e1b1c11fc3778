#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "connectors/documents/json_text.h"

namespace arrow {
class MemoryPool;
class RecordBatch;
class Schema;
class Status;
}  // namespace arrow

namespace nstarx::connectors::documents {

struct BuilderOptions {
  /// A lone X in a list column is a list of one (Elasticsearch).
  bool single_as_list = false;
  /// Exact conversions that Elasticsearch makes: numbers and booleans written as text, numbers in
  /// text columns, dates as ISO 8601 text or milliseconds, bytes as base64.
  bool coerce = false;
};

/// Appends documents to one Arrow schema. The same sink as SchemaInference. Nothing is dropped:
/// what has no column or does not fit its column goes into _drift. Not thread-safe.
class DocumentBuilder final {
 public:
  /// `schema` of SchemaInference, or any schema of nullable columns; _drift is added when missing.
  DocumentBuilder(std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool,
                  BuilderOptions options = {});
  ~DocumentBuilder();
  DocumentBuilder(const DocumentBuilder&) = delete;
  DocumentBuilder& operator=(const DocumentBuilder&) = delete;

  void BeginDocument();
  /// Also closes what a broken document left open.
  void EndDocument();
  void Key(std::string_view name);
  void BeginObject();
  void EndObject();
  void BeginArray();
  void EndArray();
  void Null();
  void Bool(bool value);
  void Int(int64_t value);
  void Double(double value);
  void Decimal(std::string_view decimal);
  void String(std::string_view value);
  void Binary(std::string_view value);
  void Timestamp(int64_t micros);

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  int64_t rows() const { return rows_; }  ///< since the last Finish
  int64_t size_bytes() const { return size_bytes_; }
  int64_t drifted_rows() const { return drifted_rows_; }  ///< of the builder's whole life
  /// The rows so far as a batch; the builder goes on empty. Also reports what an append could not
  /// do (memory).
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();

 private:
  struct Column;
  struct Frame;
  Column* Target();
  void Begin(bool object);
  void End(bool object);
  void FillMissing(Column& parent, int64_t length);
  template <class Fit, class Emit>
  void Put(Fit fit, Emit emit);
  void PutNull(Column& column);
  void PutText(Column& column, std::string_view text);
  void Drift(std::string_view text);
  void Note(const arrow::Status& status);

  std::shared_ptr<arrow::Schema> schema_;
  BuilderOptions options_;
  std::unique_ptr<Column> root_;
  std::unique_ptr<Column> drift_column_;
  int drift_position_ = 0;
  std::vector<Frame> frames_;
  size_t depth_ = 0;                  ///< frames in use
  int64_t capture_depth_ = 0;         ///< objects and arrays open inside text
  Column* capture_column_ = nullptr;  ///< null: the text is for _drift
  JsonText text_;
  std::string drift_;
  int64_t rows_ = 0;
  int64_t size_bytes_ = 0;
  int64_t drifted_rows_ = 0;
  Status failed_;
};

}  // namespace nstarx::connectors::documents
