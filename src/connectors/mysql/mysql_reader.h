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
#include "connectors/mysql/mysql_decode.h"
#include "connectors/mysql/mysql_protocol.h"

namespace nstarx::connectors::mysql {

/// What a stream needs from the session that runs it.
class StatementOwner {
 public:
  virtual ~StatementOwner() = default;
  /// Asks the server to stop the running statement; takes a second at most.
  virtual void StopRunning() = 0;
  /// The statement is over and the wire is at rest (or broken). Called once.
  virtual Status StatementEnded(uint16_t status) = 0;
};

/// Reads whatever is left of the running result, stopping the server when that takes long. The wire
/// is at rest afterwards, or broken. Returns the final status.
uint16_t Quiesce(Conversation& conversation, StatementOwner& owner);

/// The rows of one result. Small results are read at once; a large one is read and decoded by a
/// thread of its own, at most kQueued batches ahead of the puller.
class ResultStream final : public connector::BatchStream {
 public:
  struct Options {
    ZeroDates zero_dates = ZeroDates::kError;
    int64_t limit = -1;
    std::string text;  ///< the statement, for error positions and further results
  };
  static Result<std::unique_ptr<ResultStream>> Start(const Context& context,
                                                     Conversation& conversation,
                                                     StatementOwner& owner,
                                                     const ResultHeader& header, Options options);
  ~ResultStream() override;

  const std::shared_ptr<arrow::Schema>& schema() const override { return decoder_.schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override;

 private:
  static constexpr size_t kQueued = 3;
  static constexpr int64_t kInlineRows = 2048;

  ResultStream(Conversation& conversation, StatementOwner& owner, const ResultHeader& header,
               Options options);
  /// Reads rows until the batch is full, the result ends, or `rows_max` rows are there.
  Status ReadRows(int64_t rows_max);
  void ReadAll();
  Status Push();
  Status Close();

  Conversation& conversation_;
  StatementOwner& owner_;
  Options options_;
  RowDecoder decoder_;
  int64_t rows_read_ = 0;
  bool at_end_ = false;  ///< the result's last packet was read
  bool closed_ = false;
  uint16_t status_ = 0;

  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<arrow::RecordBatch>> queue_ NSTARX_GUARDED_BY(lock_);
  std::optional<Error> error_ NSTARX_GUARDED_BY(lock_);
  bool finished_ NSTARX_GUARDED_BY(lock_) = false;  ///< the thread adds nothing more
  std::atomic<bool> abort_ = false;
  std::thread thread_;
};

/// What a statement without rows did.
class AffectedStream final : public connector::BatchStream {
 public:
  explicit AffectedStream(int64_t rows);
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context&) override;
  int64_t rows_affected() const override { return rows_; }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  int64_t rows_;
};

}  // namespace nstarx::connectors::mysql
