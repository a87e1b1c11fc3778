#include "connectors/bigquery/bigquery_moment.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>

namespace nstarx::connectors::bigquery {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kDay = 86'400 * kSecond;

/// Digits only, of exactly that many.
std::optional<int> Digits(std::string_view text, size_t size) {
  if (text.size() != size || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  int out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

}  // namespace

std::optional<int32_t> ReadDate(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = Digits(text.substr(0, 4), 4);
  const auto month = Digits(text.substr(5, 2), 2);
  const auto day = Digits(text.substr(8, 2), 2);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned int>(*month)),
                                         std::chrono::day(static_cast<unsigned int>(*day))};
  if (!date.ok()) return std::nullopt;
  return static_cast<int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
}

std::optional<int64_t> ReadTime(std::string_view text) {
  const size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  if (whole.size() != 8 || whole[2] != ':' || whole[5] != ':') return std::nullopt;
  const auto hour = Digits(whole.substr(0, 2), 2);
  const auto minute = Digits(whole.substr(3, 2), 2);
  const auto second = Digits(whole.substr(6, 2), 2);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 59) {
    return std::nullopt;
  }
  int64_t micros = 0;
  if (point < text.size()) {
    std::string fraction(text.substr(point + 1));
    if (fraction.empty() || fraction.size() > 6) return std::nullopt;
    fraction.resize(6, '0');
    const auto read = Digits(fraction, 6);
    if (!read) return std::nullopt;
    micros = *read;
  }
  return ((*hour * 60 + *minute) * 60 + *second) * kSecond + micros;
}

std::optional<int64_t> ReadDatetime(std::string_view text) {
  if (text.size() < 19 || (text[10] != 'T' && text[10] != ' ')) return std::nullopt;
  const auto days = ReadDate(text.substr(0, 10));
  const auto time = ReadTime(text.substr(11));
  if (!days || !time) return std::nullopt;
  return *days * kDay + *time;
}

}  // namespace nstarx::connectors::bigquery
