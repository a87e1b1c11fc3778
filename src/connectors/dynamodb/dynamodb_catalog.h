#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "connector/facets.h"
#include "connectors/aws/json_client.h"

namespace nstarx::connectors::dynamodb {

/// What DescribeTable says. Plain value.
struct TableShape {
  connector::Description description;            ///< without columns
  std::vector<std::string> key_names;            ///< hash key, then range key
  std::map<std::string, std::string> key_kinds;  ///< of the table's and its indexes' keys: S, N, B
  std::string status;                            ///< ACTIVE, CREATING, …
};

Result<std::vector<connector::Node>> ListTables(const Context& context, aws::JsonClient& client,
                                                int64_t limit);
/// query.undefined_table.
Result<TableShape> DescribeTable(const Context& context, aws::JsonClient& client,
                                 std::string_view table);

}  // namespace nstarx::connectors::dynamodb
