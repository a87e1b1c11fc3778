#include "cli/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace nstarx::cli {
namespace {

constexpr int64_t kProgressStep = 8 << 20;

Error Unwritable(const std::string& path) {
  return Unavailable("client.file_unwritable",
                     fmt::format("cannot write {}: {}", path, std::strerror(errno)))
      .WithAction(Action::kFixInput);
}

}  // namespace

Result<std::unique_ptr<OutputFile>> OutputFile::Create(Console& console, std::string path) {
  std::string scratch = fmt::format("{}.part-{}", path, ::getpid());
  const int descriptor = ::open(scratch.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) return Unwritable(path);
  return std::unique_ptr<OutputFile>(
      new OutputFile(console, std::move(path), std::move(scratch), descriptor));
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(scratch_.c_str());
}

Status OutputFile::Write(std::string_view piece) {
  while (!piece.empty()) {
    const ssize_t count = ::write(descriptor_, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Unwritable(path_);
    piece.remove_prefix(static_cast<size_t>(count));
    size_ += count;
  }
  if (size_ - shown_ >= kProgressStep) ShowProgress(false);
  return {};
}

Status OutputFile::Commit() {
  if (shown_ > 0) ShowProgress(true);
  if (::close(std::exchange(descriptor_, -1)) != 0 ||
      ::rename(scratch_.c_str(), path_.c_str()) != 0) {
    const Error error = Unwritable(path_);
    ::unlink(scratch_.c_str());
    return error;
  }
  return {};
}

void OutputFile::ShowProgress(bool last) {
  shown_ = size_;
  if (!console_.error_is_terminal()) return;
  console_.Err(
      fmt::format("\r{:.1f} MiB{}", static_cast<double>(size_) / (1 << 20), last ? "\n" : ""));
}

Result<InputFile> InputFile::Open(const std::string& path) {
  if (path == "-") return InputFile(::dup(STDIN_FILENO), -1);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts{};
  if (descriptor < 0 || ::fstat(descriptor, &facts) != 0 || S_ISDIR(facts.st_mode)) {
    if (descriptor >= 0) ::close(descriptor);
    return InvalidArgument("client.file_unreadable", fmt::format("cannot read the file {}", path));
  }
  return InputFile(descriptor, S_ISREG(facts.st_mode) ? static_cast<int64_t>(facts.st_size) : -1);
}

InputFile::InputFile(InputFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<size_t> InputFile::Read(std::span<char> into) const {
  while (true) {
    const ssize_t count = ::read(descriptor_, into.data(), into.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return Unavailable("client.file_unreadable",
                         fmt::format("reading failed: {}", std::strerror(errno)));
    }
    return static_cast<size_t>(count);
  }
}

}  // namespace nstarx::cli
