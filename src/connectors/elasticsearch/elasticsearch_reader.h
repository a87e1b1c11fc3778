#pragma once

#include <deque>
#include <memory>
#include <string>

#include "connector/facets.h"
#include "connectors/elasticsearch/elasticsearch_pages.h"

namespace nstarx::connectors::elasticsearch {

/// Starts the search and fixes its columns by the mappings and the first documents. `client` must
/// outlive the stream.
Result<std::unique_ptr<connector::BatchStream>> StartSearch(const Context& context, Client& client,
                                                            Search search, Product product,
                                                            Paging paging);

/// Rows that are there already, each the text of a JSON object.
Result<std::unique_ptr<connector::BatchStream>> StreamOf(const std::deque<std::string>& rows);

}  // namespace nstarx::connectors::elasticsearch
