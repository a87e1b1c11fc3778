#include "http/worker_pool.h"

#include <pthread.h>
#include <semaphore.h>

#include <cerrno>

namespace nstarx::http {

/// Where an idle thread waits for the job that it is handed. A condition variable would have every
/// woken thread fight for the pool's lock, at two more system calls a request.
struct WorkerPool::Seat {
  Seat() { sem_init(&wake, 0, 0); }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  ~Seat() { sem_destroy(&wake); }
  void Await() {
    while (sem_wait(&wake) != 0 && errno == EINTR) {
    }
  }

  sem_t wake;
  Job job;  // none: the pool stops
};

WorkerPool::~WorkerPool() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
    threads.swap(threads_);
    for (Seat* seat : idle_) sem_post(&seat->wake);
    idle_.clear();
  }
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
  if (!idle_.empty()) {
    Seat* seat = idle_.back();
    idle_.pop_back();
    lock.unlock();
    seat->job = std::move(job);
    sem_post(&seat->wake);
    return;
  }
  queue_.push_back(std::move(job));
  if (threads_.size() < threads_max_ && !stopping_) {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), "http-worker");
  }
}

void WorkerPool::Run() {
  Seat seat;
  Job job;
  std::unique_lock lock(lock_);
  while (true) {
    if (!queue_.empty()) {  // Then nobody is idle.
      job = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
    } else {
      if (stopping_) return;
      idle_.push_back(&seat);
      lock.unlock();
      seat.Await();
      if (!seat.job) return;
      job = std::exchange(seat.job, nullptr);
    }
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace nstarx::http
