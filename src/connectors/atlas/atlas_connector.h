#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::atlas {

std::unique_ptr<connector::Connector> MakeAtlasConnector();

/// The text of spec.json.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::atlas
