#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "connector/metadata.h"

namespace nstarx::connectors::catalogs {

/// Properties of a table, in which systems without tags and lineage of their own keep them.
using Properties = std::map<std::string, std::string, std::less<>>;

/// Where they are: each a JSON array.
inline constexpr std::string_view kTagsProperty = "nstarx.tags";
inline constexpr std::string_view kUpstreamProperty = "nstarx.upstream";

std::vector<std::string> TagsOf(const Properties& properties);
/// None removes the property.
void SetTags(Properties& properties, const std::vector<std::string>& tags);

/// The edges into `path`; what somebody else has broken is no edge.
std::vector<connector::LineageEdge> UpstreamOf(std::string_view path, const Properties& properties);
void SetUpstream(Properties& properties, const std::vector<connector::LineageEdge>& upstream);

/// Lays tags, comment and properties of a change over those of a table; null removes.
void Apply(const connector::DatasetChange& change, Properties& properties);

/// Parts of `database.table`; a part in double quotes may hold dots, a doubled quote is one.
std::vector<std::string> SplitPath(std::string_view path);
/// The inverse.
std::string JoinPath(std::string_view database, std::string_view name);

/// Whether the filter's text is in path or comment, whatever the case of ASCII letters.
bool Matches(const connector::DatasetFilter& filter, const connector::Dataset& dataset);

/// query.undefined_table
Error UndefinedTable(std::string_view path);
/// metadata.undefined_database
Error UndefinedDatabase(std::string_view path);
/// query.read_only
Error ReadOnly();

/// Datasets of many databases as pages: goes through `databases` in order, asks for the tables of
/// one after the other, and continues after the path that a continuation names.
Result<connector::DatasetPage> PageOver(
    std::vector<std::string> databases, const connector::DatasetFilter& filter,
    const std::function<Result<std::vector<connector::Dataset>>(const std::string&)>& tables);

}  // namespace nstarx::connectors::catalogs
