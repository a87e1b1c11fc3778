#include "engine/row_stream.h"

#include <arrow/c/bridge.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <duckdb/common/arrow/arrow_appender.hpp>
#include <duckdb/common/arrow/arrow_converter.hpp>
#include <duckdb/function/table/arrow/arrow_duck_schema.hpp>

namespace nstarx::engine {
namespace {

using connector::Statement;

constexpr int64_t kBatchBytes = 2 << 20;
constexpr duckdb::idx_t kBatchRows = 65'536;

/// A running statement's rows.
class RowStream final : public connector::BatchStream {
 public:
  RowStream(Engine& engine, Statement statement, duckdb::unique_ptr<duckdb::QueryResult> result)
      : engine_(engine), statement_(std::move(statement)), result_(std::move(result)) {}

  ~RowStream() override {
    if (!result_) return;
    engine_.Interrupt();
    result_.reset();
  }

  Status Open() {
    try {
      ArrowSchema schema;
      duckdb::ArrowConverter::ToArrowSchema(&schema, result_->types, result_->names,
                                            result_->client_properties);
      auto imported = arrow::ImportSchema(&schema);
      if (!imported.ok()) return Internal("The result's schema: " + imported.status().message());
      wire_schema_ = *imported;
      extensions_ = duckdb::ArrowTypeExtensionData::GetExtensionTypes(
          *result_->client_properties.client_context, result_->types);
    } catch (const std::exception& problem) {
      return engine_.Explain(Context(), duckdb::ErrorData(problem), statement_);
    }
    // Extension types (JSON, UUID) as what they are stored as: every client knows those.
    arrow::FieldVector fields;
    for (const auto& field : wire_schema_->fields()) {
      const bool extended = field->type()->id() == arrow::Type::EXTENSION;
      fields.push_back(arrow::field(
          field->name(),
          extended ? static_cast<const arrow::ExtensionType&>(*field->type()).storage_type()
                   : field->type(),
          true));
    }
    schema_ = arrow::schema(std::move(fields));
    return {};
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    if (!result_) return std::shared_ptr<arrow::RecordBatch>();
    NSTARX_RETURN_IF_ERROR(context.Check());
    const Watchdog::Watch watch(engine_.watchdog(), context);
    try {
      duckdb::ArrowAppender appender(result_->types, STANDARD_VECTOR_SIZE,
                                     result_->client_properties, extensions_);
      int64_t bytes = 0;
      while (bytes < kBatchBytes && appender.RowCount() < kBatchRows) {
        auto chunk = result_->FetchRaw();
        if (result_->HasError()) return Fail(context, result_->GetErrorObject());
        if (!chunk || chunk->size() == 0) {
          ended_ = true;
          break;
        }
        bytes += BytesOf(*chunk);
        appender.Append(*chunk, 0, chunk->size(), chunk->size());
      }
      const bool empty = appender.RowCount() == 0;
      ArrowArray array = appender.Finalize();
      auto imported = arrow::ImportRecordBatch(&array, wire_schema_);
      if (!imported.ok()) return Internal("The result's rows: " + imported.status().message());
      if (ended_) result_.reset();
      if (empty) return std::shared_ptr<arrow::RecordBatch>();
      return Plain(*imported);
    } catch (const std::exception& problem) {
      return Fail(context, duckdb::ErrorData(problem));
    }
  }

 private:
  Error Fail(const Context& context, const duckdb::ErrorData& data) {
    Error error = engine_.Explain(context, data, statement_);
    result_.reset();
    return error;
  }

  /// About what the rows take in Arrow: fixed widths, and the strings of the top level.
  static int64_t BytesOf(duckdb::DataChunk& chunk) {
    int64_t bytes = 0;
    const duckdb::idx_t rows = chunk.size();
    for (duckdb::Vector& column : chunk.data) {
      const auto physical = column.GetType().InternalType();
      if (physical == duckdb::PhysicalType::VARCHAR) {
        duckdb::UnifiedVectorFormat format;
        column.ToUnifiedFormat(rows, format);
        const auto* strings = duckdb::UnifiedVectorFormat::GetData<duckdb::string_t>(format);
        for (duckdb::idx_t i = 0; i < rows; ++i) {
          const duckdb::idx_t at = format.sel->get_index(i);
          bytes += 4 + (format.validity.RowIsValid(at) ? strings[at].GetSize() : 0);
        }
      } else {
        const bool fixed = duckdb::TypeIsConstantSize(physical);
        bytes += static_cast<int64_t>(rows * (fixed ? duckdb::GetTypeIdSize(physical) : 64));
      }
    }
    return bytes;
  }

  std::shared_ptr<arrow::RecordBatch> Plain(
      const std::shared_ptr<arrow::RecordBatch>& batch) const {
    arrow::ArrayVector columns;
    for (const auto& column : batch->columns()) {
      const bool extended = column->type_id() == arrow::Type::EXTENSION;
      columns.push_back(extended ? static_cast<const arrow::ExtensionArray&>(*column).storage()
                                 : column);
    }
    return arrow::RecordBatch::Make(schema_, batch->num_rows(), std::move(columns));
  }

  Engine& engine_;
  const Statement statement_;
  duckdb::unique_ptr<duckdb::QueryResult> result_;
  duckdb::unordered_map<duckdb::idx_t, const duckdb::shared_ptr<duckdb::ArrowTypeExtensionData>>
      extensions_;
  std::shared_ptr<arrow::Schema> wire_schema_;
  std::shared_ptr<arrow::Schema> schema_;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> StreamRows(
    Engine& engine, const Statement& statement, duckdb::unique_ptr<duckdb::QueryResult> result) {
  auto stream = std::make_unique<RowStream>(engine, statement, std::move(result));
  NSTARX_RETURN_IF_ERROR(stream->Open());
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

}  // namespace nstarx::engine
