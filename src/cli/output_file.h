#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "cli/console.h"

namespace nstarx::cli {

/// A file that appears only when it is whole: written beside its place, renamed by Commit. Shows
/// its progress on standard error when that is a terminal.
class OutputFile {
 public:
  static Result<std::unique_ptr<OutputFile>> Create(Console& console, std::string path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  /// Removes what was written when it was not committed.
  ~OutputFile();

  Status Write(std::string_view piece);
  Status Commit();
  int64_t size() const { return size_; }

 private:
  OutputFile(Console& console, std::string path, std::string scratch, int descriptor)
      : console_(console),
        path_(std::move(path)),
        scratch_(std::move(scratch)),
        descriptor_(descriptor) {}
  void ShowProgress(bool last);

  Console& console_;
  const std::string path_;
  const std::string scratch_;
  int descriptor_;
  int64_t size_ = 0;
  int64_t shown_ = 0;
};

/// A file (or standard input as "-") that is read from front to back.
class InputFile {
 public:
  static Result<InputFile> Open(const std::string& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();

  Result<size_t> Read(std::span<char> into) const;
  /// -1 when it is not known.
  int64_t size() const { return size_; }

 private:
  InputFile(int descriptor, int64_t size) : descriptor_(descriptor), size_(size) {}
  int descriptor_;
  int64_t size_;
};

}  // namespace nstarx::cli
