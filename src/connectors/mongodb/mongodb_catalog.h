#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connector/facets.h"
#include "connectors/mongodb/mongodb_client.h"

namespace nstarx::connectors::mongodb {

struct CollectionPath {
  std::string database;
  std::string collection;  ///< empty: the database itself
};

/// `database.collection`; the collection's name may hold further dots.
CollectionPath ParsePath(std::string_view path);

Result<std::vector<connector::Node>> ListDatabases(const Context& context, Client& client,
                                                   const std::string& default_database,
                                                   int64_t limit);
Result<std::vector<connector::Node>> ListCollections(const Context& context, Client& client,
                                                     const std::string& database, int64_t limit);
/// All but the columns. query.undefined_table.
Result<connector::Description> DescribeCollection(const Context& context, Client& client,
                                                  const CollectionPath& path);
/// The login's roles; an empty report with a note when the server can't tell.
Result<connector::PrivilegeReport> ReadPrivileges(const Context& context, Client& client,
                                                  const std::string& database);
/// {"plan", "native"}.
Result<json::object> ExplainCommand(const Context& context, Client& client,
                                    const std::string& database, const bson_t& command);

}  // namespace nstarx::connectors::mongodb
