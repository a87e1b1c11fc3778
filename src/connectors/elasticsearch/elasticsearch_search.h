#pragma once

#include <optional>
#include <string>

#include "connector/facets.h"
#include "connectors/elasticsearch/hits_router.h"

namespace nstarx::connectors::elasticsearch {

/// As many hits as one request may ask for unless an index is told otherwise.
inline constexpr int64_t kWindow = 10'000;

/// A statement taken apart.
struct Search {
  std::string index;
  json::object body;  ///< what is sent, without our own members and without size
  Meta meta;
  std::optional<int64_t> limit;
  bool aggregations = false;
};

/// Reads {"index": …, "query": …, …} with {"$param": n} replaced. query.syntax_error,
/// query.parameter_count, query.invalid_name.
Result<Search> ReadSearch(const connector::Statement& statement);

/// True when a member of a document's top level is among what the search's "_source" asks for.
bool AsksFor(const Search& search, std::string_view member);

/// One request for at most `limit` hits, and not pages of a point in time.
inline bool IsOneRequest(const Search& search) { return search.limit && *search.limit <= kWindow; }

}  // namespace nstarx::connectors::elasticsearch
