#pragma once

#include <arrow/filesystem/type_fwd.h>
#include <arrow/result.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/context.h"
#include "base/status.h"

namespace arrow {
class RecordBatch;
class Schema;
namespace io {
class RandomAccessFile;
}
}  // namespace arrow
namespace parquet {
class FileMetaData;
}

namespace nstarx::connectors::file_tables {

struct ParquetScanOptions {
  std::vector<std::string> columns;  ///< in this order; empty: all of them
  int threads = 2;
  int64_t memory_limit_bytes = int64_t{128} << 20;
};

/// Whole Parquet files or whole columns of them as record batches, decoded by Arrow itself on
/// threads of its own: what a statement without conditions needs, without the engine's own
/// representation in between. Row groups come in no particular order. Next() is for one thread at a
/// time; Stop() may be called by any.
class ParquetScan {
 public:
  /// Null when the engine has to read them: files whose types or columns differ, nested or rare
  /// types, hive partitions, very many files, row groups that do not fit the memory limit.
  static arrow::Result<std::unique_ptr<ParquetScan>> Open(
      arrow::fs::FileSystem& files, const std::vector<arrow::fs::FileInfo>& found,
      const ParquetScanOptions& options);
  ~ParquetScan();

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  /// The next batch of about 2 MiB, null at the end. Arrow's status is what a read failed with;
  /// Cancelled when the context has ended or Stop() was called.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context);
  void Stop();

 private:
  struct File {
    std::shared_ptr<arrow::io::RandomAccessFile> content;  // shared with reads in flight
    std::shared_ptr<parquet::FileMetaData> footer;         // shared with its readers
  };
  struct RowGroup {
    size_t file = 0;
    int number = 0;
  };

  ParquetScan() = default;
  arrow::Result<bool> Plan(const ParquetScanOptions& options);
  arrow::Result<bool> PlanColumns(const std::vector<std::string>& wanted);
  void Work();
  arrow::Status ReadRowGroup(const RowGroup& group);
  bool Push(std::shared_ptr<arrow::RecordBatch> batch);

  std::vector<File> files_;
  std::vector<RowGroup> groups_;
  std::vector<int> columns_;  // of the files, in the order of schema_
  std::vector<int> order_;    // where schema_'s columns are in what the reader gives
  std::shared_ptr<arrow::Schema> schema_;
  int64_t batch_rows_ = 0;
  size_t ready_max_ = 0;

  std::mutex mutex_;
  std::condition_variable_any room_;
  std::condition_variable_any there_;
  std::deque<std::shared_ptr<arrow::RecordBatch>> ready_ NSTARX_GUARDED_BY(mutex_);
  size_t next_group_ NSTARX_GUARDED_BY(mutex_) = 0;
  size_t working_ NSTARX_GUARDED_BY(mutex_) = 0;
  bool stopped_ NSTARX_GUARDED_BY(mutex_) = false;
  arrow::Status failure_ NSTARX_GUARDED_BY(mutex_);
  std::vector<std::jthread> workers_;  // last: joined before the rest goes
};

}  // namespace nstarx::connectors::file_tables
