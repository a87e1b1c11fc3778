#pragma once

// Includes DuckDB: only .cc files may include it.
#include <mutex>
#include <string>

#include "base/status.h"
#include "engine/duckdb_headers.h"

namespace nstarx::engine {

/// A file system that has nothing but a place to spill to: names under spill_name() go to a private
/// temporary folder, which goes with this object; everything else is refused. Thread-safe.
class SpillFileSystem : public duckdb::FileSystem {
 public:
  SpillFileSystem();
  ~SpillFileSystem() override;

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

 protected:
  bool IsSpill(const std::string& path) const;
  [[noreturn]] static void Refuse(const std::string& path);

 private:
  /// The real path of a spill name; creates the private folder on first use.
  std::string SpillPath(const std::string& path);

  const std::string spill_name_;
  std::mutex mutex_;
  std::string spill_folder_ NSTARX_GUARDED_BY(mutex_);
};

}  // namespace nstarx::engine
