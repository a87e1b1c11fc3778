#pragma once

#include <chrono>
#include <memory>

#include "connector/facets.h"
#include "connectors/aws/json_client.h"

namespace nstarx::connectors::messages {
class SchemaRegistry;
}

namespace nstarx::connectors::kinesis {

/// Reads the shards of a stream, each from where the request says; children of a shard that was
/// split or merged are read after it. `poll` is the pause between two calls for one shard: Kinesis
/// allows five a second. `registry` (null: none) must outlive the stream. stream.unknown_partition,
/// stream.offset_out_of_range, stream.offset_needs_partition, stream.groups_unsupported.
Result<std::unique_ptr<connector::BatchStream>> ReadStream(const Context& context,
                                                           aws::JsonClient& client,
                                                           const connector::ConsumeRequest& request,
                                                           std::chrono::milliseconds poll,
                                                           messages::SchemaRegistry* registry);

}  // namespace nstarx::connectors::kinesis
