#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "store/sqlite/sqlite_database.h"

namespace nstarx::store {

/// Read connections, opened on first need, at most `size` of them; a reader waits for its turn.
class ReadPool {
 public:
  ReadPool(std::string path, size_t size) : path_(std::move(path)), size_(size) {}

  /// Runs `read(Database&)` on a connection of the pool.
  template <class Read>
  auto Run(Read read) -> decltype(read(std::declval<Database&>())) {
    Result<std::unique_ptr<Database>> taken = Take();
    if (!taken) return std::move(taken).error();
    auto result = read(**taken);
    GiveBack(std::move(*taken));
    return result;
  }

 private:
  Result<std::unique_ptr<Database>> Take();
  void GiveBack(std::unique_ptr<Database> database);

  const std::string path_;
  const size_t size_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<Database>> idle_ NSTARX_GUARDED_BY(mutex_);
  size_t opened_ NSTARX_GUARDED_BY(mutex_) = 0;
};

}  // namespace nstarx::store
