#pragma once

// Includes DuckDB: only the .cc files of this room may include it.
#include <arrow/filesystem/type_fwd.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/status.h"
#include "engine/spill_file_system.h"

namespace nstarx::connectors::file_tables {

/// Makes one of our errors of what a file system said.
using FailureReader = std::function<Error(std::string_view message)>;

/// The only file system that an engine has: paths inside of the connection go to Arrow's file
/// system, read-only; spill files to a private folder; everything else is refused. Thread-safe.
class EngineFileSystem final : public engine::SpillFileSystem {
 public:
  explicit EngineFileSystem(FailureReader read_failure);

  /// Sets what the next statement reads; forgets the files and the failure of the last one.
  void Begin(std::shared_ptr<arrow::fs::FileSystem> files);
  /// Makes every further read of the current statement fail.
  void Stop() { stopped_ = true; }
  /// The first failure of the current statement's reads.
  std::optional<Error> TakeFailure();
  /// One of our errors of what the file system said.
  Error ReadFailure(std::string_view message) const { return read_failure_(message); }

  duckdb::unique_ptr<duckdb::FileHandle> OpenFile(
      const std::string& path, duckdb::FileOpenFlags flags,
      duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void Read(duckdb::FileHandle& handle, void* buffer, int64_t count, duckdb::idx_t at) override;
  int64_t Read(duckdb::FileHandle& handle, void* buffer, int64_t count) override;
  void Write(duckdb::FileHandle& handle, void* buffer, int64_t count, duckdb::idx_t at) override;
  int64_t Write(duckdb::FileHandle& handle, void* buffer, int64_t count) override;
  int64_t GetFileSize(duckdb::FileHandle& handle) override;
  duckdb::timestamp_t GetLastModifiedTime(duckdb::FileHandle& handle) override;
  std::string GetVersionTag(duckdb::FileHandle& handle) override;
  void Truncate(duckdb::FileHandle& handle, int64_t size) override;
  void Seek(duckdb::FileHandle& handle, duckdb::idx_t at) override;
  duckdb::idx_t SeekPosition(duckdb::FileHandle& handle) override;
  bool OnDiskFile(duckdb::FileHandle& handle) override;
  bool FileExists(const std::string& path,
                  duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  duckdb::vector<duckdb::OpenFileInfo> Glob(const std::string& pattern,
                                            duckdb::FileOpener* opener) override;

 private:
  std::shared_ptr<arrow::fs::FileSystem> Files(const std::string& path);
  [[noreturn]] void Fail(const std::string& message);

  const FailureReader read_failure_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::shared_ptr<arrow::fs::FileSystem> files_ NSTARX_GUARDED_BY(mutex_);  // shared with handles
  std::map<std::string, std::pair<int64_t, int64_t>> known_
      NSTARX_GUARDED_BY(mutex_);  // path → size, modification time in µs
  std::optional<Error> failure_ NSTARX_GUARDED_BY(mutex_);
};

}  // namespace nstarx::connectors::file_tables
