#pragma once

#include "base/context.h"
#include "base/status.h"
#include "connector/facets.h"
#include "connectors/rabbitmq/amqp_connection.h"

namespace nstarx::connectors::rabbitmq {

/// Publishes to a queue or an exchange and waits for the server's confirms of all messages.
Result<connector::ProduceReport> SendMessages(const Context& context, Connection& connection,
                                              std::string_view path,
                                              connector::BatchStream& messages);

}  // namespace nstarx::connectors::rabbitmq
