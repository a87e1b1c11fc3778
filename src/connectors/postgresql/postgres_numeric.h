#pragma once

#include <cstdint>
#include <string_view>

#include "connectors/postgresql/postgres_wire.h"

namespace nstarx::connectors::postgresql {

/// A numeric on the wire: digits of base 10000, the first worth 10000^weight.
struct NumericCell {
  int digits = 0;
  int weight = 0;
  uint16_t sign = 0;
  int display_scale = 0;
  const char* first = nullptr;

  static constexpr uint16_t kPositive = 0x0000;
  static constexpr uint16_t kNegative = 0x4000;
  static constexpr uint16_t kNan = 0xC000;
  static constexpr uint16_t kInfinity = 0xD000;
  static constexpr uint16_t kMinusInfinity = 0xF000;

  uint32_t digit(int index) const { return LoadBig16(first + 2 * index); }
  bool finite() const { return sign == kPositive || sign == kNegative; }
};

enum class NumericFault : uint8_t { kNone, kMalformed, kNotFinite, kTooLarge, kInexact };

/// Reads the header; leading zero digits are passed over.
inline NumericFault ReadNumeric(const char* data, uint32_t length, NumericCell& cell) {
  if (length < 8) return NumericFault::kMalformed;
  cell.digits = LoadBig16(data);
  cell.weight = static_cast<int16_t>(LoadBig16(data + 2));
  cell.sign = LoadBig16(data + 4);
  cell.display_scale = LoadBig16(data + 6) & 0x3FFF;
  cell.first = data + 8;
  if (length != 8 + 2 * static_cast<uint32_t>(cell.digits)) return NumericFault::kMalformed;
  if (!cell.finite()) {
    bool known = cell.sign == NumericCell::kNan || cell.sign == NumericCell::kInfinity ||
                 cell.sign == NumericCell::kMinusInfinity;
    return known ? NumericFault::kNotFinite : NumericFault::kMalformed;
  }
  while (cell.digits > 0 && cell.digit(0) == 0) {
    ++cell.first, ++cell.first;
    --cell.digits;
    --cell.weight;
  }
  return NumericFault::kNone;
}

inline constexpr uint64_t kPowersOfTen[] = {1,
                                            10,
                                            100,
                                            1000,
                                            10000,
                                            100000,
                                            1000000,
                                            10000000,
                                            100000000,
                                            1000000000,
                                            10000000000,
                                            100000000000,
                                            1000000000000,
                                            10000000000000,
                                            100000000000000,
                                            1000000000000000,
                                            10000000000000000,
                                            100000000000000000,
                                            1000000000000000000,
                                            10000000000000000000U};

/// Decimal digits of a digit of base 10000 that is not zero.
inline int DecimalDigits(uint32_t digit) {
  return 1 + (digit >= 10 ? 1 : 0) + (digit >= 100 ? 1 : 0) + (digit >= 1000 ? 1 : 0);
}

/// Where the digits end at a scale: how many of them count, and the power of ten that they are
/// multiplied by (-3 … -1: the last one is divided).
struct NumericScale {
  int digits = 0;
  int shift = 0;
};

/// Cuts zero digits beyond the scale off. kInexact when they are not zero; kTooLarge when more than
/// `precision` decimal digits remain.
inline NumericFault FitNumeric(const NumericCell& cell, int precision, int scale,
                               NumericScale& fit) {
  fit.digits = cell.digits;
  fit.shift = 4 * (cell.weight - (cell.digits - 1)) + scale;
  while (fit.shift <= -4 && fit.digits > 0) {
    if (cell.digit(fit.digits - 1) != 0) return NumericFault::kInexact;
    --fit.digits;
    fit.shift += 4;
  }
  if (fit.digits == 0) return NumericFault::kNone;
  int places = DecimalDigits(cell.digit(0)) + 4 * (fit.digits - 1) + fit.shift;
  return places > precision ? NumericFault::kTooLarge : NumericFault::kNone;
}

/// The value times 10^scale, exactly; `precision` is at most 38.
inline NumericFault NumericToInt128(const NumericCell& cell, int precision, int scale,
                                    __int128& out) {
  NumericScale fit;
  if (auto fault = FitNumeric(cell, precision, scale, fit); fault != NumericFault::kNone) {
    return fault;
  }
  if (fit.digits == 0) {
    out = 0;
    return NumericFault::kNone;
  }
  const int whole = fit.shift < 0 ? fit.digits - 1 : fit.digits;
  uint32_t worst = 0;
  unsigned __int128 value = 0;
  uint64_t small = 0;
  const int quick = whole < 4 ? whole : 4;
  for (int i = 0; i < quick; ++i) {
    uint32_t digit = cell.digit(i);
    worst |= static_cast<uint32_t>(digit > 9999);
    small = small * 10000 + digit;
  }
  value = small;
  for (int i = quick; i < whole; ++i) {
    uint32_t digit = cell.digit(i);
    worst |= static_cast<uint32_t>(digit > 9999);
    value = value * 10000 + digit;
  }
  if (fit.shift < 0) {
    uint32_t digit = cell.digit(fit.digits - 1);
    worst |= static_cast<uint32_t>(digit > 9999);
    uint32_t kept;
    uint32_t left;
    if (fit.shift == -2) {  // the scale of money: a division by a constant
      kept = digit / 100, left = digit % 100;
    } else if (fit.shift == -3) {
      kept = digit / 1000, left = digit % 1000;
    } else {
      kept = digit / 10, left = digit % 10;
    }
    if (left != 0) return NumericFault::kInexact;
    value = value * kPowersOfTen[4 + fit.shift] + kept;
  } else {
    int shift = fit.shift;
    for (; shift > 19; shift -= 19) value *= kPowersOfTen[19];
    value *= kPowersOfTen[shift];
  }
  if (worst != 0) return NumericFault::kMalformed;
  out = cell.sign == NumericCell::kNegative ? -static_cast<__int128>(value)
                                            : static_cast<__int128>(value);
  return NumericFault::kNone;
}

}  // namespace nstarx::connectors::postgresql
