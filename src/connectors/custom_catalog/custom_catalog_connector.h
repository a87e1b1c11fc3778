#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::custom_catalog {

std::unique_ptr<connector::Connector> MakeCustomCatalogConnector();

/// The text of spec.json.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::custom_catalog
