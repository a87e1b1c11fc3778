#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

namespace nstarx::result {

/// A growing run of characters that is written with raw pointers: ask for room with Need, write,
/// say with Commit how far. Reused from chunk to chunk, so that steady state allocates nothing.
class TextBuffer {
 public:
  /// A place with room for at least `count` more characters.
  char* Need(size_t count) {
    if (capacity_ - size_ < count) Grow(count);
    return data_.get() + size_;
  }
  /// Everything up to `end` (from the last Need) is written.
  void Commit(const char* end) { size_ = static_cast<size_t>(end - data_.get()); }

  void Append(std::string_view text) {
    char* at = Need(text.size());
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    size_ += text.size();
  }
  void Push(char character) {
    *Need(1) = character;
    ++size_;
  }
  void Clear() { size_ = 0; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  std::string_view view() const { return {data_.get(), size_}; }

 private:
  void Grow(size_t count) {
    const size_t capacity = std::max({capacity_ * 2, size_ + count, size_t{4096}});
    auto data = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ > 0) std::memcpy(data.get(), data_.get(), size_);
    data_ = std::move(data);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace nstarx::result
