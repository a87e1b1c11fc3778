#include "drivers/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace nstarx::drivers {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// A run of digits (without leading zeros) or of lower-case letters.
struct Token {
  bool number = false;
  std::string text;
};

std::vector<Token> Split(std::string_view version) {
  std::vector<Token> out;
  for (size_t at = 0; at < version.size();) {
    const bool number = IsDigit(version[at]);
    if (!number && !IsLetter(version[at])) {
      ++at;
      continue;
    }
    const size_t from = at;
    while (at < version.size() && (number ? IsDigit(version[at]) : IsLetter(version[at]))) ++at;
    Token token{number, std::string(version.substr(from, at - from))};
    if (number) {
      token.text.erase(0, std::min(token.text.find_first_not_of('0'), token.text.size()));
    } else {
      for (char& c : token.text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    out.push_back(std::move(token));
  }
  return out;
}

/// Where a word stands to the release itself (0); words before it are pre-releases.
int RankOf(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, int>, 16> kRanks = {{{"dev", -6},
                                                                        {"snapshot", -6},
                                                                        {"a", -5},
                                                                        {"alpha", -5},
                                                                        {"b", -4},
                                                                        {"beta", -4},
                                                                        {"ea", -4},
                                                                        {"preview", -4},
                                                                        {"m", -3},
                                                                        {"milestone", -3},
                                                                        {"rc", -2},
                                                                        {"cr", -2},
                                                                        {"c", -2},
                                                                        {"final", 0},
                                                                        {"ga", 0},
                                                                        {"release", 0}}};
  for (const auto& [known, rank] : kRanks) {
    if (known == word) return rank;
  }
  return 1;
}

int Sign(int value) { return (value > 0) - (value < 0); }

int CompareTokens(const Token& a, const Token& b) {
  if (a.number && b.number) {
    if (a.text.size() != b.text.size()) return a.text.size() < b.text.size() ? -1 : 1;
    return Sign(a.text.compare(b.text));
  }
  // A missing part reads as 0, so "1.0-rc" < "1.0" and "1.0.1" > "1.0.final".
  if (a.number != b.number) {
    const int rank = a.number ? -RankOf(b.text) : RankOf(a.text);
    if (!(a.number ? a.text : b.text).empty()) return a.number ? 1 : -1;
    return Sign(rank);
  }
  if (RankOf(a.text) != RankOf(b.text)) return RankOf(a.text) < RankOf(b.text) ? -1 : 1;
  return RankOf(a.text) == 1 ? Sign(a.text.compare(b.text)) : 0;
}

std::string NumberAt(const std::vector<Token>& tokens, size_t index) {
  return index < tokens.size() && tokens[index].number ? tokens[index].text : std::string();
}

bool IsName(std::string_view text, size_t length_max, bool lower_only) {
  if (text.empty() || text.size() > length_max) return false;
  if (!IsDigit(text.front()) && !IsLetter(text.front())) return false;
  return std::ranges::all_of(text, [&](char c) {
    if (IsLetter(c)) return !lower_only || (c >= 'a' && c <= 'z');
    return IsDigit(c) || c == '.' || c == '_' || c == '-' || (c == '+' && !lower_only);
  });
}

}  // namespace

int CompareVersions(std::string_view a, std::string_view b) {
  const auto left = Split(a);
  const auto right = Split(b);
  const Token nothing{.number = true};
  for (size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    const int order =
        CompareTokens(i < left.size() ? left[i] : nothing, i < right.size() ? right[i] : nothing);
    if (order != 0) return order;
  }
  return 0;
}

bool IsRelease(std::string_view version, std::string_view suffix) {
  if (!version.ends_with(suffix)) return false;
  version.remove_suffix(suffix.size());
  const auto tokens = Split(version);
  return !tokens.empty() && tokens.front().number &&
         std::ranges::all_of(tokens, [](const Token& token) {
           return token.number || RankOf(token.text) == 0 || token.text == "post";
         });
}

std::string_view ToString(UpdatePolicy policy) {
  switch (policy) {
    case UpdatePolicy::kPatch:
      return "patch";
    case UpdatePolicy::kMinor:
      return "minor";
    case UpdatePolicy::kOff:
      break;
  }
  return "off";
}

Result<UpdatePolicy> ParsePolicy(std::string_view text) {
  for (const auto policy : {UpdatePolicy::kOff, UpdatePolicy::kPatch, UpdatePolicy::kMinor}) {
    if (text == ToString(policy)) return policy;
  }
  return InvalidArgument("driver.unknown_policy",
                         fmt::format("there is no update policy '{}'", Shortened(text)))
      .WithHint("Policies: off, patch, minor.");
}

bool Allows(UpdatePolicy policy, std::string_view from, std::string_view to) {
  if (policy == UpdatePolicy::kOff || CompareVersions(from, to) >= 0) return false;
  const auto old_tokens = Split(from);
  const auto new_tokens = Split(to);
  if (NumberAt(old_tokens, 0) != NumberAt(new_tokens, 0)) return false;
  return policy == UpdatePolicy::kMinor || NumberAt(old_tokens, 1) == NumberAt(new_tokens, 1);
}

bool IsDriverId(std::string_view text) { return IsName(text, 64, true); }

bool IsVersion(std::string_view text) {
  return IsName(text, 64, false) && text != "current" && text != "previous";
}

std::string_view Shortened(std::string_view text) {
  constexpr size_t kShownMax = 64;
  if (text.size() <= kShownMax) return text;
  size_t end = kShownMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

bool IsFileName(std::string_view text) { return IsName(text, 200, false); }

}  // namespace nstarx::drivers
