#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::drivers {

/// The most bytes of one file of a driver.
inline constexpr int64_t kFileBytesMax = int64_t{512} << 20;

/// A file as it is written: hashed on the way, on the disk for certain once Finish is back.
class DurableFile {
 public:
  /// Makes a new file; driver.disk_failed when it is there already or the disk says no.
  static Result<std::unique_ptr<DurableFile>> Create(const std::string& path);
  ~DurableFile();

  /// driver.too_large beyond kFileBytesMax.
  Status Write(std::span<const std::byte> bytes);
  Status Finish();
  int64_t size() const { return size_; }
  const std::string& sha256() const { return sha256_; }  ///< hex, after Finish
  const std::string& sha1() const { return sha1_; }      ///< hex, after Finish

 private:
  struct Digests;
  DurableFile(std::string path, int file);
  const std::string path_;
  int file_;
  int64_t size_ = 0;
  std::unique_ptr<Digests> digests_;
  std::string sha256_;
  std::string sha1_;
};

/// What the system says of the last failed call on `path`.
Error DiskError(std::string_view doing, const std::string& path);
/// The whole file when it has at most `bytes_max` bytes; driver.disk_failed, driver.too_large.
Result<std::string> ReadWhole(const std::string& path, size_t bytes_max);
Result<std::string> Sha256OfFile(const std::string& path);
/// Whole or not at all: written aside, synced and renamed.
Status WriteWhole(const std::string& path, std::string_view text);
/// Lets the link `folder`/`name` lead to `target`, in one step for whoever follows it.
Status SwitchLink(const std::string& folder, const std::string& name, const std::string& target);
/// Makes what is named in the folder durable.
Status SyncFolder(const std::string& folder);

}  // namespace nstarx::drivers
