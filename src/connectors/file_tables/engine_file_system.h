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
#include "connectors/file_tables/duckdb_headers.h"

namespace nstarx::connectors::file_tables {

/// Makes one of our errors of what a file system said.
using FailureReader = std::function<Error(std::string_view message)>;

/// The only file system that an engine has: paths inside of the connection go to Arrow's file
/// system, read-only; names under spill_name() go to a private temporary folder; everything else is
/// refused. Thread-safe.
class EngineFileSystem final : public duckdb::FileSystem {
 public:
  explicit EngineFileSystem(FailureReader read_failure);
  ~EngineFileSystem() override;

  /// Sets what the next statement reads; forgets the files and the failure of the last one.
  void Begin(std::shared_ptr<arrow::fs::FileSystem> files);
  /// Makes every further read of the current statement fail.
  void Stop() { stopped_ = true; }
  /// The first failure of the current statement's reads.
  std::optional<Error> TakeFailure();
  /// One of our errors of what the file system said.
  Error ReadFailure(std::string_view message) const { return read_failure_(message); }
  /// The unguessable name of the spill folder.
  const std::string& spill_name() const { return spill_name_; }

  duckdb::unique_ptr<duckdb::FileHandle> OpenFile(
      const std::string& path, duckdb::FileOpenFlags flags,
      duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void Read(duckdb::FileHandle& handle, void* buffer, int64_t count, duckdb::idx_t at) override;
  int64_t Read(duckdb::FileHandle& handle, void* buffer, int64_t count) override;
  void Write(duckdb::FileHandle& handle, void* buffer, int64_t count, duckdb::idx_t at) override;
  int64_t Write(duckdb::FileHandle& handle, void* buffer, int64_t count) override;
  bool Trim(duckdb::FileHandle& handle, duckdb::idx_t at, duckdb::idx_t count) override;
  int64_t GetFileSize(duckdb::FileHandle& handle) override;
  duckdb::timestamp_t GetLastModifiedTime(duckdb::FileHandle& handle) override;
  std::string GetVersionTag(duckdb::FileHandle& handle) override;
  duckdb::FileType GetFileType(duckdb::FileHandle& handle) override;
  void Truncate(duckdb::FileHandle& handle, int64_t size) override;
  void FileSync(duckdb::FileHandle& handle) override;
  void Seek(duckdb::FileHandle& handle, duckdb::idx_t at) override;
  duckdb::idx_t SeekPosition(duckdb::FileHandle& handle) override;
  bool CanSeek() override { return true; }
  bool OnDiskFile(duckdb::FileHandle& handle) override;

  bool FileExists(const std::string& path,
                  duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  bool DirectoryExists(const std::string& path,
                       duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void CreateDirectory(const std::string& path,
                       duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void RemoveDirectory(const std::string& path,
                       duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void RemoveFile(const std::string& path,
                  duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  bool TryRemoveFile(const std::string& path,
                     duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  void MoveFile(const std::string& source, const std::string& target,
                duckdb::optional_ptr<duckdb::FileOpener> opener) override;
  bool ListFiles(const std::string& folder,
                 const std::function<void(const std::string&, bool)>& callback,
                 duckdb::FileOpener* opener) override;
  duckdb::vector<duckdb::OpenFileInfo> Glob(const std::string& pattern,
                                            duckdb::FileOpener* opener) override;
  bool IsPipe(const std::string& path, duckdb::optional_ptr<duckdb::FileOpener> opener) override {
    return false;
  }
  std::string PathSeparator(const std::string& path) override { return "/"; }
  std::string GetHomeDirectory() override { return {}; }
  std::string ExpandPath(const std::string& path) override { return path; }
  bool IsPathAbsolute(const std::string& path) override { return path.starts_with('/'); }
  std::string CanonicalizePath(const std::string& path,
                               duckdb::optional_ptr<duckdb::FileOpener> opener) override {
    return path;
  }
  bool CanHandleFile(const std::string& path) override { return true; }
  bool IsManuallySet() override { return true; }
  std::string GetName() const override { return "connection"; }

 private:
  bool IsSpill(const std::string& path) const;
  /// The real path of a spill name; creates the private folder on first use.
  std::string SpillPath(const std::string& path);
  std::shared_ptr<arrow::fs::FileSystem> Files(const std::string& path);
  [[noreturn]] void Fail(const std::string& message);

  const FailureReader read_failure_;
  const std::string spill_name_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::shared_ptr<arrow::fs::FileSystem> files_ NSTARX_GUARDED_BY(mutex_);  // shared with handles
  std::map<std::string, std::pair<int64_t, int64_t>> known_
      NSTARX_GUARDED_BY(mutex_);  // path → size, modification time in µs
  std::optional<Error> failure_ NSTARX_GUARDED_BY(mutex_);
  std::string spill_folder_ NSTARX_GUARDED_BY(mutex_);
};

}  // namespace nstarx::connectors::file_tables
