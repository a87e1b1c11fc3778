#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::datahub {

std::unique_ptr<connector::Connector> MakeDatahubConnector();

/// The text of spec.json.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::datahub
