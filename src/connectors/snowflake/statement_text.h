#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace nstarx::connectors::snowflake {

/// The first word in capitals, behind comments, blanks and opening brackets.
std::string FirstWord(std::string_view text);

/// One statement that can not write, judged by its words: SELECT, WITH, VALUES, SHOW, DESCRIBE,
/// EXPLAIN, LIST. Several statements, chains (->>), sequences' NEXTVAL and SYSTEM$ functions that
/// do not only look are never let through.
bool OnlyReads(std::string_view text);

/// The statement leaves something behind in its session (USE, SET, ALTER SESSION, BEGIN, temporary
/// tables …), so that nobody else should get that session.
bool ChangesSession(std::string_view text);

/// query.parameter_count unless there are `count` markers (?); `:1` and the like are not counted.
Status CheckMarkers(std::string_view text, size_t count);

/// The name in double quotes.
std::string Quote(std::string_view name);
/// A text literal: quotes and backslashes are escaped.
std::string Literal(std::string_view text);
/// Parts of `DATABASE.SCHEMA.TABLE`, each in double quotes or plain; plain ones are put in
/// capitals, as the system does. Nothing for what is no path.
std::optional<std::vector<std::string>> SplitPath(std::string_view path);
/// The path of the parts: quotes only where a part needs them.
std::string JoinPath(const std::vector<std::string>& parts);
/// All parts in double quotes.
std::string QuotePath(const std::vector<std::string>& parts);

}  // namespace nstarx::connectors::snowflake
