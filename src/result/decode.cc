#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>

#include "result/arrow_status.h"
#include "result/decoders.h"

namespace nstarx::result {

BodyInput::BodyInput(std::unique_ptr<connector::ByteStream> body, arrow::MemoryPool& pool)
    : body_(std::move(body)), pool_(pool) {}
BodyInput::~BodyInput() = default;

arrow::Status BodyInput::Close() {
  closed_ = true;
  return arrow::Status::OK();
}

arrow::Result<int64_t> BodyInput::Read(int64_t size, void* out) {
  int64_t done = 0;
  while (done < size) {
    auto count = body_->Read(
        *context_, {static_cast<std::byte*>(out) + done, static_cast<size_t>(size - done)});
    if (!count) {
      failure_ = std::move(count).error();
      return arrow::Status::IOError(failure_->message());
    }
    if (*count == 0) break;
    done += static_cast<int64_t>(*count);
  }
  position_ += done;
  return done;
}

// Grows as the bytes arrive: a length that the upload only claims costs nothing.
arrow::Result<std::shared_ptr<arrow::Buffer>> BodyInput::Read(int64_t size) {
  constexpr int64_t kStep = 1 << 20;
  if (size > kDecodeMemoryMax) {
    return arrow::Status::CapacityError("a message is larger than ", kDecodeMemoryMax, " bytes");
  }
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(std::min(size, kStep), &pool_));
  int64_t done = 0;
  while (done < size) {
    const int64_t step = std::min(size - done, std::max(kStep, done));
    ARROW_RETURN_NOT_OK(buffer->Resize(done + step, false));
    ARROW_ASSIGN_OR_RAISE(const int64_t count, Read(step, buffer->mutable_data() + done));
    done += count;
    if (count < step) break;
  }
  ARROW_RETURN_NOT_OK(buffer->Resize(done, false));
  return buffer;
}

DecodedStream::DecodedStream()
    : pool_(std::make_shared<arrow::CappedMemoryPool>(arrow::default_memory_pool(),
                                                      kDecodeMemoryMax)) {}

Result<std::shared_ptr<arrow::RecordBatch>> DecodedStream::Admit(
    std::shared_ptr<arrow::RecordBatch> batch, std::string_view format) {
  if (batch == nullptr) return batch;
  if (auto status = batch->ValidateFull(); !status.ok()) return DecodeError(status, format);
  struct Tied {
    std::shared_ptr<arrow::MemoryPool> pool;  // first, so that it goes last
    std::shared_ptr<arrow::RecordBatch> batch;
  };
  auto tied = std::make_shared<Tied>(pool_, std::move(batch));
  auto* inner = tied->batch.get();
  return std::shared_ptr<arrow::RecordBatch>(std::move(tied), inner);
}

Result<std::unique_ptr<connector::BatchStream>> DecodeBatches(
    const Context& context, std::unique_ptr<connector::ByteStream> body,
    std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  std::erase_if(type, [](char c) { return c == ' ' || c == '\t'; });
  for (char& c : type) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (type == "application/vnd.apache.arrow.stream") return DecodeArrow(context, std::move(body));
  if (type == "application/vnd.apache.parquet" || type == "application/parquet" ||
      type == "application/x-parquet") {
    return DecodeParquet(context, std::move(body));
  }
  if (type == "text/csv") return DecodeText(context, std::move(body), Format::kCsv);
  if (type == "application/x-ndjson" || type == "application/ndjson" ||
      type == "application/jsonl") {
    return DecodeText(context, std::move(body), Format::kNdjson);
  }
  return InvalidArgument("request.unsupported_media_type",
                         type.empty() ? "the upload has no Content-Type"
                                      : "rows cannot be read from this Content-Type")
      .WithHint(
          "Send application/vnd.apache.arrow.stream, application/vnd.apache.parquet, text/csv "
          "(with a header line) or application/x-ndjson.");
}

}  // namespace nstarx::result
