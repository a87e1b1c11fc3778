#include "connectors/postgresql/postgres_result.h"

#include <arrow/api.h>
#include <pthread.h>

#include <charconv>

#include "connectors/postgresql/postgres_session.h"

namespace nstarx::connectors::postgresql {
namespace {

/// How long a batch that is not full waits for more rows.
constexpr std::chrono::milliseconds kLinger{100};
constexpr size_t kBatchesAhead = 3;
constexpr int64_t kManyRows = 100'000;
constexpr std::chrono::milliseconds kQueueSlice{100};

}  // namespace

int64_t RowsOfTag(std::string_view tag) {
  while (!tag.empty() && tag.back() == '\0') tag.remove_suffix(1);
  size_t word_end = tag.find(' ');
  if (word_end == std::string_view::npos) return -1;
  std::string_view word = tag.substr(0, word_end);
  if (word != "INSERT" && word != "UPDATE" && word != "DELETE" && word != "MERGE" &&
      word != "COPY") {
    return -1;
  }
  std::string_view count = tag.substr(tag.rfind(' ') + 1);
  int64_t rows = -1;
  std::from_chars(count.data(), count.data() + count.size(), rows);
  return rows;
}

Status ResultReader::Begin(const Context& context) {
  while (!finished_) {
    NSTARX_TRY(char type, wire_.Peek(context));
    if (type == 'D') return {};
    NSTARX_TRY(Message message, wire_.Receive(context));
    NSTARX_RETURN_IF_ERROR(Take(context, message));
  }
  return failure_ ? Failure(context) : Status();
}

Status ResultReader::Failure(const Context& context) const {
  Error error = QueryError(*failure_, origin_.text, origin_.offset);
  if (error.code() == "query.cancelled") NSTARX_RETURN_IF_ERROR(context.Check());
  return error;
}

Status ResultReader::Take(const Context& context, const Message& message) {
  switch (message.type) {
    case 'C':
      rows_affected_ = RowsOfTag(message.body);
      return {};
    case 'E':
      if (!failure_) failure_ = ParseServerError(message.body);
      return {};
    case 'Z':
      if (!failure_ && next_execution_) NSTARX_RETURN_IF_ERROR(next_execution_(context));
      finished_ = wire_.syncs_expected() == 0;
      return {};
    case '1':
    case '2':
    case '3':
    case 'T':
    case 'n':
    case 't':
    case 's':
    case 'I':
      return {};
    default:
      wire_.MarkBroken();
      return Error(ErrorKind::kDataLoss, "connection.protocol_violation",
                   "the server sent a message that does not belong into a result");
  }
}

Result<std::shared_ptr<arrow::RecordBatch>> ResultReader::Next(const Context& context) {
  while (!finished_ && !decoder_->full()) {
    NSTARX_TRY(char type, wire_.Peek(context));
    if (type != 'D') {
      NSTARX_TRY(Message message, wire_.Receive(context));
      NSTARX_RETURN_IF_ERROR(Take(context, message));
      continue;
    }
    NSTARX_RETURN_IF_ERROR(wire_.ReadRows(context, decoder_->width(), block_));
    NSTARX_RETURN_IF_ERROR(decoder_->Append(block_));
    // An open schema waits for its whole first batch: it must not depend on the server's pace.
    if (!decoder_->open() && decoder_->rows() > 0 && !wire_.Readable(kLinger)) break;
  }
  if (failure_) return Failure(context).error();
  if (decoder_->open()) NSTARX_RETURN_IF_ERROR(decoder_->Settle(first_ && finished_));
  first_ = false;
  if (decoder_->rows() == 0) return nullptr;
  return decoder_->Finish();
}

bool BatchQueue::Push(Result<std::shared_ptr<arrow::RecordBatch>> batch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return closed_ || batches_.size() < capacity_; });
  if (closed_) return false;
  batches_.push_back(std::move(batch));
  changed_.notify_all();
  return true;
}

void BatchQueue::Leave() {
  std::lock_guard lock(mutex_);
  --producers_;
  changed_.notify_all();
}

Result<std::shared_ptr<arrow::RecordBatch>> BatchQueue::Pop(const Context& context) {
  std::unique_lock lock(mutex_);
  while (batches_.empty() && producers_ > 0) {
    NSTARX_RETURN_IF_ERROR(context.Check());
    changed_.wait_for(lock, context.stop_token(), std::min(context.remaining(), kQueueSlice),
                      [this] { return !batches_.empty() || producers_ == 0; });
  }
  if (batches_.empty()) return nullptr;
  auto batch = std::move(batches_.front());
  batches_.pop_front();
  changed_.notify_all();
  return batch;
}

void BatchQueue::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

ResultStream::ResultStream(PostgresSession& session, std::unique_ptr<ResultReader> reader,
                           bool leaves_state, std::optional<int64_t> limit)
    : session_(session),
      reader_(std::move(reader)),
      leaves_state_(leaves_state),
      rows_left_(limit) {
  session_.set_streaming(true);
}

ResultStream::~ResultStream() {
  StopReadingAhead();
  if (!ended_) {
    Status status = End(Context());
    if (!status) session_.wire().MarkBroken();
  }
}

Status ResultStream::Prime(const Context& context) {
  NSTARX_RETURN_IF_ERROR(reader_->Begin(context));
  if (reader_->decoder().open() || reader_->finished()) {
    NSTARX_TRY(first_, reader_->Next(context));
    rows_affected_ = reader_->rows_affected();
    if (reader_->finished() && !first_) return End(context);
  }
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> ResultStream::Pull(const Context& context) {
  if (first_) return std::move(first_);
  if (queue_) return queue_->Pop(context);
  auto batch = reader_->Next(context);
  if (batch && *batch && !reader_->finished() &&
      static_cast<size_t>((*batch)->num_rows()) >= RowBlock::kRowsMax) {
    StartReadingAhead(context);
  }
  return batch;
}

Result<std::shared_ptr<arrow::RecordBatch>> ResultStream::Next(const Context& context) {
  if (ended_) return nullptr;
  if (rows_left_ && *rows_left_ <= 0) {
    NSTARX_RETURN_IF_ERROR(End(context));
    return nullptr;
  }
  NSTARX_TRY(auto batch, Pull(context));
  if (!batch) {
    StopReadingAhead();
    rows_affected_ = reader_->rows_affected();
    NSTARX_RETURN_IF_ERROR(End(context));
    return nullptr;
  }
  rows_ += batch->num_rows();
  if (rows_left_) {
    if (batch->num_rows() > *rows_left_) batch = batch->Slice(0, *rows_left_);
    *rows_left_ -= batch->num_rows();
  }
  return batch;
}

void ResultStream::StartReadingAhead(const Context& context) {
  session_.wire().ExpectMuch(true);
  queue_ = std::make_unique<BatchQueue>(kBatchesAhead, 1);
  thread_ = std::thread([this, given = context] {
    pthread_setname_np(pthread_self(), "pg-decode");
    std::stop_callback forward(given.stop_token(), [this] { stop_.request_stop(); });
    Context ahead = given.WithStop(stop_.get_token());
    for (;;) {
      auto batch = reader_->Next(ahead);
      bool last = !batch || !*batch;
      if (batch && !*batch) break;
      if (!queue_->Push(std::move(batch)) || last) break;
    }
    queue_->Leave();
  });
}

void ResultStream::StopReadingAhead() {
  if (!thread_.joinable()) return;
  queue_->Close();
  stop_.request_stop();
  thread_.join();
}

Status ResultStream::End(const Context& context) {
  StopReadingAhead();
  ended_ = true;
  session_.set_streaming(false);
  if (scan_shape_ && rows_ >= kManyRows) {
    session_.memory().ForgetSmallScan(*scan_shape_, reader_->origin().text);
  }
  return session_.EndStatement(context, reader_->finished(), leaves_state_);
}

}  // namespace nstarx::connectors::postgresql
