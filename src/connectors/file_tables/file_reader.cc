#include "connectors/file_tables/file_reader.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/util/future.h>
#include <arrow/util/thread_pool.h>

#include <cstring>

namespace nstarx::connectors::file_tables {
namespace {

constexpr int64_t kTail = 128 << 10;
constexpr int64_t kWholeMax = 512 << 10;
constexpr int64_t kSmall = 64 << 10;
constexpr int64_t kAhead = 1 << 20;
constexpr int64_t kLarge = 8 << 20;
constexpr int64_t kPiecesMax = 4;

}  // namespace

FileReader::FileReader(std::shared_ptr<arrow::io::RandomAccessFile> file, int64_t size)
    : file_(std::move(file)), size_(size) {}
FileReader::~FileReader() = default;

bool FileReader::Copy(const Window& window, int64_t offset, int64_t length, char* into) {
  if (!window.bytes || offset < window.offset ||
      offset + length > window.offset + window.bytes->size()) {
    return false;
  }
  std::memcpy(into, window.bytes->data() + (offset - window.offset), static_cast<size_t>(length));
  return true;
}

arrow::Status FileReader::Fill(Window& window, int64_t offset, int64_t length) {
  ++requests_;
  ARROW_ASSIGN_OR_RAISE(auto bytes, file_->ReadAt(offset, length));
  if (bytes->size() != length) return arrow::Status::IOError("The file is shorter than it was");
  window = {.offset = offset, .bytes = std::move(bytes)};
  return arrow::Status::OK();
}

arrow::Status FileReader::ReadAt(int64_t offset, int64_t length, char* into) {
  if (length <= 0) return arrow::Status::OK();
  if (offset < 0 || offset + length > size_) {
    return arrow::Status::IOError("The range lies outside of the file");
  }
  if (length >= kSmall && size_ > kWholeMax) return ReadLarge(offset, length, into);
  // The lock is held over the request so that threads wanting the same footer fetch it once.
  const std::lock_guard lock(mutex_);
  if (Copy(tail_, offset, length, into)) return arrow::Status::OK();
  const int64_t tail = size_ <= kWholeMax ? size_ : kTail;
  if (offset >= size_ - tail) {
    ARROW_RETURN_NOT_OK(Fill(tail_, size_ - tail, tail));
    Copy(tail_, offset, length, into);
    return arrow::Status::OK();
  }
  if (Copy(ahead_, offset, length, into)) {
    next_ = offset + length;
    return arrow::Status::OK();
  }
  const bool follows = offset == next_ || offset == 0;
  next_ = offset + length;
  const int64_t wanted = follows ? std::min(kAhead, size_ - offset) : length;
  ARROW_RETURN_NOT_OK(Fill(ahead_, offset, wanted));
  Copy(ahead_, offset, length, into);
  return arrow::Status::OK();
}

arrow::Status FileReader::ReadLarge(int64_t offset, int64_t length, char* into) {
  const auto read = [this](int64_t at, int64_t count, char* out) -> arrow::Status {
    ++requests_;
    ARROW_ASSIGN_OR_RAISE(const int64_t got, file_->ReadAt(at, count, out));
    return got == count ? arrow::Status::OK()
                        : arrow::Status::IOError("The file is shorter than it was");
  };
  const int64_t pieces = std::clamp<int64_t>(length / kLarge, 1, kPiecesMax);
  const int64_t piece = (length + pieces - 1) / pieces;
  std::vector<arrow::Future<>> others;
  arrow::Status status = arrow::Status::OK();
  for (int64_t i = 1; i < pieces && status.ok(); ++i) {
    const int64_t at = i * piece;
    auto submitted = file_->io_context().executor()->Submit(
        [=] { return read(offset + at, std::min(piece, length - at), into + at); });
    if (submitted.ok()) {
      others.push_back(*std::move(submitted));
    } else {
      status = submitted.status();
    }
  }
  if (status.ok()) status = read(offset, std::min(piece, length), into);
  for (const auto& other : others) status &= other.status();  // waits: they write into `into`
  return status;
}

}  // namespace nstarx::connectors::file_tables
