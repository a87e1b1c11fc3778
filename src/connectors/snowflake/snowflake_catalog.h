#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connector/facets.h"
#include "connectors/snowflake/snowflake_client.h"

namespace nstarx::connectors::snowflake {

/// Databases, schemas of one, tables and views of a schema, by SHOW, which needs no warehouse.
Result<std::vector<connector::Node>> ListChildren(const Context& context, SnowflakeClient& client,
                                                  std::string_view path, int64_t limit);
/// `home` completes a path that is not whole.
Result<connector::Description> DescribeTable(const Context& context, SnowflakeClient& client,
                                             const std::vector<std::string>& home,
                                             std::string_view path);

}  // namespace nstarx::connectors::snowflake
