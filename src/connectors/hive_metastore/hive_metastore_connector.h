#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::hive_metastore {

std::unique_ptr<connector::Connector> MakeHiveMetastoreConnector();

/// The text of spec.json.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::hive_metastore
