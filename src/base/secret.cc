#include "base/secret.h"

#include <sodium.h>

#include <cstdlib>
#include <cstring>
#include <utility>

namespace nstarx {

Secret::Secret(std::string_view plaintext) {
  if (plaintext.empty()) return;
  data_ = static_cast<char*>(std::malloc(plaintext.size()));
  if (data_ == nullptr) std::abort();
  size_ = plaintext.size();
  std::memcpy(data_, plaintext.data(), size_);
}

Secret Secret::FromString(std::string&& plaintext) {
  Secret out{std::string_view(plaintext)};
  WipeString(plaintext);
  return out;
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() { Wipe(); }

void Secret::Wipe() noexcept {
  if (data_ == nullptr) return;
  sodium_memzero(data_, size_);
  std::free(data_);
  data_ = nullptr;
  size_ = 0;
}

void WipeString(std::string& text) {
  sodium_memzero(text.data(), text.size());
  text.clear();
}

}  // namespace nstarx
