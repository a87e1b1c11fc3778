#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::kafka {

std::unique_ptr<connector::Connector> MakeKafkaConnector();

/// spec.json as it is in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::kafka
