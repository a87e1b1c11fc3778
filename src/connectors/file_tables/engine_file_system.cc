#include "connectors/file_tables/engine_file_system.h"

#include <arrow/filesystem/filesystem.h>
#include <arrow/io/interfaces.h>

#include "connectors/file_tables/file_listing.h"
#include "connectors/file_tables/file_reader.h"
#include "connectors/file_tables/glob.h"

namespace nstarx::connectors::file_tables {
namespace {

using duckdb::FileHandle;
using duckdb::FileOpenFlags;
using engine::SpillFileSystem;

/// A file of the connection; another handle is one of a spill file.
class EngineFileHandle final : public FileHandle {
 public:
  EngineFileHandle(duckdb::FileSystem& files, const std::string& path, FileOpenFlags flags)
      : FileHandle(files, path, flags) {}
  ~EngineFileHandle() override { Close(); }
  void Close() override { reader.reset(); }

  std::unique_ptr<FileReader> reader;
  int64_t modified_us = 0;
  int64_t position = 0;
};

/// Null for a spill file's.
EngineFileHandle* Find(FileHandle& handle) { return dynamic_cast<EngineFileHandle*>(&handle); }

int64_t ModifiedOf(const arrow::fs::FileInfo& info) {
  return std::chrono::duration_cast<std::chrono::microseconds>(info.mtime().time_since_epoch())
      .count();
}

}  // namespace

EngineFileSystem::EngineFileSystem(FailureReader read_failure)
    : read_failure_(std::move(read_failure)) {}

void EngineFileSystem::Begin(std::shared_ptr<arrow::fs::FileSystem> files) {
  const std::lock_guard lock(mutex_);
  files_ = std::move(files);
  known_.clear();
  failure_.reset();
  stopped_ = false;
}

std::optional<Error> EngineFileSystem::TakeFailure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, std::nullopt);
}

std::shared_ptr<arrow::fs::FileSystem> EngineFileSystem::Files(const std::string& path) {
  if (!IsInnerPath(path)) Refuse(path);
  if (stopped_) throw duckdb::InterruptException();
  const std::lock_guard lock(mutex_);
  if (files_ == nullptr) Refuse(path);
  return files_;
}

void EngineFileSystem::Fail(const std::string& message) {
  if (stopped_) throw duckdb::InterruptException();
  Error error = read_failure_(message);
  const std::string text = error.message();
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(error);
  }
  throw duckdb::IOException("%s", text);
}

duckdb::unique_ptr<FileHandle> EngineFileSystem::OpenFile(
    const std::string& path, FileOpenFlags flags, duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (IsSpill(path)) return SpillFileSystem::OpenFile(path, flags, opener);
  if (flags.OpenForWriting()) Refuse(path);
  const auto files = Files(path);
  std::optional<std::pair<int64_t, int64_t>> known;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(path); found != known_.end()) known = found->second;
  }
  if (!known) {
    const auto info = files->GetFileInfo(path);
    if (!info.ok()) Fail(info.status().ToString());
    if (info->type() != arrow::fs::FileType::File) {
      if (flags.ReturnNullIfNotExists()) return nullptr;
      throw duckdb::IOException("No files found that match the pattern \"%s\"", path);
    }
    known = {info->size(), ModifiedOf(*info)};
  }
  arrow::fs::FileInfo info(path, arrow::fs::FileType::File);
  info.set_size(known->first);
  auto file = files->OpenInputFile(info);
  if (!file.ok()) Fail(file.status().ToString());
  auto handle = duckdb::make_uniq<EngineFileHandle>(*this, path, flags);
  handle->reader = std::make_unique<FileReader>(*file, known->first);
  handle->modified_us = known->second;
  return handle;
}

void EngineFileSystem::Read(FileHandle& handle, void* buffer, int64_t count, duckdb::idx_t at) {
  EngineFileHandle* file = Find(handle);
  if (file == nullptr) return SpillFileSystem::Read(handle, buffer, count, at);
  if (stopped_) throw duckdb::InterruptException();
  const arrow::Status status =
      file->reader->ReadAt(static_cast<int64_t>(at), count, static_cast<char*>(buffer));
  if (!status.ok()) Fail(status.ToString());
}

int64_t EngineFileSystem::Read(FileHandle& handle, void* buffer, int64_t count) {
  EngineFileHandle* file = Find(handle);
  if (file == nullptr) return SpillFileSystem::Read(handle, buffer, count);
  const int64_t left = std::max<int64_t>(0, file->reader->size() - file->position);
  const int64_t length = std::min(count, left);
  if (length > 0) Read(handle, buffer, length, static_cast<duckdb::idx_t>(file->position));
  file->position += length;
  return length;
}

void EngineFileSystem::Write(FileHandle& handle, void* buffer, int64_t count, duckdb::idx_t at) {
  if (Find(handle) != nullptr) Refuse(handle.GetPath());
  SpillFileSystem::Write(handle, buffer, count, at);
}

int64_t EngineFileSystem::Write(FileHandle& handle, void* buffer, int64_t count) {
  if (Find(handle) != nullptr) Refuse(handle.GetPath());
  return SpillFileSystem::Write(handle, buffer, count);
}

int64_t EngineFileSystem::GetFileSize(FileHandle& handle) {
  const EngineFileHandle* file = Find(handle);
  return file != nullptr ? file->reader->size() : SpillFileSystem::GetFileSize(handle);
}

duckdb::timestamp_t EngineFileSystem::GetLastModifiedTime(FileHandle& handle) {
  const EngineFileHandle* file = Find(handle);
  return duckdb::timestamp_t(file != nullptr ? file->modified_us : 0);
}

std::string EngineFileSystem::GetVersionTag(FileHandle& handle) {
  return fmt::format("{}-{}", GetFileSize(handle), GetLastModifiedTime(handle).value);
}

void EngineFileSystem::Truncate(FileHandle& handle, int64_t size) {
  if (Find(handle) != nullptr) Refuse(handle.GetPath());
  SpillFileSystem::Truncate(handle, size);
}

void EngineFileSystem::Seek(FileHandle& handle, duckdb::idx_t at) {
  EngineFileHandle* file = Find(handle);
  if (file == nullptr) return SpillFileSystem::Seek(handle, at);
  file->position = static_cast<int64_t>(at);
}

duckdb::idx_t EngineFileSystem::SeekPosition(FileHandle& handle) {
  const EngineFileHandle* file = Find(handle);
  return file != nullptr ? static_cast<duckdb::idx_t>(file->position)
                         : SpillFileSystem::SeekPosition(handle);
}

bool EngineFileSystem::OnDiskFile(FileHandle& handle) { return Find(handle) == nullptr; }

bool EngineFileSystem::FileExists(const std::string& path,
                                  duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (IsSpill(path)) return SpillFileSystem::FileExists(path, opener);
  if (!IsInnerPath(path)) return false;
  const auto info = Files(path)->GetFileInfo(path);
  if (!info.ok()) Fail(info.status().ToString());
  return info->type() == arrow::fs::FileType::File;
}

duckdb::vector<duckdb::OpenFileInfo> EngineFileSystem::Glob(const std::string& pattern,
                                                            duckdb::FileOpener* opener) {
  const auto files = Files(pattern);
  const auto found = file_tables::ExpandPath(*files, pattern);
  if (!found.ok()) {
    if (found.status().IsCapacityError()) throw duckdb::IOException(found.status().message());
    Fail(found.status().ToString());
  }
  duckdb::vector<duckdb::OpenFileInfo> paths;
  const std::lock_guard lock(mutex_);
  for (const arrow::fs::FileInfo& info : *found) {
    known_[info.path()] = {info.size(), ModifiedOf(info)};
    paths.emplace_back(info.path());
  }
  return paths;
}

}  // namespace nstarx::connectors::file_tables
