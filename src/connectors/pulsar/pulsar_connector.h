#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::pulsar {

std::unique_ptr<connector::Connector> MakePulsarConnector();

/// spec.json as it is in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::pulsar
