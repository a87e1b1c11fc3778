#include "connectors/cassandra/cql_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

namespace nstarx::connectors::cassandra {
namespace {

constexpr uint32_t kBillion = 1'000'000'000;
constexpr int kBillionDigits = 9;
/// As many digits as kVarintBytesMax bytes can hold.
constexpr size_t kDigitsMax = kVarintBytesMax * 8 * 30103 / 100000;

bool AllDigits(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char letter) { return letter >= '0' && letter <= '9'; });
}

}  // namespace

std::string VarintText(std::string_view bytes) {
  if (bytes.empty()) return "0";
  const bool negative = (bytes.front() & 0x80) != 0;
  // Magnitude as 32-bit limbs, the lowest first.
  std::vector<uint32_t> limbs((bytes.size() + 3) / 4, 0);
  for (size_t i = 0; i < bytes.size(); ++i) {
    auto byte = static_cast<uint8_t>(bytes[bytes.size() - 1 - i]);
    if (negative) byte = static_cast<uint8_t>(~byte);
    limbs[i / 4] |= static_cast<uint32_t>(byte) << (8 * (i % 4));
  }
  if (negative) {
    size_t i = 0;
    while (i < limbs.size() && ++limbs[i] == 0) ++i;
    if (i == limbs.size()) limbs.push_back(1);
  }
  std::string reversed;
  while (!limbs.empty()) {
    uint64_t rest = 0;
    for (size_t i = limbs.size(); i-- > 0;) {
      const uint64_t value = rest << 32 | limbs[i];
      limbs[i] = static_cast<uint32_t>(value / kBillion);
      rest = value % kBillion;
    }
    while (!limbs.empty() && limbs.back() == 0) limbs.pop_back();
    for (int digit = 0; digit < kBillionDigits; ++digit) {
      reversed += static_cast<char>('0' + rest % 10);
      rest /= 10;
    }
  }
  while (reversed.size() > 1 && reversed.back() == '0') reversed.pop_back();
  if (reversed.empty()) reversed = "0";
  if (negative) reversed += '-';
  std::ranges::reverse(reversed);
  return reversed;
}

std::optional<std::string> VarintBytes(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (!AllDigits(text) || text.size() > kDigitsMax) return std::nullopt;
  std::vector<uint32_t> limbs;
  for (size_t at = 0; at < text.size();) {
    const size_t count = at == 0 && text.size() % kBillionDigits != 0 ? text.size() % kBillionDigits
                                                                      : kBillionDigits;
    uint32_t part = 0;
    uint32_t power = 1;
    for (size_t i = 0; i < count; ++i) {
      part = part * 10 + static_cast<uint32_t>(text[at + i] - '0');
      power *= 10;
    }
    at += count;
    uint64_t carry = part;
    for (uint32_t& limb : limbs) {
      carry += static_cast<uint64_t>(limb) * power;
      limb = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) limbs.push_back(static_cast<uint32_t>(carry));
  }
  std::string bytes;
  for (const uint32_t limb : limbs) {
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(limb >> (8 * i));
  }
  bytes += '\0';
  if (negative) {
    bool carry = true;
    for (char& byte : bytes) {
      byte = static_cast<char>(~byte);
      if (carry) carry = ++byte == 0;
    }
  }
  std::ranges::reverse(bytes);
  size_t extra = 0;  // leading bytes that only repeat the sign
  while (extra + 1 < bytes.size()) {
    const auto first = static_cast<uint8_t>(bytes[extra]);
    const bool next_negative = (bytes[extra + 1] & 0x80) != 0;
    if (!(first == 0 && !next_negative) && !(first == 0xFF && next_negative)) break;
    ++extra;
  }
  return bytes.substr(extra);
}

std::string DecimalText(std::string_view unscaled, int32_t scale) {
  std::string digits = VarintText(unscaled);
  if (scale == 0) return digits;
  const bool negative = digits.starts_with('-');
  if (negative) digits.erase(0, 1);
  const std::string sign = negative ? "-" : "";
  const auto count = static_cast<int64_t>(digits.size());
  const int64_t exponent = count - 1 - scale;
  if (scale > 0 && exponent >= -6) {
    const auto decimals = static_cast<size_t>(scale);
    if (digits.size() <= decimals) digits.insert(0, decimals - digits.size() + 1, '0');
    digits.insert(digits.size() - decimals, 1, '.');
    return sign + digits;
  }
  if (digits.size() > 1) digits.insert(1, 1, '.');
  return fmt::format("{}{}E{:+}", sign, digits, exponent);
}

std::optional<DecimalValue> ReadDecimal(std::string_view text) {
  int64_t exponent = 0;
  if (const size_t mark = text.find_first_of("eE"); mark != std::string_view::npos) {
    std::string_view number = text.substr(mark + 1);
    if (number.starts_with('+')) number.remove_prefix(1);
    const auto [end, code] =
        std::from_chars(number.data(), number.data() + number.size(), exponent);
    if (code != std::errc() || end != number.data() + number.size()) return std::nullopt;
    if (exponent > INT32_MAX || exponent < INT32_MIN) return std::nullopt;
    text = text.substr(0, mark);
  }
  std::string digits(text);
  int64_t scale = 0;
  if (const size_t point = digits.find('.'); point != std::string::npos) {
    scale = static_cast<int64_t>(digits.size() - point - 1);
    digits.erase(point, 1);
  }
  auto unscaled = VarintBytes(digits);
  scale -= exponent;
  if (!unscaled || scale > INT32_MAX || scale < INT32_MIN) return std::nullopt;
  return DecimalValue{std::move(*unscaled), static_cast<int32_t>(scale)};
}

}  // namespace nstarx::connectors::cassandra
