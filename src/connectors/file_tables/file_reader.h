#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/status.h"

namespace arrow {
class Buffer;
class Status;
namespace io {
class RandomAccessFile;
}
}  // namespace arrow

namespace nstarx::connectors::file_tables {

/// Reads ranges of one remote file with few and large requests: the end of the file (where formats
/// keep their footers) comes in one, small files whole, small reads that follow each other from a
/// read-ahead window of 1 MiB, and ranges above 8 MiB in up to four requests at a time.
/// Thread-safe.
class FileReader {
 public:
  FileReader(std::shared_ptr<arrow::io::RandomAccessFile> file, int64_t size);
  ~FileReader();

  /// Fills `into` with exactly `length` bytes from `offset`; the range must lie inside of the file.
  arrow::Status ReadAt(int64_t offset, int64_t length, char* into);
  int64_t size() const { return size_; }
  /// Requests made so far.
  int64_t requests() const { return requests_; }

 private:
  struct Window {
    int64_t offset = 0;
    std::shared_ptr<arrow::Buffer> bytes;
  };
  static bool Copy(const Window& window, int64_t offset, int64_t length, char* into);
  arrow::Status Fill(Window& window, int64_t offset, int64_t length);
  arrow::Status ReadLarge(int64_t offset, int64_t length, char* into);

  const std::shared_ptr<arrow::io::RandomAccessFile> file_;  // shared with reads in flight
  const int64_t size_;
  std::atomic<int64_t> requests_ = 0;
  std::mutex mutex_;
  Window tail_ NSTARX_GUARDED_BY(mutex_);
  Window ahead_ NSTARX_GUARDED_BY(mutex_);
  int64_t next_ NSTARX_GUARDED_BY(mutex_) = -1;  // where the last small read ended
};

}  // namespace nstarx::connectors::file_tables
