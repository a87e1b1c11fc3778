#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::daemon {

/// The server's folder (0700), locked so that two servers never share it. The lock goes with the
/// process.
class DataDirectory {
 public:
  /// server.data_in_use when another server has it.
  static Result<DataDirectory> Open(const std::string& path);
  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;
  ~DataDirectory();

  std::string File(std::string_view name) const { return path_ + "/" + std::string(name); }

  /// What is in credentials.json: {"url", "api_key"}; empty strings when there is none.
  struct Credentials {
    std::string url;
    std::string api_key;
  };
  Result<Credentials> ReadCredentials() const;
  /// Written aside, synced and renamed: 0600, whole or not at all.
  Status WriteCredentials(const Credentials& credentials) const;

 private:
  DataDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string path_;
  int lock_ = -1;
};

}  // namespace nstarx::daemon
