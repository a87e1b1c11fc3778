#pragma once

#include <map>
#include <memory>

#include "connector/facets.h"
#include "connectors/kafka/kafka_client.h"

namespace nstarx::connectors::messages {
class SchemaRegistry;
}

namespace nstarx::connectors::kafka {

/// Where each partition is read from, and up to where (the end when there is no bound).
struct ReadRange {
  int64_t from = 0;  ///< an offset, or one of librdkafka's marks
  std::optional<int64_t> until;
};

/// Reads partitions of one topic through `client`, which must outlive the stream, as must
/// `registry` (null: none). The first messages are waited for (a little) so that the schema is
/// known.
Result<std::unique_ptr<connector::BatchStream>> ReadTopic(
    const Context& context, Client& client, const connector::ConsumeRequest& request,
    const std::map<int32_t, ReadRange>& ranges, messages::SchemaRegistry* registry);

}  // namespace nstarx::connectors::kafka
