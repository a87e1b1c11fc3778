#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "connector/facets.h"
#include "connectors/postgresql/postgres_decoder.h"
#include "connectors/postgresql/postgres_wire.h"

namespace nstarx::connectors::postgresql {

class PostgresSession;

/// The caller's text, for positions in errors.
struct SqlOrigin {
  std::string text;
  size_t offset = 0;
};

/// Reads one result, or several of equal columns one after the other, as record batches.
class ResultReader {
 public:
  ResultReader(Wire& wire, std::unique_ptr<BatchDecoder> decoder, SqlOrigin origin)
      : wire_(wire), decoder_(std::move(decoder)), origin_(std::move(origin)) {}

  /// Called at each end of an execution; sends a further one and returns OK, or only returns OK.
  using NextExecution = std::function<Status(const Context&)>;
  void set_next_execution(NextExecution next) { next_execution_ = std::move(next); }

  /// Waits for the first row or the end, so that a statement that fails at once fails here.
  Status Begin(const Context& context);
  /// The next batch, null at the end. The batch is full unless the server is slow or at its end.
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context);
  bool finished() const { return finished_; }
  int64_t rows_affected() const { return rows_affected_; }
  const BatchDecoder& decoder() const { return *decoder_; }
  BatchDecoder& decoder() { return *decoder_; }
  /// The server's refusal, if there was one.
  const std::optional<ServerError>& failure() const { return failure_; }
  const SqlOrigin& origin() const { return origin_; }

 private:
  Status Take(const Context& context, const Message& message);
  Status Failure(const Context& context) const;

  Wire& wire_;
  std::unique_ptr<BatchDecoder> decoder_;
  SqlOrigin origin_;
  NextExecution next_execution_;
  RowBlock block_;
  std::optional<ServerError> failure_;
  bool first_ = true;
  bool finished_ = false;
  int64_t rows_affected_ = -1;
};

/// Rows that a command's tag counts; -1 for queries and others.
int64_t RowsOfTag(std::string_view tag);

/// Batches on their way from the threads that decode to the one that pulls. Bounded.
class BatchQueue {
 public:
  BatchQueue(size_t capacity, int producers) : capacity_(capacity), producers_(producers) {}

  /// Waits for room; false when nobody wants it any more.
  bool Push(Result<std::shared_ptr<arrow::RecordBatch>> batch);
  /// A producer is done.
  void Leave();
  /// The next batch or error; null when all producers are done.
  Result<std::shared_ptr<arrow::RecordBatch>> Pop(const Context& context);
  /// Nothing is wanted any more.
  void Close();

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Result<std::shared_ptr<arrow::RecordBatch>>> batches_ NSTARX_GUARDED_BY(mutex_);
  size_t capacity_;
  int producers_ NSTARX_GUARDED_BY(mutex_);
  bool closed_ NSTARX_GUARDED_BY(mutex_) = false;
};

/// The result of one statement on one session. Small results are read by the puller itself; once a
/// batch is full, a thread reads and decodes ahead.
class ResultStream final : public connector::BatchStream {
 public:
  ResultStream(PostgresSession& session, std::unique_ptr<ResultReader> reader, bool leaves_state,
               std::optional<int64_t> limit);
  ~ResultStream() override;

  /// Brings the stream to where its schema is known and an early error is out.
  Status Prime(const Context& context);
  const ResultReader& reader() const { return *reader_; }
  /// The result is a plain scan's: if it is long, the next run may be shared by several sessions.
  void set_scan_shape(uint64_t shape) { scan_shape_ = shape; }

  const std::shared_ptr<arrow::Schema>& schema() const override {
    return reader_->decoder().schema();
  }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override;
  int64_t rows_affected() const override { return rows_affected_; }

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> Pull(const Context& context);
  void StartReadingAhead(const Context& context);
  void StopReadingAhead();
  /// Leaves the session ready for the next statement.
  Status End(const Context& context);

  PostgresSession& session_;
  std::unique_ptr<ResultReader> reader_;
  bool leaves_state_;
  std::optional<int64_t> rows_left_;
  std::optional<uint64_t> scan_shape_;
  int64_t rows_ = 0;
  std::shared_ptr<arrow::RecordBatch> first_;
  int64_t rows_affected_ = -1;
  bool ended_ = false;
  std::unique_ptr<BatchQueue> queue_;
  std::stop_source stop_;
  std::thread thread_;
};

}  // namespace nstarx::connectors::postgresql
