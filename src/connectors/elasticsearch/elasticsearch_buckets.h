#pragma once

#include <deque>
#include <string>

#include "connectors/elasticsearch/elasticsearch_client.h"
#include "connectors/elasticsearch/elasticsearch_search.h"

namespace nstarx::connectors::elasticsearch {

/// Rows, each the text of a JSON object, of what "aggregations" holds: one for each innermost
/// bucket, with the keys of the outer ones; where nothing has buckets, one row. Several
/// aggregations with buckets beside each other become lists. response.too_large above 64 MiB.
Result<std::deque<std::string>> RowsOfBuckets(const json::object& aggregations);

/// Runs the search; a composite aggregation until its last page.
Result<std::unique_ptr<connector::BatchStream>> RunAggregations(const Context& context,
                                                                Client& client, Search search);

}  // namespace nstarx::connectors::elasticsearch
