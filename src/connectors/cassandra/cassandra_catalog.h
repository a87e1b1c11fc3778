#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connector/facets.h"
#include "connectors/cassandra/cql_client.h"
#include "connectors/cassandra/cql_statement.h"

namespace nstarx::connectors::cassandra {

/// Keyspaces, or the tables, views and types of one.
Result<std::vector<connector::Node>> ListChildren(const Context& context, CqlClient& client,
                                                  std::string_view path, int64_t limit);
Result<connector::Description> DescribePath(const Context& context, CqlClient& client,
                                            std::string_view path, std::string_view keyspace,
                                            NumericAs numeric);
/// In order; empty when there is no such table.
Result<std::vector<std::string>> PartitionKey(const Context& context, CqlClient& client,
                                              const TablePath& table);
Result<connector::PrivilegeReport> ReadPrivileges(const Context& context, CqlClient& client,
                                                  std::string_view user, std::string_view keyspace,
                                                  bool read_only);

}  // namespace nstarx::connectors::cassandra
