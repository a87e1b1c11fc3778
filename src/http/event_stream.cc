#include "http/event_stream.h"

#include <arrow/record_batch.h>

#include <chrono>

#include "http/row_objects.h"

namespace nstarx::http {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kSilence = std::chrono::seconds(10);

class EventSource final : public result::ChunkSource {
 public:
  explicit EventSource(std::unique_ptr<connector::BatchStream> batches)
      : batches_(std::move(batches)) {}

  Result<std::optional<result::Chunk>> Next(const Context& context) override {
    if (!objects_) {
      NSTARX_TRY(auto objects, RowObjects::Make(*batches_->schema()));
      objects_.emplace(std::move(objects));
      // The reader sees that it is connected before the first message comes.
      auto hello = std::make_shared<result::TextBuffer>();
      hello->Append(": connected\n\n");
      return Send(std::move(hello));
    }
    while (true) {
      NSTARX_TRY(const auto batch, batches_->Next(context));
      if (batch == nullptr) return std::optional<result::Chunk>();
      auto text = std::make_shared<result::TextBuffer>();
      if (batch->num_rows() == 0) {
        if (Clock::now() - spoke_ < kSilence) continue;
        text->Append(": waiting\n\n");
        return Send(std::move(text));
      }
      objects_->Bind(*batch);
      for (int64_t row = 0; row < batch->num_rows(); ++row) {
        text->Append("data: ");
        objects_->Write(row, *text);
        text->Append("\n\n");
      }
      return Send(std::move(text));
    }
  }

 private:
  Result<std::optional<result::Chunk>> Send(std::shared_ptr<result::TextBuffer> text) {
    spoke_ = Clock::now();
    result::Chunk chunk;
    chunk.parts.push_back(std::as_bytes(std::span(text->view())));
    chunk.keep_alive = std::move(text);
    return std::optional<result::Chunk>(std::move(chunk));
  }

  const std::unique_ptr<connector::BatchStream> batches_;
  std::optional<RowObjects> objects_;
  Clock::time_point spoke_ = Clock::now();
};

}  // namespace

std::unique_ptr<result::ChunkSource> EncodeEvents(std::unique_ptr<connector::BatchStream> batches) {
  return std::make_unique<EventSource>(std::move(batches));
}

}  // namespace nstarx::http
