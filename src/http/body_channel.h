#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "connector/facets.h"

namespace nstarx::http {

/// A request's body on its way from the I/O thread to a blocking handler: at most `kRoom` bytes
/// wait in it. The handler reads on its worker; everything else is called on the I/O thread.
class BodyChannel final : public connector::ByteStream {
 public:
  static constexpr size_t kRoom = 256 * 1024;

  /// `wake` is called on the reader's thread when bytes are wanted for the first time and whenever
  /// room has come; it must only post to the I/O thread.
  explicit BodyChannel(std::function<void()> wake) : wake_(std::move(wake)) {}

  Result<size_t> Read(const Context& context, std::span<std::byte> into) override;

  /// True once the handler has asked for bytes.
  bool wanted() const;
  /// Bytes that fit now.
  size_t room() const;
  void Push(std::string_view bytes);
  void Finish();
  /// The body has arrived whole.
  bool finished() const;
  void Fail(Error error);

 private:
  std::function<void()> wake_;
  mutable std::mutex lock_;
  std::condition_variable_any changed_;
  std::string data_ NSTARX_GUARDED_BY(lock_);
  size_t position_ NSTARX_GUARDED_BY(lock_) = 0;
  bool wanted_ NSTARX_GUARDED_BY(lock_) = false;
  bool finished_ NSTARX_GUARDED_BY(lock_) = false;
  std::optional<Error> error_ NSTARX_GUARDED_BY(lock_);
};

}  // namespace nstarx::http
