#include "connectors/file_tables/glob.h"

namespace nstarx::connectors::file_tables {
namespace {

constexpr std::string_view kWild = "*?[\\";

/// Matches one character against the class that begins at pattern[at] == '['; moves `at` past it.
/// An unclosed bracket stands for itself.
bool MatchClass(std::string_view pattern, size_t& at, char c) {
  size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  bool first = true;
  while (i < pattern.size() && (first || pattern[i] != ']')) {
    first = false;
    const char low = pattern[i];
    char high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      high = pattern[i + 2];
      i += 2;
    }
    found = found || (low <= c && c <= high);
    ++i;
  }
  if (i >= pattern.size()) {
    ++at;
    return c == '[';
  }
  at = i + 1;
  return found != negated;
}

/// One segment, without '/' on either side: greedy with one point to come back to.
bool MatchSegment(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t star_text = 0;
  while (t < text.size()) {
    size_t next = p;
    bool matched = false;
    if (p < pattern.size()) {
      if (pattern[p] == '*') {
        star = p++;
        star_text = t;
        continue;
      }
      if (pattern[p] == '[') {
        matched = MatchClass(pattern, next, text[t]);
      } else if (pattern[p] == '\\' && p + 1 < pattern.size()) {
        matched = pattern[p + 1] == text[t];
        next = p + 2;
      } else {
        matched = pattern[p] == '?' || pattern[p] == text[t];
        next = p + 1;
      }
    }
    if (matched) {
      p = next;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<std::string_view> Segments(std::string_view path) {
  std::vector<std::string_view> segments;
  while (true) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

bool GlobMatch(std::string_view pattern, std::string_view path) {
  const std::vector<std::string_view> wanted = Segments(pattern);
  const std::vector<std::string_view> given = Segments(path);
  // reach[j]: the pattern's segments so far match the path's first j.
  std::vector<bool> reach(given.size() + 1, false);
  reach[0] = true;
  for (const std::string_view segment : wanted) {
    std::vector<bool> next(given.size() + 1, false);
    if (segment == "**") {
      bool any = false;
      for (size_t j = 0; j <= given.size(); ++j) {
        any = any || reach[j];
        next[j] = any;
      }
    } else {
      for (size_t j = 0; j < given.size(); ++j) {
        next[j + 1] = reach[j] && MatchSegment(segment, given[j]);
      }
    }
    reach = std::move(next);
  }
  return reach.back();
}

bool HasWildcard(std::string_view pattern) {
  return pattern.find_first_of(kWild) != std::string_view::npos;
}

std::string_view GlobRoot(std::string_view pattern) {
  const size_t wild = std::min(pattern.find_first_of(kWild), pattern.size());
  const size_t slash = pattern.substr(0, wild).rfind('/');
  return slash == std::string_view::npos ? std::string_view() : pattern.substr(0, slash);
}

bool GlobIsDeep(std::string_view pattern) {
  const std::string_view root = GlobRoot(pattern);
  const std::string_view rest = pattern.substr(root.empty() ? 0 : root.size() + 1);
  return rest.find('/') != std::string_view::npos || rest == "**";
}

std::string QuoteGlob(std::string_view path) {
  std::string quoted;
  for (const char c : path) {
    if (kWild.find(c) != std::string_view::npos) quoted += '\\';
    quoted += c;
  }
  return quoted;
}

bool IsInnerPath(std::string_view path) {
  if (path.empty() || path.size() > 1024 || path[0] == '/' || path[0] == '~') return false;
  if (path.find("://") != std::string_view::npos || path.starts_with("file:")) return false;
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  for (const std::string_view segment : Segments(path)) {
    if (segment == "." || segment == "..") return false;
  }
  return true;
}

}  // namespace nstarx::connectors::file_tables
