#pragma once

#include <map>
#include <memory>
#include <optional>

#include "connector/facets.h"
#include "connectors/pulsar/pulsar_admin.h"
#include "connectors/pulsar/pulsar_client.h"

namespace nstarx::connectors::messages {
class SchemaRegistry;
}

namespace nstarx::connectors::pulsar {

/// What is read of a partition.
struct PartitionRange {
  MessageId after;                 ///< what the library is told to begin behind
  MessageId start;                 ///< what comes before is left out: entries are sent whole
  std::optional<MessageId> until;  ///< the last entry; nothing: there is none to read now
  int64_t keep = 0;                ///< only the last so many; 0: all
};

/// Reads partitions of one topic through `client`, which must outlive the stream, as must
/// `registry` (null: none). The first messages are waited for (a little) so that the schema is
/// known.
Result<std::unique_ptr<connector::BatchStream>> ReadTopic(
    const Context& context, Client& client, const Topic& topic,
    const connector::ConsumeRequest& request, const std::map<int32_t, PartitionRange>& ranges,
    messages::SchemaRegistry* registry);

}  // namespace nstarx::connectors::pulsar
