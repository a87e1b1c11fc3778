#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/context.h"

namespace nstarx::engine {

/// Calls `interrupt` when the deadline of the call that is being watched passes; one thread for all
/// calls of its owner, started by the first one.
class Watchdog {
 public:
  explicit Watchdog(std::function<void()> interrupt) : interrupt_(std::move(interrupt)) {}

  /// Watches one blocking call while it lives: its deadline and its stop token.
  class Watch {
   public:
    Watch(Watchdog& dog, const Context& context)
        : dog_(dog), stop_(context.stop_token(), [&dog] { dog.interrupt_(); }) {
      dog_.Set(context.deadline());
    }
    ~Watch() { dog_.Set(std::nullopt); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Watchdog& dog_;
    std::stop_callback<std::function<void()>> stop_;
  };

 private:
  using Time = Context::SteadyClock::time_point;

  void Set(std::optional<Time> deadline) {
    const std::lock_guard lock(mutex_);
    deadline_ = deadline == Time::max() ? std::nullopt : deadline;
    if (!deadline_) return;
    if (!thread_.joinable()) {
      thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
    }
    changed_.notify_one();
  }

  void Run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      if (!deadline_) {
        changed_.wait(lock, stop, [this] { return deadline_.has_value(); });
        continue;
      }
      // A wake-up too early or for a newer deadline goes round once more.
      changed_.wait_until(lock, stop, *deadline_, [] { return false; });
      if (deadline_ && Context::SteadyClock::now() >= *deadline_) {
        interrupt_();
        deadline_.reset();
      }
    }
  }

  const std::function<void()> interrupt_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Time> deadline_ NSTARX_GUARDED_BY(mutex_);
  std::jthread thread_;  // last: joined before the rest goes
};

}  // namespace nstarx::engine
