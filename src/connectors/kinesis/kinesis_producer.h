#pragma once

#include <string_view>

#include "connector/facets.h"
#include "connectors/aws/json_client.h"

namespace nstarx::connectors::kinesis {

/// Writes messages by PutRecords, in calls of at most 500 records and 4 MiB. Records that a call
/// refused because a shard is busy are sent again, after those that came behind them in the same
/// call. On an error details.delivered says how many were taken.
Result<connector::ProduceReport> SendMessages(const Context& context, aws::JsonClient& client,
                                              std::string_view stream,
                                              connector::BatchStream& messages);

}  // namespace nstarx::connectors::kinesis
