#include "federation/table_names.h"

#include <algorithm>

namespace nstarx::federation {
namespace {

/// Small letters, digits and _ are read the same with and without quotes by every system but those
/// that put plain names in capitals, whose paths are written in one part.
bool IsPlain(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

std::string PathPart(std::string_view name) {
  if (IsPlain(name)) return std::string(name);
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

TableName NameOf(std::string_view catalog, std::string_view schema, std::string_view table) {
  if (!catalog.empty()) {
    return {.connection = std::string(catalog), .path = PathPart(schema) + "." + PathPart(table)};
  }
  return {.connection = std::string(schema), .path = std::string(table)};
}

}  // namespace nstarx::federation
