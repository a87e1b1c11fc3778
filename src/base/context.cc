#include "base/context.h"

#include <fmt/format.h>

#include <algorithm>

namespace nstarx {

std::string_view ToString(Role role) {
  switch (role) {
    case Role::kViewer:
      return "viewer";
    case Role::kUser:
      return "user";
    case Role::kEditor:
      return "editor";
    case Role::kAdmin:
      return "admin";
  }
  return "viewer";
}

Result<Role> ParseRole(std::string_view text) {
  for (Role role : {Role::kViewer, Role::kUser, Role::kEditor, Role::kAdmin}) {
    if (text == ToString(role)) return role;
  }
  return InvalidArgument("config.wrong_type",
                         fmt::format("'{}' is no role; use viewer, user, editor or admin", text));
}

Context Context::WithTimeout(std::chrono::milliseconds limit) const {
  Context copy = *this;
  copy.deadline_ = std::min(deadline_, SteadyClock::now() + limit);
  return copy;
}

Context Context::WithStop(std::stop_token token) const {
  Context copy = *this;
  copy.stop_ = std::move(token);
  return copy;
}

std::chrono::milliseconds Context::remaining() const {
  constexpr std::chrono::milliseconds kCap = std::chrono::hours(24);
  if (deadline_ == SteadyClock::time_point::max()) return kCap;
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - SteadyClock::now());
  return std::clamp(left, std::chrono::milliseconds(0), kCap);
}

Status Context::Check() const {
  if (stop_.stop_requested()) return Cancelled("the caller went away or cancelled the call");
  if (expired()) {
    return DeadlineExceeded("query.timeout", "the call's deadline passed before it was done")
        .WithHint("Raise timeout_ms, or make the statement touch less data.");
  }
  return {};
}

}  // namespace nstarx
