#include "access/key_cache.h"

#include <algorithm>
#include <cstring>

namespace nstarx::access {

size_t KeyCache::DigestHash::operator()(const KeyDigest& digest) const {
  size_t out = 0;
  std::memcpy(&out, digest.data(), sizeof(out));
  return out;
}

std::shared_ptr<VerifiedKey> KeyCache::Find(const KeyDigest& digest, TimePoint now) const {
  std::shared_lock lock(mutex_);
  const auto found = entries_.find(digest);
  if (found == entries_.end() || now >= found->second->fresh_until) return nullptr;
  return found->second;
}

void KeyCache::Keep(const KeyDigest& digest, std::shared_ptr<VerifiedKey> key, uint64_t generation,
                    TimePoint now) {
  key->fresh_until = now + kLife;
  std::unique_lock lock(mutex_);
  if (generation != generation_.load()) return;
  if (entries_.size() >= kSizeMax) {
    std::erase_if(entries_, [&](const auto& entry) { return now >= entry.second->fresh_until; });
    if (entries_.size() >= kSizeMax) entries_.clear();
  }
  entries_[digest] = std::move(key);
}

template <class Predicate>
void KeyCache::ForgetIf(Predicate predicate) {
  std::unique_lock lock(mutex_);
  ++generation_;
  std::erase_if(entries_, [&](const auto& entry) { return predicate(entry.second->principal); });
}

void KeyCache::ForgetKey(std::string_view key_id) {
  ForgetIf([&](const Principal& principal) { return principal.key_id == key_id; });
}

void KeyCache::ForgetUser(std::string_view user_id) {
  ForgetIf([&](const Principal& principal) { return principal.id == user_id; });
}

size_t KeyCache::size() const {
  std::shared_lock lock(mutex_);
  return entries_.size();
}

bool WrongKeyLimit::Take(std::string_view address, TimePoint now) {
  std::lock_guard lock(mutex_);
  auto found = buckets_.find(address);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kAddressesMax) {
      // An address that was quiet long enough to be full again needs no bucket.
      std::erase_if(buckets_, [&](const auto& entry) {
        return now - entry.second.at > std::chrono::seconds(static_cast<int>(kBurst));
      });
      if (buckets_.size() >= kAddressesMax) buckets_.clear();
    }
    found = buckets_.emplace(std::string(address), Bucket{.at = now}).first;
  }
  Bucket& bucket = found->second;
  const double seconds = std::chrono::duration<double>(now - bucket.at).count();
  bucket.tokens = std::min(kBurst, bucket.tokens + std::max(0.0, seconds));
  bucket.at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

}  // namespace nstarx::access
