#pragma once

#include "connectors/kafka/kafka_client.h"

namespace nstarx::connectors::kafka {

/// Waits until the cluster has answered once, and checks that the addresses it names for itself can
/// be reached. Finds the cause when it can't.
Result<ClusterFacts> LogIn(const Context& context, const Login& login, Client& client);

}  // namespace nstarx::connectors::kafka
