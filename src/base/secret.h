#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace nstarx {

/// Plaintext that must not leak: move-only, wiped when it dies, without
/// any way to print or compare it by accident. Read it with Reveal() in the one place that hands it
/// to a vendor.
class Secret {
 public:
  Secret() = default;
  /// Copies `plaintext`; wiping the source is the caller's job (see FromString).
  explicit Secret(std::string_view plaintext);
  /// Takes and wipes `plaintext`.
  static Secret FromString(std::string&& plaintext);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  /// An explicit second copy, for a holder with a life of its own.
  Secret Clone() const { return Secret(Reveal()); }
  std::string_view Reveal() const { return {data_, size_}; }
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

 private:
  void Wipe() noexcept;
  char* data_ = nullptr;
  size_t size_ = 0;
};

/// Secret fields of one connection by the name in its spec, e.g. "password".
using SecretMap = std::map<std::string, Secret, std::less<>>;

/// Overwrites the bytes of `text` in a way the compiler keeps.
void WipeString(std::string& text);

}  // namespace nstarx
