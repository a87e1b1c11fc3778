#include "connectors/file_tables/parquet_sink.h"

#include <arrow/compute/cast.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/type_fwd.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

namespace nstarx::connectors::file_tables {
namespace {

constexpr int64_t kRowGroupRows = 128 << 10;
constexpr int64_t kRowGroupBytes = 32 << 20;

/// Arrow's idea of an output, over ours. Keeps our error, of which Arrow only sees a text.
class SinkStream final : public arrow::io::OutputStream {
 public:
  SinkStream(const Context& context, ByteSink& sink) : context_(context), sink_(sink) {}
  arrow::Status Write(const void* data, int64_t bytes) override {
    const Status wrote =
        sink_.Write(context_, {static_cast<const char*>(data), static_cast<size_t>(bytes)});
    if (!wrote) {
      failure_ = wrote.error();
      return arrow::Status::IOError(wrote.error().message());
    }
    position_ += bytes;
    return arrow::Status::OK();
  }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  arrow::Result<int64_t> Tell() const override { return position_; }
  bool closed() const override { return closed_; }
  const std::optional<Error>& failure() const { return failure_; }

 private:
  const Context context_;
  ByteSink& sink_;
  int64_t position_ = 0;
  bool closed_ = false;
  std::optional<Error> failure_;
};

int64_t BytesOf(const arrow::RecordBatch& batch) {
  int64_t bytes = 0;
  std::vector<const arrow::ArrayData*> left;
  for (const auto& column : batch.column_data()) left.push_back(column.get());
  while (!left.empty()) {
    const arrow::ArrayData* data = left.back();
    left.pop_back();
    for (const auto& buffer : data->buffers) bytes += buffer ? buffer->size() : 0;
    for (const auto& child : data->child_data) left.push_back(child.get());
  }
  return bytes;
}

class Concatenated final : public connector::BatchStream {
 public:
  Concatenated(connector::BatchStream& first, connector::BatchStream& second)
      : first_(first), second_(second) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return first_.schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    if (!first_ended_) {
      NSTARX_TRY(auto batch, first_.Next(context));
      if (batch) return batch;
      first_ended_ = true;
    }
    NSTARX_TRY(auto batch, second_.Next(context));
    if (!batch) return batch;
    arrow::ArrayVector columns;
    for (int i = 0; i < batch->num_columns(); ++i) {
      const auto& type = schema()->field(i)->type();
      if (batch->column(i)->type()->Equals(type)) {
        columns.push_back(batch->column(i));
        continue;
      }
      auto cast = arrow::compute::Cast(*batch->column(i), type);
      if (!cast.ok()) {
        return InvalidArgument("ingest.incompatible_schema",
                               fmt::format("The column {} does not fit into the file's {}",
                                           schema()->field(i)->name(), type->ToString()))
            .WithStage("query");
      }
      columns.push_back(*std::move(cast));
    }
    return arrow::RecordBatch::Make(schema(), batch->num_rows(), std::move(columns));
  }

 private:
  connector::BatchStream& first_;
  connector::BatchStream& second_;
  bool first_ended_ = false;
};

}  // namespace

Result<int64_t> WriteParquet(const Context& context, connector::BatchStream& source,
                             ByteSink& sink) {
  const auto out = std::make_shared<SinkStream>(context, sink);
  const auto failed = [&](const arrow::Status& status) {
    if (out->failure()) return *out->failure();
    return InvalidArgument("ingest.unsupported_type",
                           "The rows can't be written as Parquet: " + status.message())
        .WithStage("query");
  };
  const auto properties = parquet::WriterProperties::Builder()
                              .compression(arrow::Compression::ZSTD)
                              ->compression_level(1)
                              ->max_row_group_length(kRowGroupRows)
                              ->build();
  const auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
  auto writer = parquet::arrow::FileWriter::Open(*source.schema(), arrow::default_memory_pool(),
                                                 out, properties, arrow_properties);
  if (!writer.ok()) return failed(writer.status());
  int64_t rows = 0;
  int64_t group_bytes = 0;
  while (true) {
    NSTARX_TRY(auto batch, source.Next(context));
    if (!batch) break;
    rows += batch->num_rows();
    group_bytes += BytesOf(*batch);
    if (auto status = (*writer)->WriteRecordBatch(*batch); !status.ok()) return failed(status);
    if (group_bytes > kRowGroupBytes) {
      if (auto status = (*writer)->NewBufferedRowGroup(); !status.ok()) return failed(status);
      group_bytes = 0;
    }
  }
  if (auto status = (*writer)->Close(); !status.ok()) return failed(status);
  return rows;
}

Result<std::unique_ptr<connector::BatchStream>> Concatenate(connector::BatchStream& first,
                                                            connector::BatchStream& second) {
  const auto& left = *first.schema();
  const auto& right = *second.schema();
  bool same = left.num_fields() == right.num_fields();
  for (int i = 0; same && i < left.num_fields(); ++i) {
    same = left.field(i)->name() == right.field(i)->name();
  }
  if (!same) {
    return InvalidArgument("ingest.incompatible_schema",
                           fmt::format("The file has the columns ({}), the new rows ({})",
                                       left.ToString(), right.ToString()))
        .WithStage("query");
  }
  return std::unique_ptr<connector::BatchStream>(std::make_unique<Concatenated>(first, second));
}

}  // namespace nstarx::connectors::file_tables
