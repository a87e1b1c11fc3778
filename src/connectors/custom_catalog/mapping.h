#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "connector/metadata.h"
#include "connectors/custom_catalog/json_path.h"

namespace nstarx::connectors::custom_catalog {

/// One kind of request and what to take from its answer.
struct Request {
  std::string path;                          ///< with {database} and {name}, encoded when filled in
  std::map<std::string, std::string> query;  ///< sent as it is
  std::optional<JsonPath> items;             ///< of lists
  std::map<std::string, JsonPath, std::less<>> take;  ///< from each item, or the answer
  std::string page_parameter;                         ///< of the next page's token
  std::optional<JsonPath> page_next;
};

enum class TypeSystem { kHive, kIceberg, kNone };

/// What a catalog's API looks like, read from `mapping` of a configuration. Immutable.
struct Mapping {
  std::optional<Request> databases;  ///< none: datasets lists all
  Request datasets;
  Request dataset;
  std::map<std::string, JsonPath, std::less<>> column;  ///< name, type, comment, required
  TypeSystem types = TypeSystem::kNone;
  std::string separator = ".";  ///< between the levels of a database, in requests

  /// config.malformed_mapping and config.malformed_path name the member.
  static Result<Mapping> Read(const json::object& mapping);

  /// The path with its placeholders filled in, percent-encoded.
  std::string PathOf(const Request& request, std::string_view database,
                     std::string_view name) const;
  /// A dataset of an answer.
  connector::Dataset ReadDataset(const json::value& answer, std::string_view database,
                                 std::string_view name) const;
};

/// A name: text, or a list of texts of which the last is the name and the rest the database.
struct LevelledName {
  std::string database;
  std::string name;
};
LevelledName ReadName(const json::value* value);

}  // namespace nstarx::connectors::custom_catalog
