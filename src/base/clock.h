#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx {

/// Wall-clock time as the program sees it; injected so that expiry and schedules can be tested.
using TimePoint = std::chrono::sys_time<std::chrono::milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint Now() const override;
};

/// A clock that stands still until told otherwise.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(TimePoint start) : now_(start) {}
  TimePoint Now() const override { return now_; }
  void Advance(std::chrono::milliseconds step) { now_ += step; }

 private:
  TimePoint now_;
};

/// RFC 3339 in UTC with milliseconds: "2026-11-23T06:23:00.000Z".
std::string FormatTime(TimePoint time);
/// Reads RFC 3339 with any offset, with or without a fraction.
Result<TimePoint> ParseTime(std::string_view text);

}  // namespace nstarx
