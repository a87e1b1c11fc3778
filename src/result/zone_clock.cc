#include "result/zone_clock.h"

#include <arrow/vendored/datetime/tz.h>

#include <limits>
#include <optional>
#include <stdexcept>

namespace nstarx::result {
namespace {

namespace date = arrow_vendored::date;

/// The years 0001 to 9999; outside, UTC is used.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kLastSecond = 253'402'300'799;

class FixedZone : public ZoneClock {
 public:
  explicit FixedZone(int64_t offset) : fixed_(offset) { Find(0); }

 private:
  void Find(int64_t seconds) override {
    const bool inside = seconds >= kFirstSecond && seconds <= kLastSecond;
    begin_ = inside ? kFirstSecond : seconds;
    end_ = inside ? kLastSecond + 1 : seconds + (seconds < std::numeric_limits<int64_t>::max());
    offset_ = inside ? fixed_ : 0;
  }
  const int64_t fixed_;
};

class NamedZone : public ZoneClock {
 public:
  explicit NamedZone(const date::time_zone& zone) : zone_(zone) {}

 private:
  void Find(int64_t seconds) override {
    begin_ = seconds;
    end_ = seconds + (seconds < std::numeric_limits<int64_t>::max());
    offset_ = 0;
    if (seconds < kFirstSecond || seconds > kLastSecond) return;
    const auto info = zone_.get_info(date::sys_seconds(std::chrono::seconds(seconds)));
    begin_ = std::max(kFirstSecond, int64_t{info.begin.time_since_epoch().count()});
    end_ = std::min(kLastSecond + 1, int64_t{info.end.time_since_epoch().count()});
    offset_ = info.offset.count() % 60 == 0 ? info.offset.count() : 0;
  }
  const date::time_zone& zone_;
};

// "+02:00", "-0530" or "+02".
std::optional<int64_t> ParseOffset(std::string_view text) {
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  int64_t digits = 0;
  int count = 0;
  for (const char c : text.substr(1)) {
    if (c == ':' && count == 2) continue;
    if (c < '0' || c > '9' || count == 4) return std::nullopt;
    digits = digits * 10 + (c - '0');
    ++count;
  }
  if (count != 2 && count != 4) return std::nullopt;
  if (count == 2) digits *= 100;
  const int64_t seconds = (digits / 100 * 60 + digits % 100) * 60;
  return text[0] == '-' ? -seconds : seconds;
}

}  // namespace

std::unique_ptr<ZoneClock> ZoneClock::Make(std::string_view zone) {
  if (zone == "UTC" || zone == "Etc/UTC" || zone == "Z") return std::make_unique<FixedZone>(0);
  if (const auto offset = ParseOffset(zone)) return std::make_unique<FixedZone>(*offset);
  try {
    return std::make_unique<NamedZone>(*date::locate_zone(zone));
  } catch (const std::exception&) {
    return std::make_unique<FixedZone>(0);  // no such zone, or no zone database on this machine
  }
}

}  // namespace nstarx::result
