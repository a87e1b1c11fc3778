#include "connectors/sql_text/places.h"

#include <charconv>

namespace nstarx::connectors::sql_text {

std::optional<int64_t> NumberBehind(std::string_view message, std::string_view word) {
  const size_t at = message.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = message.substr(at + word.size());
  int64_t out = 0;
  const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), out);
  if (read.ec != std::errc() || out < 0) return std::nullopt;
  return out;
}

std::optional<int64_t> PlaceOf(std::string_view statement, int64_t line, int64_t before) {
  if (line < 1 || before < 0) return std::nullopt;
  int64_t place = 1;
  int64_t seen = 1;
  for (size_t at = 0; at < statement.size() && seen < line; ++at) {
    if ((static_cast<unsigned char>(statement[at]) & 0xC0U) != 0x80U) ++place;
    if (statement[at] == '\n') ++seen;
  }
  if (seen != line || before > static_cast<int64_t>(statement.size())) return std::nullopt;
  return place + before;
}

}  // namespace nstarx::connectors::sql_text
