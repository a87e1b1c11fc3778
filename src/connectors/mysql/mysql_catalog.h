#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connector/facets.h"
#include "connectors/mysql/mysql_protocol.h"

namespace nstarx::connectors::mysql {

/// A table's name and its database's.
struct TablePath {
  std::string database;
  std::string table;
  std::string Quoted() const;
};

/// `name` in backticks.
std::string Quote(std::string_view name);
/// `text` as an SQL string.
std::string Literal(std::string_view text);

/// `db.table`, `table` (of the default database), either part in backticks or double quotes.
Result<TablePath> ParsePath(std::string_view path, std::string_view default_database);
std::string PathOf(std::string_view database, std::string_view table);
Error NoSuchTable(std::string_view path);

Result<std::vector<connector::Node>> ListChildren(Conversation& conversation, std::string_view path,
                                                  int64_t limit);
Result<connector::Description> DescribeTable(Conversation& conversation, std::string_view path,
                                             std::string_view default_database);
/// EXPLAIN FORMAT=JSON as a tree.
Result<json::object> ExplainStatement(Conversation& conversation, std::string_view text);
/// SHOW GRANTS against what the connector needs.
Result<connector::PrivilegeReport> ReadPrivileges(Conversation& conversation,
                                                  std::string_view database, bool read_only);

/// The plan tree of the server's JSON; exposed for its test.
json::object PlanTree(const json::value& native);

}  // namespace nstarx::connectors::mysql
