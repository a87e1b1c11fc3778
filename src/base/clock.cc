#include "base/clock.h"

#include <fmt/format.h>

#include <charconv>

namespace nstarx {

TimePoint SystemClock::Now() const {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string FormatTime(TimePoint time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

namespace {

/// Reads exactly `width` digits at `*at`, or returns -1.
int Digits(std::string_view text, size_t* at, size_t width) {
  if (*at + width > text.size()) return -1;
  int value = 0;
  auto [end, error] = std::from_chars(text.data() + *at, text.data() + *at + width, value);
  if (error != std::errc() || end != text.data() + *at + width || value < 0) return -1;
  *at += width;
  return value;
}

bool Literal(std::string_view text, size_t* at, std::string_view any_of) {
  if (*at >= text.size() || any_of.find(text[*at]) == std::string_view::npos) return false;
  ++*at;
  return true;
}

}  // namespace

Result<TimePoint> ParseTime(std::string_view text) {
  const auto malformed = [&] {
    return InvalidArgument("config.wrong_type",
                           "a time must look like 2026-11-23T06:23:00Z (RFC 3339)");
  };
  size_t at = 0;
  const int year = Digits(text, &at, 4);
  if (year < 0 || !Literal(text, &at, "-")) return malformed();
  const int month = Digits(text, &at, 2);
  if (month < 1 || !Literal(text, &at, "-")) return malformed();
  const int day = Digits(text, &at, 2);
  if (day < 1 || !Literal(text, &at, "Tt ")) return malformed();
  const int hour = Digits(text, &at, 2);
  if (hour < 0 || hour > 23 || !Literal(text, &at, ":")) return malformed();
  const int minute = Digits(text, &at, 2);
  if (minute < 0 || minute > 59 || !Literal(text, &at, ":")) return malformed();
  const int second = Digits(text, &at, 2);
  if (second < 0 || second > 60) return malformed();
  int64_t millis = 0;
  if (Literal(text, &at, ".")) {
    int scale = 100;
    const size_t first = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      millis += static_cast<int64_t>(text[at] - '0') * scale;
      scale /= 10;
      ++at;
    }
    if (at == first) return malformed();
  }
  int offset_minutes = 0;
  if (!Literal(text, &at, "Zz")) {
    const bool negative = at < text.size() && text[at] == '-';
    if (!Literal(text, &at, "+-")) return malformed();
    const int offset_hour = Digits(text, &at, 2);
    if (offset_hour < 0 || !Literal(text, &at, ":")) return malformed();
    const int offset_minute = Digits(text, &at, 2);
    if (offset_minute < 0) return malformed();
    offset_minutes = (offset_hour * 60 + offset_minute) * (negative ? -1 : 1);
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (at != text.size() || !date.ok()) return malformed();
  return TimePoint(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) +
         std::chrono::milliseconds(millis) - std::chrono::minutes(offset_minutes);
}

}  // namespace nstarx
