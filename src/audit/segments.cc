#include "audit/segments.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <utility>

namespace nstarx::audit {
namespace {

constexpr size_t kLineMax = 1 << 20;
constexpr int64_t kStep = 1 << 17;

Error CantRead(const std::string& path) {
  return Error(ErrorKind::kUnavailable, "audit.not_readable",
               fmt::format("can't read '{}': {}", path, std::strerror(errno)))
      .WithAction(Action::kAskOperator);
}

}  // namespace

std::string SegmentPath(const std::string& directory, int number) {
  return fmt::format("{}/audit-{:06}.jsonl", directory, number);
}

std::vector<Segment> ListSegments(const std::string& directory) {
  std::vector<Segment> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("audit-") || !name.ends_with(".jsonl")) continue;
    int number = 0;
    const char* begin = name.data() + 6;
    const char* end = name.data() + name.size() - 6;
    const auto [at, failed] = std::from_chars(begin, end, number);
    if (failed != std::errc() || at != end || number < 1) continue;
    out.push_back({number, entry.path().string()});
  }
  std::ranges::sort(out, {}, &Segment::number);
  return out;
}

Result<LineReader> LineReader::Open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return CantRead(path);
  return LineReader(file);
}

std::optional<LineReader::Line> LineReader::Next() {
  Line out;
  while (true) {
    const std::string_view rest = std::string_view(buffer_).substr(at_);
    const size_t feed = rest.find('\n');
    out.text += rest.substr(0, feed);
    if (feed != std::string_view::npos) {
      at_ += feed + 1;
      return out;
    }
    at_ = buffer_.size();
    if (out.text.size() >= kLineMax) return out;
    buffer_.resize(kStep);
    buffer_.resize(std::fread(buffer_.data(), 1, kStep, file_.get()));
    at_ = 0;
    if (!buffer_.empty()) continue;
    out.complete = false;
    if (out.text.empty()) return std::nullopt;
    return out;
  }
}

Result<ReverseLineReader> ReverseLineReader::Open(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return CantRead(path);
  struct stat facts;
  if (fstat(file, &facts) != 0) {
    close(file);
    return CantRead(path);
  }
  ReverseLineReader out(file, facts.st_size);
  // Skips what follows the last line feed.
  while (true) {
    const size_t feed = out.buffer_.rfind('\n');
    if (feed != std::string::npos) {
      out.torn_ = out.buffer_.substr(feed + 1, kLineMax);
      out.complete_size_ -= static_cast<int64_t>(out.buffer_.size() - feed - 1);
      out.buffer_.resize(feed + 1);
      return out;
    }
    if (!out.ReadMore()) {
      out.torn_ = out.buffer_.substr(0, kLineMax);
      out.complete_size_ = 0;
      out.buffer_.clear();
      return out;
    }
  }
}

ReverseLineReader::ReverseLineReader(ReverseLineReader&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      left_(other.left_),
      buffer_(std::move(other.buffer_)),
      complete_size_(other.complete_size_),
      torn_(std::move(other.torn_)) {}

ReverseLineReader::~ReverseLineReader() {
  if (file_ >= 0) close(file_);
}

bool ReverseLineReader::ReadMore() {
  if (left_ == 0) return false;
  const int64_t step = std::min(left_, kStep);
  std::string more(static_cast<size_t>(step), '\0');
  const ssize_t size = pread(file_, more.data(), more.size(), left_ - step);
  if (size != static_cast<ssize_t>(step)) return false;
  left_ -= step;
  buffer_.insert(0, more);
  return true;
}

std::optional<std::string> ReverseLineReader::Next() {
  // The buffer ends with the line feed of the line that comes next.
  while (true) {
    if (!buffer_.empty()) {
      const size_t feed =
          buffer_.size() >= 2 ? buffer_.rfind('\n', buffer_.size() - 2) : std::string::npos;
      if (feed != std::string::npos || left_ == 0) {
        const size_t begin = feed == std::string::npos ? 0 : feed + 1;
        std::string line = buffer_.substr(begin, buffer_.size() - 1 - begin);
        buffer_.resize(begin);
        return line;
      }
      if (buffer_.size() > 4 * kLineMax) return std::nullopt;
    }
    if (!ReadMore()) return std::nullopt;
  }
}

}  // namespace nstarx::audit
