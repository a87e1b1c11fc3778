#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::event_hubs {

/// Azure Event Hubs by its Kafka endpoint. Thread-safe.
std::unique_ptr<connector::Connector> MakeEventHubsConnector();

/// spec.json, embedded in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::event_hubs
