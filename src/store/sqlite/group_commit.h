#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <semaphore>
#include <thread>

#include "base/status.h"
#include "store/sqlite/sqlite_database.h"

namespace nstarx::store {

/// The one thread that writes. It takes what is queued, runs it in one transaction (each piece of
/// work in its own savepoint), commits with one fsync and then acknowledges all of it. The queue
/// never holds more than the number of threads that wait in Run().
class GroupCommit {
 public:
  using Work = std::function<Status(Database&)>;

  explicit GroupCommit(std::unique_ptr<Database> database);
  /// Finishes what is queued.
  ~GroupCommit();

  /// Returns when `work` is committed, or why it was not; work that fails leaves no trace.
  Status Run(Work work);

 private:
  struct Ticket {
    Work work;
    Status status;
    std::binary_semaphore done{0};
  };

  void Loop();
  Status Commit(std::deque<Ticket*>& batch);
  Status RunOne(Ticket& ticket);

  std::unique_ptr<Database> database_;  // touched by the thread alone
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Ticket*> queue_ NSTARX_GUARDED_BY(mutex_);
  bool closing_ NSTARX_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace nstarx::store
