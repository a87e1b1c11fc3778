#pragma once

#include <string>
#include <string_view>

namespace nstarx::connectors::file_tables {

/// True when `path` matches: `*` and `?` stay within one segment, `**` as a whole segment spans any
/// number of them, `[abc]`, `[a-z]` and `[!a]` are one character; `\` quotes the next one.
/// Never takes more than a time proportional to both lengths' product.
bool GlobMatch(std::string_view pattern, std::string_view path);

/// True when the text holds a wildcard.
bool HasWildcard(std::string_view pattern);

/// The folder that everything a pattern can match lies in: "a/b" for "a/b/c*.csv", "" for "*.csv".
std::string_view GlobRoot(std::string_view pattern);

/// True when matches lie deeper than directly in the root.
bool GlobIsDeep(std::string_view pattern);

/// A pattern that matches exactly `path`.
std::string QuoteGlob(std::string_view path);

/// Whether a path names something inside of the connection: relative, no '.' or '..' segment, no
/// scheme, no control characters, at most 1024 bytes.
bool IsInnerPath(std::string_view path);

}  // namespace nstarx::connectors::file_tables
