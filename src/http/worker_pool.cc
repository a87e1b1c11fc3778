#include "http/worker_pool.h"

#include <pthread.h>

namespace nstarx::http {

WorkerPool::~WorkerPool() {
  std::vector<std::thread> threads;
  {
    std::lock_guard guard(lock_);
    stopping_ = true;
    threads.swap(threads_);
  }
  ready_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

bool WorkerPool::TrySubmit(Job job) {
  std::unique_lock lock(lock_);
  if (stopping_ || queue_.size() >= queue_max_) return false;
  Enqueue(lock, std::move(job));
  return true;
}

void WorkerPool::Submit(Job job) {
  std::unique_lock lock(lock_);
  Enqueue(lock, std::move(job));
}

void WorkerPool::Enqueue(std::unique_lock<std::mutex>& lock, Job job) {
  queue_.push_back(std::move(job));
  if (idle_ < queue_.size() && threads_.size() < threads_max_ && !stopping_) {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), "http-worker");
    return;
  }
  lock.unlock();
  ready_.notify_one();
}

void WorkerPool::Run() {
  std::unique_lock lock(lock_);
  while (true) {
    while (queue_.empty()) {
      if (stopping_) return;
      ++idle_;
      ready_.wait(lock);
      --idle_;
    }
    Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace nstarx::http
