#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "drivers/drivers.h"

namespace nstarx::drivers {

/// Looks after the drivers that have an update policy, every `interval`; ends with the object, in
/// the middle of a download if need be.
class AutomaticUpdate {
 public:
  AutomaticUpdate(Drivers& drivers, std::chrono::seconds interval);

 private:
  void Run(const std::stop_token& stop);
  Drivers& drivers_;
  const std::chrono::seconds interval_;
  std::mutex lock_;
  std::condition_variable_any wake_;
  std::jthread thread_;  ///< last: it ends before the rest goes
};

}  // namespace nstarx::drivers
