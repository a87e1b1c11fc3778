#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace nstarx::connectors::sql_text {

/// The number that follows the first `word` in a message, if one does: not below zero.
std::optional<int64_t> NumberBehind(std::string_view message, std::string_view word);

/// Where in a statement a system found fault: its line (from 1) and the characters before it on
/// that line, as the character from 1. Nothing if the statement has no such place.
std::optional<int64_t> PlaceOf(std::string_view statement, int64_t line, int64_t before);

}  // namespace nstarx::connectors::sql_text
