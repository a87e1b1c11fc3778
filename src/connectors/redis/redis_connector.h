#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::redis {

/// Redis, Valkey and the services that speak their protocol.
std::unique_ptr<connector::Connector> MakeRedisConnector();

/// spec.json, built into the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::redis
