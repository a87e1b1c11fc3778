#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/connection.h"

namespace nstarx::registry {

/// Rows by name and by id, for the hot path: a hit takes a shared lock on one of 16 shards and
/// copies a pointer. Bounded: a full shard is emptied. Whoever writes a row calls Forget *after*
/// the write; a reader that loaded the old row meanwhile can't put it back, because Keep takes the
/// generation that was current before it read. Names are the same in upper and lower case, as they
/// are to the store. Thread-safe.
class AdmissionCache {
 public:
  using Row = std::shared_ptr<const model::Connection>;

  Row Find(std::string_view ref) const {
    const Shard& shard = ShardOf(ref);
    const std::shared_lock lock(shard.mutex);
    const auto found = shard.rows.find(ref);
    return found == shard.rows.end() ? nullptr : found->second;
  }

  uint64_t Generation(std::string_view ref) const {
    const Shard& shard = ShardOf(ref);
    const std::shared_lock lock(shard.mutex);
    return shard.generation;
  }

  void Keep(std::string_view ref, Row row, uint64_t generation) {
    Shard& shard = ShardOf(ref);
    const std::unique_lock lock(shard.mutex);
    if (shard.generation != generation) return;
    if (shard.rows.size() >= kRowsPerShard) shard.rows.clear();
    shard.rows[std::string(ref)] = std::move(row);
  }

  void Forget(std::string_view ref) {
    Shard& shard = ShardOf(ref);
    const std::unique_lock lock(shard.mutex);
    ++shard.generation;
    if (const auto found = shard.rows.find(ref); found != shard.rows.end()) shard.rows.erase(found);
  }

 private:
  static constexpr size_t kShards = 16;
  static constexpr size_t kRowsPerShard = 512;
  static unsigned char Lower(char c) {
    return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const {
      uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
      for (const char c : text) hash = (hash ^ Lower(c)) * 0x100000001b3;
      return hash ^ (hash >> 32);
    }
  };
  struct Same {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const {
      if (a.size() != b.size()) return false;
      for (size_t i = 0; i < a.size(); ++i) {
        if (Lower(a[i]) != Lower(b[i])) return false;
      }
      return true;
    }
  };
  struct Shard {
    mutable std::shared_mutex mutex;
    std::unordered_map<std::string, Row, Hash, Same> rows;  ///< guarded by mutex
    uint64_t generation = 0;                                ///< guarded by mutex
  };
  Shard& ShardOf(std::string_view ref) { return shards_[Hash{}(ref) % kShards]; }
  const Shard& ShardOf(std::string_view ref) const { return shards_[Hash{}(ref) % kShards]; }

  std::array<Shard, kShards> shards_;
};

}  // namespace nstarx::registry
