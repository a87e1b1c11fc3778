#pragma once

#include <string_view>
#include <vector>

#include "connector/facets.h"
#include "connectors/databricks/databricks_client.h"

namespace nstarx::connectors::databricks {

/// Catalogs, schemas of one, tables and views of a schema, by Unity Catalog's REST API.
Result<std::vector<connector::Node>> ListChildren(const Context& context, DatabricksClient& client,
                                                  std::string_view path, int64_t limit);
Result<connector::Description> DescribeTable(const Context& context, DatabricksClient& client,
                                             std::string_view path);
Error UndefinedTable(std::string_view path);

}  // namespace nstarx::connectors::databricks
