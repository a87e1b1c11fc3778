#pragma once

#include "connector/facets.h"
#include "connectors/kafka/kafka_client.h"

namespace nstarx::connectors::kafka {

/// Sends all messages through the writing `client` and waits for the cluster's receipts. When it
/// fails, details.delivered says how many were taken, and the client must be thrown away.
Result<connector::ProduceReport> SendMessages(const Context& context, Client& client,
                                              const std::string& topic,
                                              connector::BatchStream& messages);

}  // namespace nstarx::connectors::kafka
