#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nstarx::connectors::sql_text {

/// The name between `quote` signs; one inside is doubled.
std::string QuoteName(std::string_view name, char quote);
/// The parts with dots between, each quoted.
std::string QuotePath(const std::vector<std::string>& parts, char quote);
/// Parts of `a.b.c`, each plain or between `quote` signs; plain ones go through `plain`
/// (sql_text::Upper where the system puts such names in capitals). Nothing for what is no path.
std::optional<std::vector<std::string>> SplitPath(std::string_view path, char quote,
                                                  std::string (*plain)(std::string_view) = nullptr);

}  // namespace nstarx::connectors::sql_text
