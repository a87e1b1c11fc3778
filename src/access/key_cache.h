#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/context.h"
#include "base/status.h"

namespace nstarx::access {

/// SHA-256 of a whole API key.
using KeyDigest = std::array<unsigned char, 32>;

/// A key that was found valid a moment ago.
struct VerifiedKey {
  Principal principal;
  std::optional<TimePoint> expires;
  TimePoint fresh_until{};
  std::atomic<int64_t> touched_ms{0};  ///< last_used as the store has it, or is about to
};

/// Verified keys by digest, for kLife each and at most kSizeMax of them. Forgetting a key or a user
/// also keeps out what is being looked up at that moment. Thread-safe.
class KeyCache {
 public:
  static constexpr std::chrono::seconds kLife{10};
  static constexpr size_t kSizeMax = 10'000;

  std::shared_ptr<VerifiedKey> Find(const KeyDigest& digest, TimePoint now) const;
  /// To be read before the store is asked, and handed to Keep.
  uint64_t generation() const { return generation_.load(); }
  void Keep(const KeyDigest& digest, std::shared_ptr<VerifiedKey> key, uint64_t generation,
            TimePoint now);
  void ForgetKey(std::string_view key_id);
  void ForgetUser(std::string_view user_id);
  size_t size() const;

 private:
  struct DigestHash {
    size_t operator()(const KeyDigest& digest) const;
  };
  template <class Predicate>
  void ForgetIf(Predicate predicate);

  mutable std::shared_mutex mutex_;
  std::atomic<uint64_t> generation_ = 0;
  // Shared by the map and by calls that are using the entry.
  std::unordered_map<KeyDigest, std::shared_ptr<VerifiedKey>, DigestHash> entries_
      NSTARX_GUARDED_BY(mutex_);
};

/// Wrong keys per address: kBurst at once, then one a second. At most kAddressesMax addresses.
class WrongKeyLimit {
 public:
  static constexpr double kBurst = 30;
  static constexpr size_t kAddressesMax = 10'000;

  /// Takes a token; false when there is none.
  bool Take(std::string_view address, TimePoint now);

 private:
  struct Bucket {
    double tokens = kBurst;
    TimePoint at{};
  };
  std::mutex mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_ NSTARX_GUARDED_BY(mutex_);
};

}  // namespace nstarx::access
