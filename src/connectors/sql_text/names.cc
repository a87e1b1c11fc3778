#include "connectors/sql_text/names.h"

namespace nstarx::connectors::sql_text {
namespace {

/// Reads a quoted part behind its first sign; `at` is left behind the last one.
std::optional<std::string> ReadQuoted(std::string_view path, char quote, size_t* at) {
  std::string out;
  while (true) {
    const size_t end = path.find(quote, *at);
    if (end == std::string_view::npos) return std::nullopt;
    out += path.substr(*at, end - *at);
    *at = end + 1;
    if (*at == path.size() || path[*at] != quote) return out;
    out += quote;
    ++*at;
  }
}

}  // namespace

std::string QuoteName(std::string_view name, char quote) {
  std::string out(1, quote);
  for (const char c : name) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

std::string QuotePath(const std::vector<std::string>& parts, char quote) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ".") + QuoteName(part, quote);
  return out;
}

std::optional<std::vector<std::string>> SplitPath(std::string_view path, char quote,
                                                  std::string (*plain)(std::string_view)) {
  std::vector<std::string> out;
  size_t at = 0;
  while (true) {
    std::string part;
    if (at < path.size() && path[at] == quote) {
      auto quoted = ReadQuoted(path, quote, &++at);
      if (!quoted) return std::nullopt;
      part = *std::move(quoted);
    } else {
      const std::string_view rest = path.substr(at);
      const std::string_view read = rest.substr(0, rest.find('.'));
      part = plain != nullptr ? plain(read) : std::string(read);
      at += read.size();
    }
    if (part.empty()) return std::nullopt;
    out.push_back(std::move(part));
    if (at == path.size()) return out;
    if (path[at] != '.') return std::nullopt;
    ++at;
  }
}

}  // namespace nstarx::connectors::sql_text
