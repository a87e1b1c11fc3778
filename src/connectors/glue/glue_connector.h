#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::glue {

std::unique_ptr<connector::Connector> MakeGlueConnector();

/// The text of spec.json.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::glue
