#pragma once

// Includes DuckDB: only the .cc files of this room may include it.
#include <arrow/io/interfaces.h>

#include <exception>
#include <list>
#include <memory>
#include <mutex>

#include "base/status.h"
#include "engine/duckdb_headers.h"

namespace nstarx::connectors::file_tables {

/// One of the engine's open files as Arrow's ORC reader wants it. The reader takes small pieces of
/// many column streams in turn; every stream gets a window of its own that grows while it is read
/// on, so that few requests are made and little is read that nobody asked for. Thread-safe.
class OrcInput final : public arrow::io::RandomAccessFile {
 public:
  /// `file` is shared with the other scans of the same file.
  explicit OrcInput(std::shared_ptr<duckdb::FileHandle> file);
  ~OrcInput() override;

  arrow::Result<int64_t> ReadAt(int64_t offset, int64_t length, void* out) override;
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t offset, int64_t length) override;
  arrow::Result<int64_t> Read(int64_t length, void* out) override;
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t length) override;
  arrow::Status Seek(int64_t position) override;
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Result<int64_t> GetSize() override { return size_; }
  arrow::Status Close() override { return arrow::Status::OK(); }
  bool closed() const override { return false; }

  /// Nothing behind `end` is read before it is asked for: other threads read what follows.
  void ReadAheadUpTo(int64_t end);

  /// Throws what the engine's file system has thrown, if it has: a read that failed or was stopped
  /// is not the file's fault.
  void RethrowReadFailure();

 private:
  struct Window {
    int64_t offset = 0;
    std::shared_ptr<arrow::Buffer> bytes;
  };
  /// With mutex_ held.
  arrow::Status Fetch(int64_t offset, int64_t length, void* out);

  const std::shared_ptr<duckdb::FileHandle> file_;
  const int64_t size_;
  int64_t position_ = 0;
  std::mutex mutex_;
  int64_t ahead_end_ NSTARX_GUARDED_BY(mutex_) = 0;
  std::list<Window> windows_ NSTARX_GUARDED_BY(mutex_);  // the last used one first
  std::exception_ptr failure_ NSTARX_GUARDED_BY(mutex_);
};

}  // namespace nstarx::connectors::file_tables
