#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nstarx::connectors::cassandra {

/// Longer varints than this are refused: writing them as digits takes quadratic time.
constexpr size_t kVarintBytesMax = 4096;

/// The digits of a big-endian two's complement number of at most kVarintBytesMax bytes.
std::string VarintText(std::string_view bytes);
/// The shortest two's complement of a whole number's text; nothing when it is none or is too long.
std::optional<std::string> VarintBytes(std::string_view text);

/// unscaled * 10^-scale: plain digits with as many decimals as the scale says, else an exponent
/// ("1E+3"), so that reading the text gives the same scale again.
std::string DecimalText(std::string_view unscaled, int32_t scale);
struct DecimalValue {
  std::string unscaled;  ///< two's complement
  int32_t scale = 0;
};
std::optional<DecimalValue> ReadDecimal(std::string_view text);

}  // namespace nstarx::connectors::cassandra
