#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace nstarx::result {

/// Offsets of one time zone from UTC, looked up once per period between clock changes. Not
/// thread-safe.
class ZoneClock {
 public:
  /// "UTC", "+02:00" or an IANA name; an unknown name counts as UTC, which keeps the instant right.
  static std::unique_ptr<ZoneClock> Make(std::string_view zone);
  virtual ~ZoneClock() = default;

  /// Seconds to add to UTC at `seconds` since the epoch. Whole minutes only, as RFC 3339 has it:
  /// instants before a zone had such an offset stay in UTC.
  int64_t OffsetAt(int64_t seconds) {
    if (seconds < begin_ || seconds >= end_) Find(seconds);
    return offset_;
  }

 protected:
  /// Sets the period around `seconds` and its offset.
  virtual void Find(int64_t seconds) = 0;
  int64_t begin_ = 0;
  int64_t end_ = 0;
  int64_t offset_ = 0;
};

}  // namespace nstarx::result
