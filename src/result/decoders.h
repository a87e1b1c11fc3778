#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/memory_pool.h>

#include <memory>
#include <optional>
#include <string>

#include "result/encode.h"

namespace nstarx::result {

/// Arrow memory of one upload, all its buffers together.
inline constexpr int64_t kDecodeMemoryMax = 256 << 20;
/// Text is parsed in blocks of whole rows of about so many bytes; the first one gives the types.
inline constexpr size_t kTextBlock = 4 << 20;
inline constexpr size_t kTextRowMax = 16 << 20;
/// A Parquet upload is read from its end, so it is spooled to a file first.
inline constexpr int64_t kSpoolMax = int64_t{8} << 30;
inline constexpr int64_t kDepthMax = 32;

/// An upload's bytes for Arrow's readers. An error of the upload itself is kept for the caller:
/// Arrow's status can't hold it.
class BodyInput : public arrow::io::InputStream {
 public:
  BodyInput(std::unique_ptr<connector::ByteStream> body, arrow::MemoryPool& pool);
  ~BodyInput() override;

  /// Whose deadline counts from now on; must outlive the reads.
  void set_context(const Context& context) { context_ = &context; }
  const std::optional<Error>& failure() const { return failure_; }

  arrow::Status Close() override;
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Result<int64_t> Read(int64_t size, void* out) override;
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t size) override;

 private:
  const std::unique_ptr<connector::ByteStream> body_;
  arrow::MemoryPool& pool_;
  const Context* context_ = nullptr;
  std::optional<Error> failure_;
  int64_t position_ = 0;
  bool closed_ = false;
};

/// What all decoded streams share: the bounded pool, which lives as long as any batch made from it.
class DecodedStream : public connector::BatchStream {
 public:
  DecodedStream();
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

 protected:
  arrow::MemoryPool& pool() { return *pool_; }
  /// Checks everything that hostile bytes could have got wrong, and ties the pool to the batch.
  Result<std::shared_ptr<arrow::RecordBatch>> Admit(std::shared_ptr<arrow::RecordBatch> batch,
                                                    std::string_view format);
  std::shared_ptr<arrow::Schema> schema_;

 private:
  /// Shared with the batches handed out.
  const std::shared_ptr<arrow::MemoryPool> pool_;
};

Result<std::unique_ptr<connector::BatchStream>> DecodeArrow(
    const Context& context, std::unique_ptr<connector::ByteStream> body);
Result<std::unique_ptr<connector::BatchStream>> DecodeParquet(
    const Context& context, std::unique_ptr<connector::ByteStream> body);
Result<std::unique_ptr<connector::BatchStream>> DecodeText(
    const Context& context, std::unique_ptr<connector::ByteStream> body, Format format);

}  // namespace nstarx::result
