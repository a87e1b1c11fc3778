#include "store/sqlite/read_pool.h"

#include <chrono>

namespace nstarx::store {
namespace {

constexpr std::chrono::seconds kWaitMax(10);

}  // namespace

Result<std::unique_ptr<Database>> ReadPool::Take() {
  std::unique_lock lock(mutex_);
  if (!free_.wait_for(lock, kWaitMax, [this] { return !idle_.empty() || opened_ < size_; })) {
    return Unavailable("store.busy", "no read connection to the store came free in 10 s");
  }
  if (!idle_.empty()) {
    auto database = std::move(idle_.back());
    idle_.pop_back();
    return database;
  }
  ++opened_;
  lock.unlock();
  auto database = Database::Open(path_, Database::Use::kRead);
  if (!database) {
    lock.lock();
    --opened_;
    lock.unlock();
    free_.notify_one();
  }
  return database;
}

void ReadPool::GiveBack(std::unique_ptr<Database> database) {
  {
    std::lock_guard lock(mutex_);
    idle_.push_back(std::move(database));
  }
  free_.notify_one();
}

}  // namespace nstarx::store
