#pragma once

#include "connector/facets.h"
#include "connectors/pulsar/pulsar_admin.h"
#include "connectors/pulsar/pulsar_client.h"

namespace nstarx::connectors::pulsar {

/// Writes messages and waits for every receipt. On failure details.delivered counts those that the
/// broker has taken.
Result<connector::ProduceReport> SendMessages(const Context& context, Client& client,
                                              const Topic& topic, connector::BatchStream& messages);

}  // namespace nstarx::connectors::pulsar
