#pragma once

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace nstarx::audit {

/// A file `audit-000001.jsonl` of a journal.
struct Segment {
  int number = 0;
  std::string path;
};

/// All segments, oldest first.
std::vector<Segment> ListSegments(const std::string& directory);
std::string SegmentPath(const std::string& directory, int number);

/// Lines of a file from its begin. For one thread.
class LineReader {
 public:
  struct Line {
    std::string text;      ///< without the line feed
    bool complete = true;  ///< false: the file ends without a line feed
  };
  static Result<LineReader> Open(const std::string& path);
  /// Nothing at the end. A line longer than a mebibyte comes in pieces.
  std::optional<Line> Next();

 private:
  explicit LineReader(std::FILE* file) : file_(file, &std::fclose) {}
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::string buffer_;  ///< read, not handed out yet from at_ on
  size_t at_ = 0;
};

/// Complete lines of a file from its end. For one thread.
class ReverseLineReader {
 public:
  static Result<ReverseLineReader> Open(const std::string& path);
  ReverseLineReader(ReverseLineReader&& other) noexcept;
  ~ReverseLineReader();
  /// Nothing at the begin.
  std::optional<std::string> Next();
  /// Where the last complete line ends.
  int64_t complete_size() const { return complete_size_; }
  /// What follows the last complete line (at most a mebibyte of it).
  const std::string& torn() const { return torn_; }

 private:
  ReverseLineReader(int file, int64_t size) : file_(file), left_(size), complete_size_(size) {}
  bool ReadMore();

  int file_;
  int64_t left_;        ///< bytes not read yet, from the begin
  std::string buffer_;  ///< read, not handed out yet
  int64_t complete_size_;
  std::string torn_;
};

}  // namespace nstarx::audit
