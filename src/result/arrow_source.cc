#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/util/compression.h>
#include <arrow/util/key_value_metadata.h>

#include <deque>

#include "result/arrow_status.h"
#include "result/sources.h"

namespace nstarx::result {
namespace {

namespace ipc = arrow::ipc;

constexpr std::byte kZeros[64] = {};
/// Buffers of at least this size are handed out as they are; smaller ones are copied together,
/// because a part of its own costs the socket more than the copy.
constexpr int64_t kShareMin = 4096;
/// Bodies below this are never compressed: setting a codec up costs more than it saves.
constexpr int64_t kCompressMin = 16 << 10;

/// What the parts of one chunk point into.
struct Held {
  std::vector<std::shared_ptr<arrow::Buffer>> buffers;
  std::deque<std::string> pieces;  ///< prefixes, metadata and small buffers, copied together
};

/// Gathers encapsulated messages: small pieces are copied together, big buffers shared.
class MessageGatherer {
 public:
  arrow::Status Add(const ipc::IpcPayload& payload) {
    const auto metadata_size = static_cast<int32_t>(payload.metadata->size());
    const int32_t padded = (metadata_size + 8 + 7) / 8 * 8 - 8;
    AppendInt(-1);
    AppendInt(padded);
    Copy(payload.metadata->data(), metadata_size);
    Pad(padded - metadata_size);
    if (!ipc::Message::HasBody(payload.type)) return arrow::Status::OK();
    for (const auto& buffer : payload.body_buffers) {
      if (buffer == nullptr || buffer->size() == 0) continue;
      if (buffer->size() < kShareMin) {
        Copy(buffer->data(), buffer->size());
      } else {
        Flush();
        chunk_.parts.push_back({reinterpret_cast<const std::byte*>(buffer->data()),
                                static_cast<size_t>(buffer->size())});
        held_->buffers.push_back(buffer);
        size_ += static_cast<size_t>(buffer->size());
      }
      Pad((8 - buffer->size() % 8) % 8);
    }
    return arrow::Status::OK();
  }

  void AddEnd() {
    AppendInt(-1);
    AppendInt(0);
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  Chunk Take() {
    Flush();
    chunk_.keep_alive = std::move(held_);
    held_ = std::make_shared<Held>();
    size_ = 0;
    return std::exchange(chunk_, {});
  }

 private:
  void AppendInt(int32_t value) { Copy(&value, sizeof value); }
  void Copy(const void* data, int64_t size) {
    pending_.append(static_cast<const char*>(data), static_cast<size_t>(size));
    size_ += static_cast<size_t>(size);
  }
  void Pad(int64_t size) { Copy(kZeros, size); }
  void Flush() {
    if (pending_.empty()) return;
    const std::string& piece = held_->pieces.emplace_back(std::move(pending_));
    pending_.clear();
    chunk_.parts.push_back(std::as_bytes(std::span(piece)));
  }

  Chunk chunk_;
  std::shared_ptr<Held> held_ = std::make_shared<Held>();
  std::string pending_;
  size_t size_ = 0;
};

int64_t BodySize(const arrow::ArrayData& data) {
  int64_t size = 0;
  for (const auto& buffer : data.buffers) size += buffer == nullptr ? 0 : buffer->size();
  for (const auto& child : data.child_data) size += BodySize(*child);
  return size;
}

/// An Arrow IPC stream whose column buffers are not copied.
class ArrowSource : public ChunkSource {
 public:
  ArrowSource(std::unique_ptr<connector::BatchStream> batches, Compression compression)
      : batches_(std::move(batches)), compression_(compression) {}

  Result<std::optional<Chunk>> Next(const Context& context) override {
    if (failure_) return *failure_;
    if (ended_) return std::optional<Chunk>();
    const auto give_up = Context::SteadyClock::now() + kGatherTime;
    do {
      auto step = Step(context);
      if (step) continue;
      failure_ = std::move(step).error();
      if (!emitted_ || out_.empty()) return *failure_;
      break;  // what was gathered before the failure is still good
    } while (!ended_ && out_.size() < kChunkTarget && Context::SteadyClock::now() < give_up);
    emitted_ = true;
    return std::optional<Chunk>(out_.Take());
  }

 private:
  Status Step(const Context& context) {
    NSTARX_TRY(auto batch, batches_->Next(context));
    if (!started_) NSTARX_RETURN_IF_ERROR(Start(batch == nullptr));
    if (batch == nullptr) {
      out_.AddEnd();
      ended_ = true;
      return {};
    }
    if (auto status = Write(*batch); !status.ok()) return EncodeError(status);
    return {};
  }

  Status Start(bool no_rows) {
    started_ = true;
    auto schema = batches_->schema();
    if (no_rows && batches_->rows_affected() >= 0) {
      auto metadata = schema->metadata() ? schema->metadata()->Copy()
                                         : std::make_shared<arrow::KeyValueMetadata>();
      metadata->Append("nstarx:rows_affected", std::to_string(batches_->rows_affected()));
      schema = schema->WithMetadata(std::move(metadata));
    }
    auto status = mapper_.AddSchemaFields(*schema);
    ipc::IpcPayload payload;
    if (status.ok()) status = ipc::GetSchemaPayload(*schema, plain_, mapper_, &payload);
    if (status.ok()) status = out_.Add(payload);
    if (status.ok() && compression_ != Compression::kNone) {
      auto codec = arrow::util::Codec::Create(compression_ == Compression::kZstd
                                                  ? arrow::Compression::ZSTD
                                                  : arrow::Compression::LZ4_FRAME);
      status = codec.status();
      if (codec.ok()) {
        compressed_.codec = std::move(*codec);
        compressed_.min_space_savings = 0.05;
      }
    }
    return status.ok() ? Status() : Status(EncodeError(status));
  }

  arrow::Status Write(const arrow::RecordBatch& batch) {
    bool compress = false;
    if (compression_ != Compression::kNone) {
      int64_t size = 0;
      for (const auto& column : batch.columns()) size += BodySize(*column->data());
      compress = size >= kCompressMin;
    }
    const auto& options = compress ? compressed_ : plain_;
    if (mapper_.num_dicts() > 0) ARROW_RETURN_NOT_OK(WriteDictionaries(batch, options));
    ipc::IpcPayload payload;
    ARROW_RETURN_NOT_OK(ipc::GetRecordBatchPayload(batch, options, &payload));
    return out_.Add(payload);
  }

  arrow::Status WriteDictionaries(const arrow::RecordBatch& batch,
                                  const ipc::IpcWriteOptions& options) {
    ARROW_ASSIGN_OR_RAISE(const auto dictionaries, ipc::CollectDictionaries(batch, mapper_));
    for (const auto& [id, dictionary] : dictionaries) {
      auto& last = dictionaries_[id];
      if (last == dictionary || (last != nullptr && last->Equals(*dictionary))) continue;
      ipc::IpcPayload payload;
      ARROW_RETURN_NOT_OK(ipc::GetDictionaryPayload(id, dictionary, options, &payload));
      ARROW_RETURN_NOT_OK(out_.Add(payload));
      last = dictionary;
    }
    return arrow::Status::OK();
  }

  const std::unique_ptr<connector::BatchStream> batches_;
  const Compression compression_;
  const ipc::IpcWriteOptions plain_ = ipc::IpcWriteOptions::Defaults();
  ipc::IpcWriteOptions compressed_ = ipc::IpcWriteOptions::Defaults();
  ipc::DictionaryFieldMapper mapper_;
  std::map<int64_t, std::shared_ptr<arrow::Array>> dictionaries_;
  MessageGatherer out_;
  std::optional<Error> failure_;
  bool started_ = false;
  bool emitted_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ChunkSource> MakeArrowSource(std::unique_ptr<connector::BatchStream> batches,
                                             Compression compression) {
  return std::make_unique<ArrowSource>(std::move(batches), compression);
}

}  // namespace nstarx::result
