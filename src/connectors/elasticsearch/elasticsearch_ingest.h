#pragma once

#include <string>

#include "connector/facets.h"
#include "connectors/elasticsearch/elasticsearch_client.h"

namespace nstarx::connectors::elasticsearch {

/// Writes rows as documents by _bulk; a column `_id` names them, else the server does. A replaced
/// index keeps its settings and aliases and gets the rows' mappings. Returns the rows written.
Result<int64_t> IngestInto(const Context& context, Client& client, const std::string& index,
                           connector::IngestMode mode, connector::BatchStream& source);

}  // namespace nstarx::connectors::elasticsearch
