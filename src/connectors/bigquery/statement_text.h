#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace nstarx::connectors::bigquery {

/// One statement that by its words only reads: SELECT, and WITH or FROM without a word that writes.
/// Several statements are never let through. What the service says of it is asked besides.
bool OnlyReads(std::string_view text);

/// How the statement's markers are bound: ? in order, or @p1, @p2 … by name.
enum class Markers { kPositional, kNamed };
/// query.parameter_count unless there are as many markers as parameters.
Result<Markers> CheckMarkers(std::string_view text, size_t count);

/// A path of the system: `dataset.table`, `project.dataset.table`, `dataset` or `project`. A name
/// with a hyphen is a project: datasets have none.
struct Path {
  std::string project;
  std::string dataset;
  std::string table;
};
/// `home` is the project of a path without one. Parts may be in backticks, together or each;
/// nothing for what is no path.
std::optional<Path> ReadPath(std::string_view text, std::string_view home);
/// As ReadPath takes it; the project only where it is not `home`.
std::string WritePath(const Path& path, std::string_view home);
/// All of it in backticks, as statements have it.
std::string QuotePath(const Path& path);

}  // namespace nstarx::connectors::bigquery
