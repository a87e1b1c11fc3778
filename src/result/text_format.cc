#include "result/text_format.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/json.h"
#include "result/text_buffer.h"

namespace nstarx::result {
namespace {

constexpr auto kPairs = [] {
  std::array<char, 200> pairs{};
  for (int i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

char* PutPair(char* at, int64_t value) {
  std::memcpy(at, &kPairs[2 * value], 2);
  return at + 2;
}

char* PutText(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

template <class Number>
char* PutFloating(char* at, Number value) {
  if (std::isnan(value)) return PutText(at, "NaN");
  if (std::isinf(value)) return PutText(at, value > 0 ? "Infinity" : "-Infinity");
  return std::to_chars(at, at + kValueRoom, value).ptr;
}

// Length of the well-formed UTF-8 sequence at the front of `text`, 0 when there is none.
size_t SequenceLength(std::string_view text) {
  for (size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    if (IsUtf8(text.substr(0, length))) return length;
  }
  return 0;
}

std::string ReplaceMalformed(std::string_view text) {
  std::string clean;
  clean.reserve(text.size() + 16);
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    clean.append(length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length));
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return clean;
}

// 0: as it is; 'u': \u00XX; else the letter after the backslash.
constexpr auto kEscapes = [] {
  std::array<char, 256> escapes{};
  for (int i = 0; i < 0x20; ++i) escapes[i] = 'u';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  return escapes;
}();

// Eight bytes at once: true when none of them is a control character, a quote, a backslash or
// outside ASCII.
bool AllPlain(const char* text) {
  uint64_t word;
  std::memcpy(&word, text, 8);
  constexpr uint64_t kOnes = 0x0101010101010101ULL;
  constexpr uint64_t kHigh = 0x8080808080808080ULL;
  const uint64_t quote = word ^ (kOnes * '"');
  const uint64_t slash = word ^ (kOnes * '\\');
  const uint64_t found =
      (word - kOnes * 0x20) | ((quote - kOnes) & ~quote) | ((slash - kOnes) & ~slash) | word;
  return (found & kHigh) == 0;
}

}  // namespace

char* PutInteger(char* at, int64_t value) { return std::to_chars(at, at + 24, value).ptr; }
char* PutUnsigned(char* at, uint64_t value) { return std::to_chars(at, at + 24, value).ptr; }
char* PutDouble(char* at, double value) { return PutFloating(at, value); }
char* PutFloat(char* at, float value) { return PutFloating(at, value); }

char* PutDecimal(char* at, bool negative, std::string_view digits, int32_t scale) {
  if (negative) *at++ = '-';
  if (scale <= 0) {
    at = PutText(at, digits);
    if (digits == "0") return at;
    std::memset(at, '0', static_cast<size_t>(-static_cast<int64_t>(scale)));
    return at - scale;
  }
  const auto places = static_cast<size_t>(scale);
  if (digits.size() > places) {
    at = PutText(at, digits.substr(0, digits.size() - places));
    *at++ = '.';
    return PutText(at, digits.substr(digits.size() - places));
  }
  at = PutText(at, "0.");
  std::memset(at, '0', places - digits.size());
  return PutText(at + (places - digits.size()), digits);
}

// Days to a civil date in the proleptic Gregorian calendar, by eras of 400 years.
char* PutDate(char* at, int64_t days_since_epoch) {
  const int64_t days = days_since_epoch + 719468;  // since 0000-03-01
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  if (year >= 0 && year <= 9999) {
    at = PutPair(at, year / 100);
    at = PutPair(at, year % 100);
  } else {
    *at++ = year < 0 ? '-' : '+';
    const int64_t size = year < 0 ? -year : year;
    for (int64_t bound = 1000; bound > size && bound > 1; bound /= 10) *at++ = '0';
    at = PutInteger(at, size);
  }
  *at++ = '-';
  at = PutPair(at, month);
  *at++ = '-';
  return PutPair(at, day);
}

char* PutClock(char* at, int64_t second_of_day) {
  const int64_t hour = second_of_day / 3600;
  at = hour < 100 ? PutPair(at, hour) : PutInteger(at, hour);
  *at++ = ':';
  at = PutPair(at, second_of_day / 60 % 60);
  *at++ = ':';
  return PutPair(at, second_of_day % 60);
}

char* PutFraction(char* at, int64_t fraction, int digits) {
  if (fraction == 0) return at;
  *at++ = '.';
  for (int i = digits - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + fraction % 10);
    fraction /= 10;
  }
  return at + digits;
}

char* PutZone(char* at, int64_t offset_seconds) {
  if (offset_seconds == 0) {
    *at++ = 'Z';
    return at;
  }
  *at++ = offset_seconds < 0 ? '-' : '+';
  const int64_t minutes = (offset_seconds < 0 ? -offset_seconds : offset_seconds) / 60;
  at = PutPair(at, minutes / 60 % 100);
  *at++ = ':';
  return PutPair(at, minutes % 60);
}

char* PutUuid(char* at, const uint8_t* bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    *at++ = kHex[bytes[i] >> 4];
    *at++ = kHex[bytes[i] & 15];
  }
  return at;
}

void WriteBase64(std::string_view bytes, TextBuffer& out) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char* at = out.Need((bytes.size() + 2) / 3 * 4);
  const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  for (; left >= 3; left -= 3, in += 3) {
    const uint32_t word = in[0] << 16 | in[1] << 8 | in[2];
    *at++ = kAlphabet[word >> 18];
    *at++ = kAlphabet[word >> 12 & 63];
    *at++ = kAlphabet[word >> 6 & 63];
    *at++ = kAlphabet[word & 63];
  }
  if (left > 0) {
    const uint32_t word = in[0] << 16 | (left == 2 ? in[1] << 8 : 0);
    *at++ = kAlphabet[word >> 18];
    *at++ = kAlphabet[word >> 12 & 63];
    *at++ = left == 2 ? kAlphabet[word >> 6 & 63] : '=';
    *at++ = '=';
  }
  out.Commit(at);
}

void WriteJsonString(std::string_view text, TextBuffer& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr size_t kBlock = 4096;
  out.Push('"');
  bool checked = false;
  std::string clean;
  while (!text.empty()) {
    const size_t block = std::min(text.size(), kBlock);
    char* at = out.Need(6 * block + 8);
    const char* from = text.data();
    const char* const end = from + block;
    while (from < end) {
      if (end - from >= 8 && AllPlain(from)) {
        std::memcpy(at, from, 8);
        at += 8;
        from += 8;
        continue;
      }
      const auto byte = static_cast<unsigned char>(*from);
      if (byte >= 0x80 && !checked) {
        const std::string_view rest(from, text.data() + text.size());
        checked = true;
        if (!IsUtf8(rest)) {
          out.Commit(at);
          clean = ReplaceMalformed(rest);
          text = clean;
          break;
        }
      }
      const char escape = kEscapes[byte];
      if (escape == 0) {
        *at++ = *from++;
        continue;
      }
      *at++ = '\\';
      *at++ = escape;
      if (escape == 'u') {
        at = PutText(at, "00");
        *at++ = kHex[byte >> 4];
        *at++ = kHex[byte & 15];
      }
      ++from;
    }
    out.Commit(at);
    if (from == end) text.remove_prefix(block);
  }
  out.Push('"');
}

void WriteCsvString(std::string_view text, TextBuffer& out) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out.Append(text);
    return;
  }
  out.Push('"');
  while (true) {
    const size_t quote = text.find('"');
    out.Append(text.substr(0, quote));
    if (quote == std::string_view::npos) break;
    out.Append("\"\"");
    text.remove_prefix(quote + 1);
  }
  out.Push('"');
}

}  // namespace nstarx::result
