#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::snowflake {

std::unique_ptr<connector::Connector> MakeSnowflakeConnector();
/// spec.json as it was at build time.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::snowflake
