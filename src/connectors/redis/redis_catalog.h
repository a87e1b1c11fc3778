#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connector/facets.h"
#include "connectors/redis/redis_client.h"

namespace nstarx::connectors::redis {

/// `<database>`, `<database>/<pattern>` or `<pattern>`.
struct KeyPath {
  std::optional<int64_t> database;
  std::string pattern;
};
KeyPath ParseKeyPath(std::string_view path);

/// The databases that have keys, and `home`.
Result<std::vector<connector::Node>> ListDatabases(const Context& context, Client& client,
                                                   int64_t home, int64_t limit);

/// Keys below a pattern that ends with `*`, those with a separator put together by their prefix.
/// Looks at a bounded number of keys.
Result<std::vector<connector::Node>> ListKeys(const Context& context, Client& client,
                                              const KeyPath& path, int64_t database,
                                              std::string_view separator, int64_t limit);

/// What the login may do: its ACL rules if it may see them, and which commands that reading needs
/// are refused.
Result<connector::PrivilegeReport> ReadPrivileges(const Context& context, Client& client);

}  // namespace nstarx::connectors::redis
