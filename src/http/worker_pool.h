#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/status.h"

namespace nstarx::http {

/// A bounded set of threads for blocking work. Threads start when they are needed, up to the limit,
/// and live until the pool does. Thread-safe.
class WorkerPool {
 public:
  using Job = std::move_only_function<void()>;

  WorkerPool(size_t threads_max, size_t queue_max)
      : threads_max_(threads_max), queue_max_(queue_max) {}
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// False when the queue is full; the job did not run and never will.
  bool TrySubmit(Job job);
  /// For the further steps of work that was admitted (the next chunk of a stream): goes past the
  /// limit, which the number of connections bounds.
  void Submit(Job job);

 private:
  struct Seat;
  void Enqueue(std::unique_lock<std::mutex>& lock, Job job);
  void Run();

  const size_t threads_max_;
  const size_t queue_max_;
  std::mutex lock_;
  std::deque<Job> queue_ NSTARX_GUARDED_BY(lock_);
  std::vector<Seat*> idle_ NSTARX_GUARDED_BY(lock_);  // the last one to sit down goes first
  std::vector<std::thread> threads_ NSTARX_GUARDED_BY(lock_);
  bool stopping_ NSTARX_GUARDED_BY(lock_) = false;
};

}  // namespace nstarx::http
