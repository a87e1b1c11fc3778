#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "http/message.h"

namespace nstarx::store {
class Store;
}

namespace nstarx::http {

/// Answers a repeated write with the first answer. The store sees neither the client's key nor a
/// plain hash of the body, which may hold a password: both are hashed, the body under the key.
/// Thread-safe.
class Idempotency {
 public:
  Idempotency(store::Store& store, const Clock& clock) : store_(store), clock_(clock) {}

  /// One request with a key, from Begin to its destruction.
  class Claim {
   public:
    Claim(Idempotency& owner, std::string caller, std::string key, std::string fingerprint)
        : owner_(owner),
          caller_(std::move(caller)),
          key_(std::move(key)),
          fingerprint_(std::move(fingerprint)) {}
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    /// The kept answer when this is a repeat. idempotency.key_reused when it is another request
    /// under an old key.
    Result<std::optional<Response>> Replay();
    /// Keeps the answer unless a later try may end otherwise (5xx, 401, 403, 408, 429).
    /// `shows_secret`: only that it was given is kept.
    Status Keep(const Response& response, bool shows_secret, std::string_view request_id);

   private:
    Idempotency& owner_;
    std::string caller_;
    std::string key_;
    std::string fingerprint_;
  };

  /// request.invalid_idempotency_key, or idempotency.in_progress while the same key runs.
  Result<std::unique_ptr<Claim>> Begin(std::string_view caller, std::string_view key,
                                       const Request& request);

 private:
  store::Store& store_;
  const Clock& clock_;
  std::mutex lock_;
  std::set<std::string> running_ NSTARX_GUARDED_BY(lock_);
};

}  // namespace nstarx::http
