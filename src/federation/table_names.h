#pragma once

#include <string>
#include <string_view>

namespace nstarx::federation {

/// A table of a connection.
struct TableName {
  std::string connection;
  std::string path;  ///< as the connection's browse shows it
};

/// `catalog.schema.table` of a statement: the connection is the first part that is given. What
/// follows is one path, or two parts whose names are put between double quotes where they need it.
/// An empty connection for a name of one part, which is no connection's.
TableName NameOf(std::string_view catalog, std::string_view schema, std::string_view table);

}  // namespace nstarx::federation
