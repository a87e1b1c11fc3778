#include "connectors/file_tables/orc_input.h"

#include <arrow/buffer.h>
#include <arrow/result.h>

#include <algorithm>
#include <cstring>

namespace nstarx::connectors::file_tables {
namespace {

constexpr int64_t kWindowMin = 128 << 10;
constexpr int64_t kWindowMax = 1 << 20;
constexpr size_t kWindowsMax = 24;

}  // namespace

OrcInput::OrcInput(std::shared_ptr<duckdb::FileHandle> file)
    : file_(std::move(file)), size_(static_cast<int64_t>(file_->GetFileSize())), ahead_end_(size_) {
  set_mode(arrow::io::FileMode::READ);
}
OrcInput::~OrcInput() = default;

arrow::Status OrcInput::Fetch(int64_t offset, int64_t length, void* out) {
  try {
    file_->Read(out, static_cast<duckdb::idx_t>(length), static_cast<duckdb::idx_t>(offset));
  } catch (const std::exception&) {
    if (!failure_) failure_ = std::current_exception();
    return arrow::Status::IOError("The file could not be read");
  }
  return arrow::Status::OK();
}

arrow::Result<int64_t> OrcInput::ReadAt(int64_t offset, int64_t length, void* out) {
  if (offset < 0 || length < 0 || offset > size_ || length > size_ - offset) {
    return arrow::Status::Invalid("A part of the file lies outside of it");
  }
  if (length == 0) return 0;
  const std::lock_guard lock(mutex_);
  int64_t wanted = kWindowMin;
  for (auto window = windows_.begin(); window != windows_.end(); ++window) {
    const int64_t end = window->offset + window->bytes->size();
    if (offset < window->offset || offset > end) continue;
    if (length <= end - offset) {
      std::memcpy(out, window->bytes->data() + (offset - window->offset),
                  static_cast<size_t>(length));
      windows_.splice(windows_.begin(), windows_, window);
      return length;
    }
    // The stream is read on: a larger piece of it next.
    wanted = std::min(kWindowMax, 2 * window->bytes->size());
    windows_.erase(window);
    break;
  }
  if (length >= kWindowMax) {
    ARROW_RETURN_NOT_OK(Fetch(offset, length, out));
    return length;
  }
  wanted = std::max(length, std::min(wanted, ahead_end_ - offset));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bytes, arrow::AllocateBuffer(wanted));
  ARROW_RETURN_NOT_OK(Fetch(offset, wanted, bytes->mutable_data()));
  std::memcpy(out, bytes->data(), static_cast<size_t>(length));
  windows_.push_front({.offset = offset, .bytes = std::move(bytes)});
  if (windows_.size() > kWindowsMax) windows_.pop_back();
  return length;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> OrcInput::ReadAt(int64_t offset, int64_t length) {
  if (offset < 0 || length < 0 || offset > size_ || length > size_ - offset) {
    return arrow::Status::Invalid("A part of the file lies outside of it");
  }
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bytes, arrow::AllocateBuffer(length));
  ARROW_RETURN_NOT_OK(ReadAt(offset, length, bytes->mutable_data()));
  return bytes;
}

arrow::Result<int64_t> OrcInput::Read(int64_t length, void* out) {
  ARROW_ASSIGN_OR_RAISE(const int64_t got,
                        ReadAt(position_, std::min(length, size_ - position_), out));
  position_ += got;
  return got;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> OrcInput::Read(int64_t length) {
  ARROW_ASSIGN_OR_RAISE(auto bytes, ReadAt(position_, std::min(length, size_ - position_)));
  position_ += bytes->size();
  return bytes;
}

arrow::Status OrcInput::Seek(int64_t position) {
  if (position < 0 || position > size_) return arrow::Status::Invalid("Outside of the file");
  position_ = position;
  return arrow::Status::OK();
}

void OrcInput::ReadAheadUpTo(int64_t end) {
  const std::lock_guard lock(mutex_);
  ahead_end_ = std::min(end, size_);
}

void OrcInput::RethrowReadFailure() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace nstarx::connectors::file_tables
