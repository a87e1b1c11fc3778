#pragma once

#include <memory>

#include "connector/facets.h"
#include "connectors/databricks/databricks_client.h"

namespace nstarx::connectors::databricks {

/// The rows of a statement that has SUCCEEDED. `answer` is the service's last answer about it;
/// `wanted` is how many rows may have been cut off on purpose (-1: none). Chunks behind links are
/// fetched ahead by a thread of the stream's own.
Result<std::unique_ptr<connector::BatchStream>> OpenResult(
    const Context& context, const std::shared_ptr<const Workspace>& workspace,
    const json::object& answer, int64_t wanted, bool reads);

}  // namespace nstarx::connectors::databricks
