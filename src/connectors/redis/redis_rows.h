#pragma once

#include <memory>

#include "connector/facets.h"
#include "connectors/redis/redis_client.h"

namespace nstarx::connectors::redis {

/// The answer of the command that was just sent, as rows. Aggregates are read item by item, so an
/// answer of any size takes the memory of one batch. Must not outlive the client.
Result<std::unique_ptr<connector::BatchStream>> StreamReply(const Context& context, Client& client,
                                                            const Arguments& command, bool binary);

}  // namespace nstarx::connectors::redis
