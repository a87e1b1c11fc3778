#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::rabbitmq {

std::unique_ptr<connector::Connector> MakeRabbitmqConnector();

/// spec.json as it is in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::rabbitmq
