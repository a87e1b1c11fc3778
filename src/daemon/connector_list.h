#pragma once

#include <memory>
#include <vector>

#include "connector/connector.h"

namespace nstarx::daemon {

/// One connector of every room under src/connectors/; written by CMake.
std::vector<std::unique_ptr<connector::Connector>> AllConnectors();

}  // namespace nstarx::daemon
