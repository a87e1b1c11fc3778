#include "engine/spill_file_system.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "base/id.h"

namespace nstarx::engine {
namespace {

using duckdb::FileHandle;
using duckdb::FileOpenFlags;

class SpillHandle final : public FileHandle {
 public:
  SpillHandle(duckdb::FileSystem& files, const std::string& path, FileOpenFlags flags)
      : FileHandle(files, path, flags) {}
  ~SpillHandle() override { Close(); }
  void Close() override {
    if (descriptor >= 0) ::close(descriptor);
    descriptor = -1;
  }

  int descriptor = -1;
  int64_t position = 0;
};

SpillHandle& Of(FileHandle& handle) { return handle.Cast<SpillHandle>(); }

}  // namespace

SpillFileSystem::SpillFileSystem() : spill_name_("spill-" + RandomToken(16)) {}

SpillFileSystem::~SpillFileSystem() {
  std::error_code ignored;
  if (!spill_folder_.empty()) std::filesystem::remove_all(spill_folder_, ignored);
}

void SpillFileSystem::Refuse(const std::string& path) {
  throw duckdb::PermissionException("This path is not one of the connection's files: \"%s\"", path);
}

bool SpillFileSystem::IsSpill(const std::string& path) const {
  return path == spill_name_ || path.starts_with(spill_name_ + "/");
}

std::string SpillFileSystem::SpillPath(const std::string& path) {
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

duckdb::unique_ptr<FileHandle> SpillFileSystem::OpenFile(
    const std::string& path, FileOpenFlags flags, duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (!IsSpill(path)) Refuse(path);
  auto handle = duckdb::make_uniq<SpillHandle>(*this, path, flags);
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

void SpillFileSystem::Read(FileHandle& handle, void* buffer, int64_t count, duckdb::idx_t at) {
  SpillHandle& file = Of(handle);
  auto* into = static_cast<char*>(buffer);
  while (count > 0) {
    const ssize_t got =
        ::pread(file.descriptor, into, static_cast<size_t>(count), static_cast<off_t>(at));
    if (got <= 0) throw duckdb::IOException("A temporary file could not be read");
    into += got;
    at += static_cast<duckdb::idx_t>(got);
    count -= got;
  }
}

int64_t SpillFileSystem::Read(FileHandle& handle, void* buffer, int64_t count) {
  SpillHandle& file = Of(handle);
  const int64_t left = std::max<int64_t>(0, GetFileSize(handle) - file.position);
  const int64_t length = std::min(count, left);
  if (length > 0) Read(handle, buffer, length, static_cast<duckdb::idx_t>(file.position));
  file.position += length;
  return length;
}

void SpillFileSystem::Write(FileHandle& handle, void* buffer, int64_t count, duckdb::idx_t at) {
  SpillHandle& file = Of(handle);
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

int64_t SpillFileSystem::Write(FileHandle& handle, void* buffer, int64_t count) {
  SpillHandle& file = Of(handle);
  Write(handle, buffer, count, static_cast<duckdb::idx_t>(file.position));
  file.position += count;
  return count;
}

bool SpillFileSystem::Trim(FileHandle& handle, duckdb::idx_t at, duckdb::idx_t count) {
  return false;
}

int64_t SpillFileSystem::GetFileSize(FileHandle& handle) {
  return static_cast<int64_t>(::lseek(Of(handle).descriptor, 0, SEEK_END));
}

duckdb::timestamp_t SpillFileSystem::GetLastModifiedTime(FileHandle& handle) {
  return duckdb::timestamp_t(0);
}

duckdb::FileType SpillFileSystem::GetFileType(FileHandle& handle) {
  return duckdb::FileType::FILE_TYPE_REGULAR;
}

void SpillFileSystem::Truncate(FileHandle& handle, int64_t size) {
  SpillHandle& file = Of(handle);
  if (::ftruncate(file.descriptor, static_cast<off_t>(size)) != 0) {
    throw duckdb::IOException("A temporary file could not be cut");
  }
}

void SpillFileSystem::FileSync(FileHandle& handle) {}  // spill files need not outlive a crash

void SpillFileSystem::Seek(FileHandle& handle, duckdb::idx_t at) {
  Of(handle).position = static_cast<int64_t>(at);
}

duckdb::idx_t SpillFileSystem::SeekPosition(FileHandle& handle) {
  return static_cast<duckdb::idx_t>(Of(handle).position);
}

bool SpillFileSystem::OnDiskFile(FileHandle& handle) { return true; }

bool SpillFileSystem::FileExists(const std::string& path,
                                 duckdb::optional_ptr<duckdb::FileOpener> opener) {
  return IsSpill(path) && std::filesystem::is_regular_file(SpillPath(path));
}

bool SpillFileSystem::DirectoryExists(const std::string& path,
                                      duckdb::optional_ptr<duckdb::FileOpener> opener) {
  return IsSpill(path) && std::filesystem::is_directory(SpillPath(path));
}

void SpillFileSystem::CreateDirectory(const std::string& path,
                                      duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (!IsSpill(path)) Refuse(path);
  SpillPath(path);
}

void SpillFileSystem::RemoveDirectory(const std::string& path,
                                      duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (!IsSpill(path)) Refuse(path);  // the folder itself goes with this object
}

void SpillFileSystem::RemoveFile(const std::string& path,
                                 duckdb::optional_ptr<duckdb::FileOpener> opener) {
  TryRemoveFile(path, opener);
}

bool SpillFileSystem::TryRemoveFile(const std::string& path,
                                    duckdb::optional_ptr<duckdb::FileOpener> opener) {
  if (!IsSpill(path)) Refuse(path);
  return ::unlink(SpillPath(path).c_str()) == 0;
}

void SpillFileSystem::MoveFile(const std::string& source, const std::string& target,
                               duckdb::optional_ptr<duckdb::FileOpener> opener) {
  Refuse(target);
}

bool SpillFileSystem::ListFiles(const std::string& folder,
                                const std::function<void(const std::string&, bool)>& callback,
                                duckdb::FileOpener* opener) {
  if (!IsSpill(folder)) Refuse(folder);
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(SpillPath(folder), problem)) {
    callback(entry.path().filename().string(), false);
  }
  return !problem;
}

duckdb::vector<duckdb::OpenFileInfo> SpillFileSystem::Glob(const std::string& pattern,
                                                           duckdb::FileOpener* opener) {
  Refuse(pattern);
}

}  // namespace nstarx::engine
