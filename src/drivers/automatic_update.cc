#include "drivers/automatic_update.h"

#include "base/id.h"

namespace nstarx::drivers {
namespace {

constexpr auto kRoundMax = std::chrono::hours(2);

}  // namespace

AutomaticUpdate::AutomaticUpdate(Drivers& drivers, std::chrono::seconds interval)
    : drivers_(drivers),
      interval_(interval),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void AutomaticUpdate::Run(const std::stop_token& stop) {
  const Principal system{.id = "system",
                         .name = "system",
                         .role = Role::kAdmin,
                         .scopes = {"*"},
                         .remote_address = "local"};
  while (true) {
    {
      std::unique_lock turn(lock_);
      wake_.wait_for(turn, stop, interval_, [] { return false; });
    }
    if (stop.stop_requested()) return;
    const Context context = Context(system, NewId("req")).WithStop(stop).WithTimeout(kRoundMax);
    drivers_.UpdateByPolicy(context);
  }
}

}  // namespace nstarx::drivers
