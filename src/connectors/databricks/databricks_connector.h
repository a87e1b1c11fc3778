#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::databricks {

/// The connector for Databricks SQL warehouses. Thread-safe.
std::unique_ptr<connector::Connector> MakeDatabricksConnector();

/// spec.json, embedded in the program.
std::string_view SpecDocument();

/// The warehouse's id: `warehouse_id`, or the last part of `http_path`. config.malformed_warehouse.
Result<std::string> WarehouseId(const json::object& configuration);

}  // namespace nstarx::connectors::databricks
