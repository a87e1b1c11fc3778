#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::bigquery {

std::unique_ptr<connector::Connector> MakeBigqueryConnector();
/// spec.json as it was at build time.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::bigquery
