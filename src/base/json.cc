#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace nstarx {

bool IsUtf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = p + text.size();
  while (p < end) {
    if (*p < 0x80) {
      ++p;
      continue;
    }
    int extra = 0;
    unsigned min = 0;
    unsigned value = 0;
    if ((*p & 0xE0) == 0xC0) {
      extra = 1, min = 0x80, value = *p & 0x1F;
    } else if ((*p & 0xF0) == 0xE0) {
      extra = 2, min = 0x800, value = *p & 0x0F;
    } else if ((*p & 0xF8) == 0xF0) {
      extra = 3, min = 0x10000, value = *p & 0x07;
    } else {
      return false;
    }
    if (end - p <= extra) return false;
    for (int i = 1; i <= extra; ++i) {
      if ((p[i] & 0xC0) != 0x80) return false;
      value = (value << 6) | (p[i] & 0x3F);
    }
    if (value < min || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return false;
    p += extra + 1;
  }
  return true;
}

namespace {

// Whether a number below `value` was beyond a double (1e333): Boost.JSON makes it an infinity,
// which JSON can not write. As deep as the parser went, 32 at most.
bool HasInfinity(const json::value& value) {
  switch (value.kind()) {
    case json::kind::double_:
      return !std::isfinite(value.get_double());
    case json::kind::array:
      return std::ranges::any_of(value.get_array(), HasInfinity);
    case json::kind::object:
      return std::ranges::any_of(value.get_object(),
                                 [](const auto& member) { return HasInfinity(member.value()); });
    default:
      return false;
  }
}

}  // namespace

Result<json::value> ParseJson(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return InvalidArgument("request.empty_body", "the body is empty; a JSON document is expected")
        .WithHint("Send a JSON object with Content-Type: application/json.");
  }
  if (!IsUtf8(text)) {
    return InvalidArgument("request.not_utf8", "the body is not valid UTF-8")
        .WithHint("Encode the JSON document as UTF-8.");
  }
  json::parse_options options;
  options.max_depth = 32;
  json::stream_parser parser(json::storage_ptr{}, options);
  boost::system::error_code error;
  const size_t used = parser.write_some(text.data(), text.size(), error);
  if (!error && used < text.size() &&
      text.substr(used).find_first_not_of(" \t\r\n") != std::string_view::npos) {
    error = json::error::extra_data;
  }
  if (!error) parser.finish(error);
  if (error) {
    return InvalidArgument("request.malformed_json",
                           fmt::format("malformed JSON at byte {}: {}", used, error.message()))
        .WithDetail("offset", used)
        .WithHint("Check quotes, commas and brackets near that byte.");
  }
  json::value value = parser.release();
  if (HasInfinity(value)) {
    return InvalidArgument("request.malformed_json",
                           "malformed JSON: a number is beyond the range of a double")
        .WithHint("Send numbers within ±1.7976931348623157e308, or the digits as a string.");
  }
  return value;
}

std::string_view GetString(const json::object& object, std::string_view key,
                           std::string_view fallback) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : fallback;
}

int64_t GetInt(const json::object& object, std::string_view key, int64_t fallback) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_int64() ? value->get_int64() : fallback;
}

bool GetBool(const json::object& object, std::string_view key, bool fallback) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_bool() ? value->get_bool() : fallback;
}

void MergePatch(json::value& target, const json::value& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = json::object();
  json::object& into = target.get_object();
  for (const auto& [key, value] : patch.get_object()) {
    if (value.is_null()) {
      into.erase(key);
    } else {
      MergePatch(into[key], value);
    }
  }
}

namespace {

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> rows(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) rows[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a.size()][b.size()];
}

}  // namespace

std::string_view ClosestWord(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > 64) return {};
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace nstarx
