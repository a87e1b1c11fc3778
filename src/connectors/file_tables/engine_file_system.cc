#include "connectors/file_tables/engine_file_system.h"

#include <arrow/filesystem/filesystem.h>
#include <arrow/io/interfaces.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "base/id.h"
#include "connectors/file_tables/file_listing.h"
#include "connectors/file_tables/file_reader.h"
#include "connectors/file_tables/glob.h"

namespace nstarx::connectors::file_tables {
namespace {

using duckdb::FileHandle;
using duckdb::FileOpenFlags;

/// A file of the connection, or (when `descriptor` is set) a spill file.
class EngineFileHandle final : public FileHandle {
 public:
  EngineFileHandle(duckdb::FileSystem& files, const std::string& path, FileOpenFlags flags)
      : FileHandle(files, path, flags) {}
  ~EngineFileHandle() override { Close(); }
  void Close() override {
    if (descriptor >= 0) ::close(descriptor);
    descriptor = -1;
    reader.reset();
  }

  std::unique_ptr<FileReader> reader;
  int64_t modified_us = 0;
  int descriptor = -1;
  int64_t position = 0;
};

EngineFileHandle& Of(FileHandle& handle) { return handle.Cast<EngineFileHandle>(); }

[[noreturn]] void Refuse(const std::string& path) {
  throw duckdb::PermissionException("This path is not one of the connection's files: \"%s\"", path);
}

int64_t ModifiedOf(const arrow::fs::FileInfo& info) {
  return std::chrono::duration_cast<std::chrono::microseconds>(info.mtime().time_since_epoch())
      .count();
}

}  // namespace

EngineFileSystem::EngineFileSystem(FailureReader read_failure)
    : read_failure_(std::move(read_failure)), spill_name_("spill-" + RandomToken(16)) {}

EngineFileSystem::~EngineFileSystem() {
  std::error_code ignored;
  if (!spill_folder_.empty()) std::filesystem::remove_all(spill_folder_, ignored);
}

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

bool EngineFileSystem::IsSpill(const std::string& path) const {
  return path == spill_name_ || path.starts_with(spill_name_ + "/");
}

std::string EngineFileSystem::SpillPath(const std::string& path) {
  const std::string name =
      path.size() > spill_name_.size() ? path.substr(spill_name_.size() + 1) : std::string();
  if (name.find('/') != std::string::npos || name == "." || name == "..") Refuse(path);
  const std::lock_guard lock(mutex_);
  if (spill_folder_.empty()) {
    std::string folder = (std::filesystem::temp_directory_path() / "nstarx-spill-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) {
      throw duckdb::IOException("No private folder for temporary files could be made");
    }
    spill_folder_ = folder;
  }
  return name.empty() ? spill_folder_ : spill_folder_ + "/" + name;
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
  auto handle = duckdb::make_uniq<EngineFileHandle>(*this, path, flags);
  if (IsSpill(path)) {
    int mode = O_CLOEXEC | (flags.OpenForWriting() ? O_RDWR : O_RDONLY);
    if (flags.CreateFileIfNotExists()) mode |= O_CREAT;
    if (flags.OverwriteExistingFile()) mode |= O_CREAT | O_TRUNC;
    handle->descriptor = ::open(SpillPath(path).c_str(), mode, 0600);
    if (handle->descriptor < 0) {
      if (flags.ReturnNullIfNotExists()) return nullptr;
      throw duckdb::IOException("A temporary file could not be opened");
    }
    return handle;
  }
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
  handle->reader = std::make_unique<FileReader>(*file, known->first);
  handle->modified_us = known->second;
  return handle;
}

void EngineFileSystem::Read(FileHandle& handle, void* buffer, int64_t count, duckdb::idx_t at) {
  EngineFileHandle& file = Of(handle);
  if (file.descriptor >= 0) {
    auto* into = static_cast<char*>(buffer);
    while (count > 0) {
      const ssize_t got =
          ::pread(file.descriptor, into, static_cast<size_t>(count), static_cast<off_t>(at));
      if (got <= 0) throw duckdb::IOException("A temporary file could not be read");
      into += got;
      at += static_cast<duckdb::idx_t>(got);
      count -= got;
    }
    return;
  }
  if (stopped_) throw duckdb::InterruptException();
  const arrow::Status status =
      file.reader->ReadAt(static_cast<int64_t>(at), count, static_cast<char*>(buffer));
  if (!status.ok()) Fail(status.ToString());
}

int64_t EngineFileSystem::Read(FileHandle& handle, void* buffer, int64_t count) {
  EngineFileHandle& file = Of(handle);
  const int64_t left = std::max<int64_t>(0, GetFileSize(handle) - file.position);
  const int64_t length = std::min(count, left);
  if (length > 0) Read(handle, buffer, length, static_cast<duckdb::idx_t>(file.position));
  file.position += length;
  return length;
}

void EngineFileSystem::Write(FileHandle& handle, void* buffer, int64_t count, duckdb::idx_t at) {
  EngineFileHandle& file = Of(handle);
  if (file.descriptor < 0) Refuse(handle.GetPath());
  const auto* from = static_cast<const char*>(buffer);
  while (count > 0) {
    const ssize_t wrote =
        ::pwrite(file.descriptor, from, static_cast<size_t>(count), static_cast<off_t>(at));
    if (wrote <= 0) throw duckdb::IOException("A temporary file could not be written");
    from += wrote;
    at += static_cast<duckdb::idx_t>(wrote);
    count -= wrote;
  }
}

int64_t EngineFileSystem::Write(FileHandle& handle, void* buffer, int64_t count) {
  EngineFileHandle& file = Of(handle);
  Write(handle, buffer, count, static_cast<duckdb::idx_t>(file.position));
  file.position += count;
  return count;
}

bool EngineFileSystem::Trim(FileHandle& handle, duckdb::idx_t at, duckdb::idx_t count) {
  return false;
}

int64_t EngineFileSystem::GetFileSize(FileHandle& handle) {
  EngineFileHandle& file = Of(handle);
  if (file.descriptor < 0) return file.reader->size();
  const off_t size = ::lseek(file.descriptor, 0, SEEK_END);
  return static_cast<int64_t>(size);
}

duckdb::timestamp_t EngineFileSystem::GetLastModifiedTime(FileHandle& handle) {
  return duckdb::timestamp_t(Of(handle).modified_us);
}

std::string EngineFileSystem::GetVersionTag(FileHandle& handle) {
  return fmt::format("{}-{}", GetFileSize(handle), Of(handle).modified_us);
}

duckdb::FileType EngineFileSystem::GetFileType(FileHandle& handle) {
  return duckdb::FileType::FILE_TYPE_REGULAR;
}

void EngineFileSystem::Truncate(FileHandle& handle, int64_t size) {
  EngineFileHandle& file = Of(handle);
  if (file.descriptor < 0) Refuse(handle.GetPath());
  if (::ftruncate(file.descriptor, static_cast<off_t>(size)) != 0) {
    throw duckdb::IOException("A temporary file could not be cut");
  }
}

void EngineFileSystem::FileSync(FileHandle& handle) {}  // spill files need not outlive a crash

void EngineFileSystem::Seek(FileHandle& handle, duckdb::idx_t at) {
  Of(handle).position = static_cast<int64_t>(at);
}

duckdb::idx_t EngineFileSystem::SeekPosition(FileHandle& handle) {
  return static_cast<duckdb::idx_t>(Of(handle).position);
}

bool EngineFileSystem::OnDiskFile(FileHandle& handle) { return Of(handle).descriptor >= 0; }

bool EngineFileSystem::FileExists(const std::string& path,
                                  duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (IsSpill(path)) return std::filesystem::is_regular_file(SpillPath(path));
  if (!IsInnerPath(path)) return false;
  const auto info = Files(path)->GetFileInfo(path);
  if (!info.ok()) Fail(info.status().ToString());
  return info->type() == arrow::fs::FileType::File;
}

bool EngineFileSystem::DirectoryExists(const std::string& path,
                                       duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (IsSpill(path)) return std::filesystem::is_directory(SpillPath(path));
  return false;
}

void EngineFileSystem::CreateDirectory(const std::string& path,
                                       duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (!IsSpill(path)) Refuse(path);
  SpillPath(path);
}

void EngineFileSystem::RemoveDirectory(const std::string& path,
                                       duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (!IsSpill(path)) Refuse(path);  // the folder itself goes with this object
}

void EngineFileSystem::RemoveFile(const std::string& path,
                                  duckdb::optional_ptr<duckdb::FileOpener> opener) {
  TryRemoveFile(path, opener);
}

bool EngineFileSystem::TryRemoveFile(const std::string& path,
                                     duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (!IsSpill(path)) Refuse(path);
  return ::unlink(SpillPath(path).c_str()) == 0;
}

void EngineFileSystem::MoveFile(const std::string& source, const std::string& target,
                                duckdb::optional_ptr<duckdb::FileOpener> opener) {
  Refuse(target);
}

bool EngineFileSystem::ListFiles(const std::string& folder,
                                 const std::function<void(const std::string&, bool)>& callback,
                                 duckdb::FileOpener* opener) {
  if (!IsSpill(folder)) Refuse(folder);
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(SpillPath(folder), problem)) {
    callback(entry.path().filename().string(), false);
  }
  return !problem;
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
