#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace nstarx::connectors::mysql {

/// Reads "-123" into `out`; false on anything else or an overflow of the type.
template <class Integer>
inline bool ParseInteger(const uint8_t* text, size_t size, Integer* out) {
  const uint8_t* end = text + size;
  bool negative = false;
  if constexpr (std::is_signed_v<Integer>) {
    if (size > 0 && *text == '-') {
      negative = true;
      ++text;
    }
  }
  // Leading zeros come from ZEROFILL.
  while (end - text > 1 && *text == '0') ++text;
  if (text == end || end - text > 20) return false;
  unsigned __int128 value = 0;
  if (end - text <= 18) {
    uint64_t small = 0;
    for (; text != end; ++text) {
      const unsigned digit = *text - '0';
      if (digit > 9) return false;
      small = small * 10 + digit;
    }
    value = small;
  } else {
    for (; text != end; ++text) {
      const unsigned digit = *text - '0';
      if (digit > 9) return false;
      value = value * 10 + digit;
    }
  }
  using Limits = std::numeric_limits<Integer>;
  const auto limit = static_cast<unsigned __int128>(Limits::max()) + (negative ? 1 : 0);
  if (value > limit) return false;
  const auto low = static_cast<uint64_t>(value);
  *out = static_cast<Integer>(negative ? 0 - low : low);
  return true;
}

/// Reads "-123.45" as an integer of 10^-scale; false when it does not fit exactly.
inline bool ParseDecimal128(const uint8_t* text, size_t size, int scale, __int128* out) {
  const uint8_t* end = text + size;
  bool negative = false;
  if (text != end && *text == '-') {
    negative = true;
    ++text;
  }
  if (text == end) return false;
  if (end - text > 80) return false;
  unsigned __int128 wide = 0;
  uint64_t small = 0;
  int digits = 0;  // that count, in small and wide together
  int fraction = -1;
  for (; text != end; ++text) {
    const unsigned digit = *text - '0';
    if (digit <= 9) {
      if (digits < 18) {
        small = small * 10 + digit;
        if (small != 0) ++digits;
      } else {
        if (digits == 18) wide = small;
        if (++digits > 38) return false;
        wide = wide * 10 + digit;
      }
      if (fraction >= 0) ++fraction;
    } else if (*text == '.' && fraction < 0) {
      fraction = 0;
    } else {
      return false;
    }
  }
  if (fraction > scale) return false;
  if (digits <= 18) wide = small;
  for (int missing = scale - (fraction < 0 ? 0 : fraction); missing > 0; --missing) {
    if (wide != 0 && ++digits > 38) return false;
    wide *= 10;
  }
  const auto value = static_cast<__int128>(wide);
  *out = negative ? -value : value;
  return true;
}

/// Days since 1970-01-01 of a proleptic Gregorian day.
inline int32_t DaysOf(int year, int month, int day) {
  const int shifted = year - (month <= 2 ? 1 : 0);
  const int era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  const int year_of_era = shifted - era * 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

/// False for the days that only MySQL knows: 0000-00-00, 2024-00-10, 2023-02-31.
inline bool IsRealDay(int year, int month, int day) {
  if (month < 1 || month > 12 || day < 1 || day > 31) return false;
  if (day <= 28) return true;
  if (month == 2) {
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return leap && day == 29;
  }
  return day <= 30 || (month != 4 && month != 6 && month != 9 && month != 11);
}

enum class Moment { kOk, kNoSuchDay, kMalformed };

/// `count` digits as a number, or -1.
inline int Digits(const uint8_t* text, int count) {
  int value = 0;
  for (int i = 0; i < count; ++i) {
    const unsigned digit = text[i] - '0';
    if (digit > 9) return -1;
    value = value * 10 + static_cast<int>(digit);
  }
  return value;
}

/// "2026-02-28"
inline Moment ParseDate(const uint8_t* text, size_t size, int32_t* days) {
  if (size < 10 || text[4] != '-' || text[7] != '-') return Moment::kMalformed;
  const int year = Digits(text, 4);
  const int month = Digits(text + 5, 2);
  const int day = Digits(text + 8, 2);
  if ((year | month | day) < 0) return Moment::kMalformed;
  if (!IsRealDay(year, month, day)) return Moment::kNoSuchDay;
  *days = DaysOf(year, month, day);
  return Moment::kOk;
}

/// ".123" (or nothing) as microseconds, or -1.
inline int64_t ParseFraction(const uint8_t* text, size_t size) {
  if (size == 0) return 0;
  if (size < 2 || size > 7 || text[0] != '.') return -1;
  int64_t micros = Digits(text + 1, static_cast<int>(size - 1));
  for (size_t i = size - 1; i < 6 && micros > 0; ++i) micros *= 10;
  return micros;
}

/// "2026-02-28 12:34:56.123456" as microseconds since 1970.
inline Moment ParseDatetime(const uint8_t* text, size_t size, int64_t* micros) {
  int32_t days = 0;
  const Moment date = ParseDate(text, size, &days);
  if (date == Moment::kMalformed) return date;
  int64_t time = 0;
  if (size > 10) {
    if (size < 19 || text[10] != ' ' || text[13] != ':' || text[16] != ':') {
      return Moment::kMalformed;
    }
    const int hour = Digits(text + 11, 2);
    const int minute = Digits(text + 14, 2);
    const int second = Digits(text + 17, 2);
    const int64_t fraction = ParseFraction(text + 19, size - 19);
    if ((hour | minute | second) < 0 || fraction < 0) return Moment::kMalformed;
    time = (hour * 3600 + minute * 60 + second) * int64_t{1'000'000} + fraction;
  }
  *micros = days * int64_t{86'400'000'000} + time;
  return date;
}

/// "-838:59:59.000000" as microseconds.
inline bool ParseTime(const uint8_t* text, size_t size, int64_t* micros) {
  bool negative = false;
  if (size > 0 && *text == '-') {
    negative = true;
    ++text;
    --size;
  }
  size_t colon = 0;
  while (colon < size && text[colon] != ':') ++colon;
  if (colon < 1 || colon > 3 || size < colon + 6 || text[colon + 3] != ':') return false;
  const int hour = Digits(text, static_cast<int>(colon));
  const int minute = Digits(text + colon + 1, 2);
  const int second = Digits(text + colon + 4, 2);
  const int64_t fraction = ParseFraction(text + colon + 6, size - colon - 6);
  if ((hour | minute | second) < 0 || fraction < 0) return false;
  const int64_t value = (int64_t{hour} * 3600 + minute * 60 + second) * 1'000'000 + fraction;
  *micros = negative ? -value : value;
  return true;
}

/// True when no byte has its high bit set.
inline bool IsAscii(const uint8_t* text, size_t size) {
  uint64_t seen = 0;
  for (; size >= 8; text += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, text, 8);
    seen |= word;
  }
  uint8_t last = 0;
  for (; size > 0; ++text, --size) last |= *text;
  return ((seen & 0x8080808080808080u) | (last & 0x80u)) == 0;
}

}  // namespace nstarx::connectors::mysql
