#pragma once

#include <string>
#include <vector>

#include "connector/facets.h"
#include "connectors/elasticsearch/elasticsearch_client.h"

namespace nstarx::connectors::elasticsearch {

/// Indices (hidden ones, whose names begin with a dot, are left out), aliases and data streams; of
/// an alias or data stream its indices.
Result<std::vector<connector::Node>> ListIndices(const Context& context, Client& client,
                                                 std::string_view path, int64_t limit);

/// All but the Arrow types of the columns; `_id` is the key.
Result<connector::Description> DescribeIndex(const Context& context, Client& client,
                                             std::string_view path);

}  // namespace nstarx::connectors::elasticsearch
