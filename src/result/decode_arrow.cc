#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>

#include "result/arrow_status.h"
#include "result/decoders.h"

namespace nstarx::result {
namespace {

constexpr std::string_view kName = "Arrow IPC";

class ArrowUpload : public DecodedStream {
 public:
  Status Open(const Context& context, std::unique_ptr<connector::ByteStream> body) {
    input_ = std::make_shared<BodyInput>(std::move(body), pool());
    input_->set_context(context);
    auto options = arrow::ipc::IpcReadOptions::Defaults();
    options.memory_pool = &pool();
    options.use_threads = false;
    options.max_recursion_depth = kDepthMax;
    auto reader = arrow::ipc::RecordBatchStreamReader::Open(input_, options);
    if (!reader.ok()) return Failure(reader.status());
    reader_ = std::move(*reader);
    schema_ = reader_->schema();
    return {};
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    NSTARX_RETURN_IF_ERROR(context.Check());
    input_->set_context(context);
    std::shared_ptr<arrow::RecordBatch> batch;
    if (auto status = reader_->ReadNext(&batch); !status.ok()) return Failure(status);
    return Admit(std::move(batch), kName);
  }

 private:
  Error Failure(const arrow::Status& status) const {
    return input_->failure() ? *input_->failure() : DecodeError(status, kName);
  }

  /// Shared with the reader, which keeps its own reference.
  std::shared_ptr<BodyInput> input_;
  std::shared_ptr<arrow::RecordBatchReader> reader_;
};

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> DecodeArrow(
    const Context& context, std::unique_ptr<connector::ByteStream> body) {
  auto stream = std::make_unique<ArrowUpload>();
  NSTARX_RETURN_IF_ERROR(stream->Open(context, std::move(body)));
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

}  // namespace nstarx::result
