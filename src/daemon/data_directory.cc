#include "daemon/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/json.h"

namespace nstarx::daemon {
namespace {

Error CantWrite(const std::string& path) {
  return Error(ErrorKind::kUnavailable, "server.data_not_writable",
               fmt::format("can't write {}: {}", path, std::strerror(errno)))
      .WithAction(Action::kAskOperator)
      .WithHint("Give the server's user a data directory that it may write: --data DIR.");
}

}  // namespace

Result<DataDirectory> DataDirectory::Open(const std::string& path) {
  std::error_code error;
  const bool fresh = std::filesystem::create_directories(path, error);
  if (error) {
    errno = error.value();
    return CantWrite(path);
  }
  if (fresh) ::chmod(path.c_str(), 0700);
  const std::string lock_path = path + "/server.lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return CantWrite(lock_path);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return Error(ErrorKind::kUnavailable, "server.data_in_use",
                 fmt::format("another server uses {}", path))
        .WithAction(Action::kAskOperator)
        .WithHint("Stop it first, or start this one with another --data DIR.");
  }
  return DataDirectory(std::filesystem::absolute(path).string(), lock);
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

DataDirectory::~DataDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

Result<DataDirectory::Credentials> DataDirectory::ReadCredentials() const {
  std::ifstream file(File("credentials.json"));
  if (!file) return Credentials{};
  std::stringstream text;
  text << file.rdbuf();
  NSTARX_TRY(const json::value parsed, ParseJson(text.str()));
  if (!parsed.is_object())
    return InvalidArgument("config.wrong_type", "credentials.json holds no object");
  return Credentials{.url = std::string(GetString(parsed.get_object(), "url")),
                     .api_key = std::string(GetString(parsed.get_object(), "api_key"))};
}

Status DataDirectory::WriteCredentials(const Credentials& credentials) const {
  const std::string path = File("credentials.json");
  const std::string scratch = path + ".new";
  json::object document;
  document["url"] = credentials.url;
  document["api_key"] = credentials.api_key;
  const std::string text = json::serialize(document) + "\n";
  const int file = ::open(scratch.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return CantWrite(scratch);
  const bool whole = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                     ::fsync(file) == 0;
  ::close(file);
  if (!whole || ::rename(scratch.c_str(), path.c_str()) != 0) return CantWrite(path);
  return {};
}

}  // namespace nstarx::daemon
