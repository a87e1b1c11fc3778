#pragma once

#include <arrow/filesystem/filesystem.h>
#include <arrow/filesystem/localfs.h>

#include <filesystem>
#include <memory>
#include <string>

namespace nstarx::connectors::files {

/// One folder of the local disk as a file system that nothing leads out of: every path is resolved,
/// symbolic links included, and refused unless it still lies in the folder. Paths are relative.
/// Thread-safe.
class RootedFileSystem final : public arrow::fs::SubTreeFileSystem {
 public:
  explicit RootedFileSystem(const std::filesystem::path& canonical_root)
      : SubTreeFileSystem(canonical_root.string(), std::make_shared<arrow::fs::LocalFileSystem>()),
        root_(canonical_root) {}

  arrow::Result<arrow::fs::FileInfo> GetFileInfo(const std::string& path) override {
    ARROW_RETURN_NOT_OK(CheckInside(path));
    return SubTreeFileSystem::GetFileInfo(path);
  }
  arrow::Result<arrow::fs::FileInfoVector> GetFileInfo(
      const arrow::fs::FileSelector& select) override {
    ARROW_RETURN_NOT_OK(CheckInside(select.base_dir));
    ARROW_ASSIGN_OR_RAISE(auto found, SubTreeFileSystem::GetFileInfo(select));
    std::erase_if(
        found, [this](const arrow::fs::FileInfo& info) { return !CheckInside(info.path()).ok(); });
    return found;
  }
  arrow::Result<std::shared_ptr<arrow::io::InputStream>> OpenInputStream(
      const std::string& path) override {
    ARROW_RETURN_NOT_OK(CheckInside(path));
    return SubTreeFileSystem::OpenInputStream(path);
  }
  arrow::Result<std::shared_ptr<arrow::io::InputStream>> OpenInputStream(
      const arrow::fs::FileInfo& info) override {
    ARROW_RETURN_NOT_OK(CheckInside(info.path()));
    return SubTreeFileSystem::OpenInputStream(info);
  }
  arrow::Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenInputFile(
      const std::string& path) override {
    ARROW_RETURN_NOT_OK(CheckInside(path));
    return SubTreeFileSystem::OpenInputFile(path);
  }
  arrow::Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenInputFile(
      const arrow::fs::FileInfo& info) override {
    ARROW_RETURN_NOT_OK(CheckInside(info.path()));
    return SubTreeFileSystem::OpenInputFile(info);
  }

 private:
  arrow::Status CheckInside(const std::string& path) const {
    std::error_code error;
    const auto real = std::filesystem::weakly_canonical(root_ / path, error);
    if (error) return arrow::Status::IOError("can't resolve '", path, "'");
    const auto relative = real.lexically_relative(root_);
    if (relative.empty() || *relative.begin() == "..") {
      return arrow::Status::IOError("'", path, "' leads out of the connection's folder");
    }
    return arrow::Status::OK();
  }

  std::filesystem::path root_;
};

}  // namespace nstarx::connectors::files
