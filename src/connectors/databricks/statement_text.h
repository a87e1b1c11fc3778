#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace nstarx::connectors::databricks {

/// The first word in capitals, behind comments, blanks and opening brackets.
std::string FirstWord(std::string_view text);

/// One statement that can not write, judged by its words: SELECT, VALUES, TABLE, SHOW, DESCRIBE,
/// EXPLAIN, LIST, and WITH or FROM without INSERT, UPDATE, DELETE or MERGE outside of quotes.
/// Several statements are never let through.
bool OnlyReads(std::string_view text);

/// Replaces each ? outside of quotes and comments by a named marker (:p1, :p2 …).
/// query.parameter_count unless there are `count` of them; a text without parameters is as it was.
Result<std::string> NameMarkers(std::string_view text, size_t count);

/// The name in backticks.
std::string Quote(std::string_view name);
/// A text literal: quotes and backslashes are escaped.
std::string Literal(std::string_view text);
/// Parts of `catalog.schema.table`, each plain or in backticks; nothing for what is no path.
std::optional<std::vector<std::string>> SplitPath(std::string_view path);
/// The path of the parts: backticks only where a part needs them.
std::string JoinPath(const std::vector<std::string>& parts);
/// All parts in backticks.
std::string QuotePath(const std::vector<std::string>& parts);

}  // namespace nstarx::connectors::databricks
