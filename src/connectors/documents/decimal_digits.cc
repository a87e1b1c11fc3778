#include "connectors/documents/decimal_digits.h"

#include <charconv>

#include "connectors/documents/json_text.h"
#include "connectors/documents/json_walk.h"

namespace nstarx::connectors::documents {
namespace {

constexpr size_t kTextMax = 10'000;

}  // namespace

std::optional<Digits> ReadDigits(std::string_view text) {
  if (text.size() > kTextMax) return std::nullopt;
  Digits out;
  size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) out.negative = text[at++] == '-';
  bool any = false;
  bool point = false;
  for (; at < text.size(); ++at) {
    const char letter = text[at];
    if (letter == '.' && !point) {
      point = true;
    } else if (letter >= '0' && letter <= '9') {
      any = true;
      if (point) ++out.scale;
      if (letter != '0' || !out.digits.empty()) out.digits.push_back(letter);
    } else {
      break;
    }
  }
  if (!any) return std::nullopt;
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
    ++at;
    if (at < text.size() && text[at] == '+') ++at;
    int exponent = 0;
    const auto [end, code] = std::from_chars(text.data() + at, text.data() + text.size(), exponent);
    if (code != std::errc() || end != text.data() + text.size() || exponent > 100'000 ||
        exponent < -100'000) {
      return std::nullopt;
    }
    out.scale -= exponent;
  }
  while (!out.digits.empty() && out.digits.back() == '0') {
    out.digits.pop_back();
    --out.scale;
  }
  if (out.digits.empty()) out.scale = 0;
  return out;
}

Number ReadNumber(std::string_view text) {
  Number number;
  const char* const end = text.data() + text.size();
  if (text.find_first_of(".eE") == std::string_view::npos) {
    if (text != "-0" && std::from_chars(text.data(), end, number.integer).ec == std::errc()) {
      number.kind = NumberKind::kInt;
      return number;
    }
    if (text != "-0") return number;
  }
  const auto [stop, code] = std::from_chars(text.data(), end, number.real);
  if (code != std::errc() || stop != end) return number;
  // Up to 15 digits always survive the way through a double.
  if (text.size() > 15) {
    std::string shortest;
    AppendDouble(number.real, &shortest);
    if (ReadDigits(shortest) != ReadDigits(text)) return number;
  }
  number.kind = NumberKind::kDouble;
  return number;
}

Error MalformedJson(std::string_view reason, size_t offset) {
  Error error =
      InvalidArgument("query.malformed_json", "The text is not JSON: " + std::string(reason));
  error.WithDetail("offset", static_cast<int64_t>(offset));
  return error;
}

}  // namespace nstarx::connectors::documents
