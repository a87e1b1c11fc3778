#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::kafka {

std::unique_ptr<connector::Connector> MakeKafkaConnector();

/// spec.json as it is in the program.
std::string_view SpecDocument();

/// For services that speak Kafka's protocol: opens a session of `request`, logging in with SASL
/// PLAIN as `user`.
Result<std::unique_ptr<connector::Session>> OpenWithPlain(const Context& context,
                                                          const connector::OpenRequest& request,
                                                          std::vector<model::Endpoint> endpoints,
                                                          std::string user, Secret password);

}  // namespace nstarx::connectors::kafka
