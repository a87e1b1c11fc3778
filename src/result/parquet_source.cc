#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/util/byte_size.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include "result/arrow_status.h"
#include "result/sources.h"

namespace nstarx::result {
namespace {

/// Collects what the Parquet writer writes until it is taken away.
class TakenStream : public arrow::io::OutputStream {
 public:
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Status Write(const void* data, int64_t size) override {
    position_ += size;
    // Pieces near the size of a page are kept whole: no string grows by copying.
    if (pieces_.empty() || pieces_.back().size() + static_cast<size_t>(size) > kChunkTarget) {
      pieces_.emplace_back();
      pieces_.back().reserve(std::max(static_cast<size_t>(size), kChunkTarget));
    }
    pieces_.back().append(static_cast<const char*>(data), static_cast<size_t>(size));
    return arrow::Status::OK();
  }
  using arrow::io::OutputStream::Write;

  int64_t held() const { return position_ - taken_; }
  Chunk Take() {
    taken_ = position_;
    auto held = std::make_shared<std::vector<std::string>>(std::move(pieces_));
    pieces_.clear();
    Chunk chunk;
    for (const std::string& piece : *held) chunk.parts.push_back(std::as_bytes(std::span(piece)));
    chunk.keep_alive = std::move(held);
    return chunk;
  }

 private:
  std::vector<std::string> pieces_;
  int64_t position_ = 0;
  int64_t taken_ = 0;
  bool closed_ = false;
};

constexpr int64_t kMagicSize = 4;

/// A Parquet file, one row group of about kRowGroupBytes at a time.
class ParquetSource : public ChunkSource {
 public:
  explicit ParquetSource(std::unique_ptr<connector::BatchStream> batches)
      : batches_(std::move(batches)) {}

  Result<std::optional<Chunk>> Next(const Context& context) override {
    if (failure_) return *failure_;
    while (!ended_) {
      auto step = Step(context);
      if (!step) {
        failure_ = std::move(step).error();
        return *failure_;
      }
      // The file's magic alone is not sent: a query that fails early still gets a status.
      if (sink_->held() > kMagicSize || ended_) return std::optional<Chunk>(sink_->Take());
    }
    return std::optional<Chunk>();
  }

 private:
  Status Step(const Context& context) {
    NSTARX_TRY(auto batch, batches_->Next(context));
    try {
      if (auto status = Write(std::move(batch)); !status.ok()) return EncodeError(status);
    } catch (const std::exception& exception) {
      return EncodeError(arrow::Status::Invalid(exception.what()));
    }
    return {};
  }

  arrow::Status Write(std::shared_ptr<arrow::RecordBatch> batch) {
    if (writer_ == nullptr) ARROW_RETURN_NOT_OK(Open());
    if (batch == nullptr) {
      ended_ = true;
      ARROW_RETURN_NOT_OK(WriteRowGroup());
      return writer_->Close();
    }
    if (batch->num_rows() == 0) return arrow::Status::OK();
    pending_bytes_ += std::max<int64_t>(arrow::util::TotalBufferSize(*batch), 1);
    pending_.push_back(std::move(batch));
    return pending_bytes_ >= kRowGroupBytes ? WriteRowGroup() : arrow::Status::OK();
  }

  arrow::Status Open() {
    auto properties = parquet::WriterProperties::Builder()
                          .compression(parquet::Compression::ZSTD)
                          ->compression_level(1)
                          ->data_pagesize(1 << 20)
                          ->dictionary_pagesize_limit(1 << 20)
                          ->created_by("nstarx " NSTARX_VERSION)
                          ->build();
    auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    ARROW_ASSIGN_OR_RAISE(writer_, parquet::arrow::FileWriter::Open(
                                       *batches_->schema(), arrow::default_memory_pool(), sink_,
                                       std::move(properties), std::move(arrow_properties)));
    return arrow::Status::OK();
  }

  arrow::Status WriteRowGroup() {
    if (pending_.empty()) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto table,
                          arrow::Table::FromRecordBatches(batches_->schema(), pending_));
    pending_.clear();
    pending_bytes_ = 0;
    return writer_->WriteTable(*table, std::max<int64_t>(table->num_rows(), 1));
  }

  const std::unique_ptr<connector::BatchStream> batches_;
  /// Shared with the writer, which keeps its own reference.
  const std::shared_ptr<TakenStream> sink_ = std::make_shared<TakenStream>();
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> pending_;
  int64_t pending_bytes_ = 0;
  std::optional<Error> failure_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ChunkSource> MakeParquetSource(std::unique_ptr<connector::BatchStream> batches) {
  return std::make_unique<ParquetSource>(std::move(batches));
}

}  // namespace nstarx::result
