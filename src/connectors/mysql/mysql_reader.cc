#include "connectors/mysql/mysql_reader.h"

#include <arrow/api.h>
#include <pthread.h>

namespace nstarx::connectors::mysql {
namespace {

constexpr std::chrono::milliseconds kDrainPatience{20};
constexpr std::chrono::milliseconds kStopPatience{3000};
constexpr std::chrono::milliseconds kPullSlice{50};

}  // namespace

uint16_t Quiesce(Conversation& conversation, StatementOwner& owner) {
  Wire& wire = conversation.wire();
  bool stopped = false;
  uint16_t status = 0;
  while (wire.usable()) {
    const Context patience = Context().WithTimeout(stopped ? kStopPatience : kDrainPatience);
    wire.set_patience({.context = &patience});
    auto skipped = conversation.SkipRows();
    if (skipped) {
      status = *skipped;
      if ((status & kStatusMoreResults) == 0) break;
      auto header = conversation.NextResult(RowFormat::kText, {});
      if (header && header->columns.empty() && (header->status & kStatusMoreResults) == 0) {
        status = header->status;
        break;
      }
      if (!header) break;
      continue;
    }
    // An error of the server ends the result; ours says that the patience is at its end.
    if (!skipped.error().vendor_code().empty()) break;
    if (stopped) {
      wire.Break();
      break;
    }
    owner.StopRunning();
    stopped = true;
  }
  wire.set_patience({});
  return status;
}

ResultStream::ResultStream(Conversation& conversation, StatementOwner& owner,
                           const ResultHeader& header, Options options)
    : conversation_(conversation),
      owner_(owner),
      options_(std::move(options)),
      decoder_(header.columns, header.format, options_.zero_dates) {}

Result<std::unique_ptr<ResultStream>> ResultStream::Start(const Context& context,
                                                          Conversation& conversation,
                                                          StatementOwner& owner,
                                                          const ResultHeader& header,
                                                          Options options) {
  std::unique_ptr<ResultStream> stream(
      new ResultStream(conversation, owner, header, std::move(options)));
  conversation.wire().set_patience({.context = &context});
  Status status = stream->ReadRows(kInlineRows);
  conversation.wire().set_patience({});
  if (!status) {
    stream->error_.reset();
    Status closed = stream->Close();
    return std::move(status).error();
  }
  if (!stream->at_end_) {
    stream->thread_ = std::thread([raw = stream.get()] { raw->ReadAll(); });
    return stream;
  }
  if (stream->decoder_.rows() > 0) {
    NSTARX_TRY(auto batch, stream->decoder_.Finish());
    stream->queue_.push_back(std::move(batch));
  }
  stream->finished_ = true;
  NSTARX_RETURN_IF_ERROR(stream->Close());
  return stream;
}

Status ResultStream::ReadRows(int64_t rows_max) {
  Wire& wire = conversation_.wire();
  while (!decoder_.full() && decoder_.rows() < rows_max) {
    if (options_.limit >= 0 && rows_read_ >= options_.limit) {
      at_end_ = true;
      status_ = Quiesce(conversation_, owner_);
      return {};
    }
    Packet packet;
    if (!wire.TryReceive(&packet)) {
      NSTARX_TRY(packet, wire.Receive());
    }
    if (packet.IsEof()) {
      at_end_ = true;
      status_ = Conversation::StatusOfEof(packet);
      if ((status_ & kStatusMoreResults) != 0) {
        NSTARX_TRY(const ResultHeader header,
                   conversation_.NextResult(RowFormat::kText, options_.text));
        status_ = header.status;
        if (!header.columns.empty()) status_ = Quiesce(conversation_, owner_);
      }
      return {};
    }
    if (packet.IsError()) {
      at_end_ = true;
      return Conversation::ErrorOf(packet, options_.text);
    }
    NSTARX_RETURN_IF_ERROR(decoder_.Append(packet));
    ++rows_read_;
  }
  return {};
}

Status ResultStream::Push() {
  if (decoder_.rows() == 0) return {};
  NSTARX_TRY(auto batch, decoder_.Finish());
  std::unique_lock guard(lock_);
  changed_.wait(guard, [this] { return queue_.size() < kQueued || abort_; });
  queue_.push_back(std::move(batch));
  changed_.notify_all();
  return {};
}

void ResultStream::ReadAll() {
  pthread_setname_np(pthread_self(), "mysql-read");
  conversation_.wire().set_patience({.abort = &abort_});
  Status status;
  while (status && !at_end_ && !abort_) {
    status = ReadRows(RowDecoder::kBatchRows);
    if (status) status = Push();
  }
  conversation_.wire().set_patience({});
  const std::scoped_lock guard(lock_);
  if (!status) error_ = std::move(status).error();
  finished_ = true;
  changed_.notify_all();
}

/// Brings the wire to rest and tells the owner.
Status ResultStream::Close() {
  if (closed_) return {};
  closed_ = true;
  if (thread_.joinable()) {
    {
      const std::scoped_lock guard(lock_);
      abort_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }
  if (!at_end_) status_ = Quiesce(conversation_, owner_);
  return owner_.StatementEnded(status_);
}

ResultStream::~ResultStream() {
  if (!closed_) {
    // Nobody is left to tell; the session marks itself unhealthy when it is.
    Status ignored = Close();
  }
}

Result<std::shared_ptr<arrow::RecordBatch>> ResultStream::Next(const Context& context) {
  std::unique_lock guard(lock_);
  while (queue_.empty() && !finished_) {
    changed_.wait_for(guard, std::min<std::chrono::milliseconds>(
                                 kPullSlice, context.remaining() + std::chrono::milliseconds(1)));
    if (!queue_.empty() || finished_) break;
    Status status = context.Check();
    if (status) continue;
    guard.unlock();
    Status closed = Close();
    return Error(std::move(status).error()).WithStage("query").WithConnector("mysql");
  }
  if (!queue_.empty()) {
    auto batch = std::move(queue_.front());
    queue_.pop_front();
    changed_.notify_all();
    return batch;
  }
  std::optional<Error> error = error_;
  guard.unlock();
  Status closed = Close();
  if (error) return std::move(*error);
  if (!closed) return std::move(closed).error();
  return std::shared_ptr<arrow::RecordBatch>();
}

AffectedStream::AffectedStream(int64_t rows) : schema_(arrow::schema({})), rows_(rows) {}

Result<std::shared_ptr<arrow::RecordBatch>> AffectedStream::Next(const Context&) {
  return std::shared_ptr<arrow::RecordBatch>();
}

}  // namespace nstarx::connectors::mysql
