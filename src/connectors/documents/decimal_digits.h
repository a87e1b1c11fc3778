#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nstarx::connectors::documents {

/// A decimal number as its digits times 10^-scale: no leading and no trailing zeros, scale may be
/// negative. Zero has no digits.
struct Digits {
  bool negative = false;
  std::string digits;
  int scale = 0;
  bool operator==(const Digits&) const = default;
  /// Digits before the point.
  int whole() const {
    const int count = static_cast<int>(digits.size()) - scale;
    return count > 0 ? count : 0;
  }
  int fraction() const { return scale > 0 ? scale : 0; }
};

/// Nothing for text that is no finite number or is out of all proportion.
std::optional<Digits> ReadDigits(std::string_view text);

}  // namespace nstarx::connectors::documents
