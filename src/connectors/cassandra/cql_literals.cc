#include "connectors/cassandra/cql_literals.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>

#include "connectors/cassandra/cql_numbers.h"

namespace nstarx::connectors::cassandra {
namespace {

using enum CqlKind;

std::string NoSuch(std::string_view text, const CqlType& type) {
  return fmt::format("'{}', which is no {}", text.substr(0, 80), ToCql(type));
}

/// All of `text` as a number.
template <class Number>
std::optional<Number> Read(std::string_view text) {
  Number number{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::optional<int64_t> ReadDay(std::string_view text) {
  const size_t month = text.find('-', 1);
  if (month == std::string_view::npos || text.size() != month + 6) return std::nullopt;
  const auto year_number = Read<int>(text.substr(0, month));
  const auto month_number = Read<unsigned>(text.substr(month + 1, 2));
  const auto day_number = Read<unsigned>(text.substr(month + 4, 2));
  if (!year_number || !month_number || !day_number || text[month + 3] != '-') return std::nullopt;
  if (*year_number < -32767 || *year_number > 32767) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year_number),
                                         std::chrono::month(*month_number),
                                         std::chrono::day(*day_number)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

/// HH:MM[:SS[.fraction]] as nanoseconds.
std::optional<int64_t> ReadClock(std::string_view text) {
  if (text.size() < 5 || text[2] != ':') return std::nullopt;
  const auto hour = Read<unsigned>(text.substr(0, 2));
  const auto minute = Read<unsigned>(text.substr(3, 2));
  if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  int64_t nanos = (int64_t{*hour} * 60 + *minute) * 60'000'000'000;
  text.remove_prefix(5);
  if (text.empty()) return nanos;
  if (text.size() < 3 || text[0] != ':') return std::nullopt;
  const auto second = Read<unsigned>(text.substr(1, 2));
  if (!second || *second > 59) return std::nullopt;
  nanos += int64_t{*second} * 1'000'000'000;
  text.remove_prefix(3);
  if (text.empty()) return nanos;
  if (text[0] != '.' || text.size() > 10) return std::nullopt;
  std::string digits(text.substr(1));
  digits.resize(9, '0');
  const auto fraction = Read<unsigned>(digits);
  if (!fraction) return std::nullopt;
  return nanos + *fraction;
}

/// Minutes of "Z", "+02:00" or "+0200"; "" is UTC.
std::optional<int64_t> ReadOffset(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return 0;
  const bool west = text[0] == '-';
  text.remove_prefix(1);
  if (text.size() != 4 && (text.size() != 5 || text[2] != ':')) return std::nullopt;
  const auto hours = Read<unsigned>(text.substr(0, 2));
  const auto minutes = Read<unsigned>(text.substr(text.size() - 2));
  if (!hours || !minutes || *hours > 18 || *minutes > 59) return std::nullopt;
  const int64_t offset = int64_t{*hours} * 60 + *minutes;
  return west ? -offset : offset;
}

/// Milliseconds of an ISO time; nothing when it is finer than that.
std::optional<int64_t> ReadTimestamp(std::string_view text) {
  const size_t split = text.find_first_of("T ");
  const auto day = ReadDay(text.substr(0, split));
  if (!day) return std::nullopt;
  constexpr int64_t kDayMs = 86'400'000;
  if (split == std::string_view::npos) return *day * kDayMs;
  std::string_view clock = text.substr(split + 1);
  const size_t zone = clock.find_first_of("Zz+-");
  const auto offset = ReadOffset(zone == std::string_view::npos ? "" : clock.substr(zone));
  const auto nanos = ReadClock(clock.substr(0, zone));
  if (!offset || !nanos || *nanos % 1'000'000 != 0) return std::nullopt;
  return *day * kDayMs + *nanos / 1'000'000 - *offset * 60'000;
}

std::optional<std::string> ReadHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < text.size(); i += 2) {
    uint8_t byte = 0;
    const char* end = text.data() + i + 2;
    const auto [next, code] = std::from_chars(text.data() + i, end, byte, 16);
    if (code != std::errc() || next != end) return std::nullopt;
    out += static_cast<char>(byte);
  }
  return out;
}

std::optional<std::string> ReadUuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return std::nullopt;
    if (!dash) digits += text[i];
  }
  return ReadHex(digits);
}

std::string EncodeTimeText(const CqlType& type, std::string_view text, std::string* out) {
  if (type.kind == kDate) {
    const auto day = ReadDay(text);
    if (!day) return NoSuch(text, type);
    AppendBigEndian(static_cast<uint32_t>(*day) ^ 0x8000'0000U, 4, out);
    return {};
  }
  const auto value = type.kind == kTime ? ReadClock(text) : ReadTimestamp(text);
  if (!value) return NoSuch(text, type);
  AppendBigEndian(static_cast<uint64_t>(*value), 8, out);
  return {};
}

/// `out` gets what was read, if it was.
std::string Take(std::optional<std::string> read, std::string_view text, const CqlType& type,
                 std::string* out) {
  if (!read) return NoSuch(text, type);
  *out += *read;
  return {};
}

}  // namespace

void AppendBytes(std::string_view bytes, std::string* out) {
  AppendBigEndian(bytes.size(), 4, out);
  *out += bytes;
}

void AppendDuration(int32_t months, int32_t days, int64_t nanos, std::string* out) {
  const auto zigzag = [](int64_t value) {
    return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
  };
  AppendVint(zigzag(months), out);
  AppendVint(zigzag(days), out);
  AppendVint(zigzag(nanos), out);
}

std::string EncodeText(const CqlType& type, std::string_view text, std::string* out) {
  switch (type.kind) {
    case kText:
      *out += text;
      return {};
    case kAscii:
      for (const char letter : text) {
        if ((letter & 0x80) != 0) return NoSuch(text, type);
      }
      *out += text;
      return {};
    case kBlob:
    case kCustom:
      return Take(text.starts_with("0x") ? ReadHex(text.substr(2)) : std::nullopt, text, type, out);
    case kUuid:
    case kTimeuuid:
      return Take(ReadUuid(text), text, type, out);
    case kInet: {
      char address[16];
      const std::string terminated(text);
      const bool v6 = text.contains(':');
      if (inet_pton(v6 ? AF_INET6 : AF_INET, terminated.c_str(), address) != 1) {
        return NoSuch(text, type);
      }
      out->append(address, v6 ? 16 : 4);
      return {};
    }
    case kVarint:
      return Take(VarintBytes(text), text, type, out);
    case kDecimal: {
      const auto value = ReadDecimal(text);
      if (!value) return NoSuch(text, type);
      AppendBigEndian(static_cast<uint32_t>(value->scale), 4, out);
      *out += value->unscaled;
      return {};
    }
    case kDate:
    case kTime:
    case kTimestamp:
      return EncodeTimeText(type, text, out);
    case kDouble:
    case kFloat:
      if (const auto number = Read<double>(text)) return EncodeReal(type, *number, out);
      return NoSuch(text, type);
    case kBoolean:
      if (text != "true" && text != "false") return NoSuch(text, type);
      *out += text == "true" ? '\1' : '\0';
      return {};
    default:
      if (const auto number = Read<int64_t>(text)) return EncodeWhole(type, *number, out);
      return NoSuch(text, type);
  }
}

std::string EncodeWhole(const CqlType& type, int64_t value, std::string* out) {
  const auto fixed = [&](int bytes) -> std::string {
    if (bytes < 8 &&
        (value < -(int64_t{1} << (8 * bytes - 1)) || value >= int64_t{1} << (8 * bytes - 1))) {
      return fmt::format("{}, which {} can't hold", value, ToCql(type));
    }
    AppendBigEndian(static_cast<uint64_t>(value), bytes, out);
    return {};
  };
  switch (type.kind) {
    case kTinyint:
      return fixed(1);
    case kSmallint:
      return fixed(2);
    case kInt:
      return fixed(4);
    case kBigint:
    case kCounter:
    case kTimestamp:
      return fixed(8);
    case kTime:
      if (value < 0 || value >= 86'400'000'000'000) return NoSuch(std::to_string(value), type);
      return fixed(8);
    case kVarint:
    case kDecimal:
      return EncodeText(type, std::to_string(value), out);
    case kDouble:
    case kFloat: {
      constexpr int64_t kExact = int64_t{1} << 53;
      if (value > kExact || value < -kExact) return NoSuch(std::to_string(value), type);
      return EncodeReal(type, static_cast<double>(value), out);
    }
    default:
      return NoSuch(std::to_string(value), type);
  }
}

std::string EncodeReal(const CqlType& type, double value, std::string* out) {
  switch (type.kind) {
    case kDouble:
      AppendBigEndian(std::bit_cast<uint64_t>(value), 8, out);
      return {};
    case kFloat: {
      // Decimal text like 0.1 has no exact float either; what it is closest to is meant. Only what
      // is out of range is refused.
      if (std::isfinite(value) && std::abs(value) > 3.4028235677973366e38) {
        return fmt::format("{}, which float can't hold", value);
      }
      AppendBigEndian(std::bit_cast<uint32_t>(static_cast<float>(value)), 4, out);
      return {};
    }
    case kDecimal:
      if (!std::isfinite(value)) return NoSuch(fmt::format("{}", value), type);
      return EncodeText(type, fmt::format("{}", value), out);
    default:
      return NoSuch(fmt::format("{}", value), type);
  }
}

}  // namespace nstarx::connectors::cassandra
