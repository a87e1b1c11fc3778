#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "connector/metadata.h"
#include "connectors/atlas/type_model.h"

namespace nstarx::connectors::atlas {

/// What names an entity: its type and its qualifiedName.
struct EntityName {
  std::string type;
  std::string qualified_name;
};

/// `type."qualified name"`. A plain DataSet that is named by a URL has that URL as its path: what
/// lineage leads to outside of Atlas.
std::string PathOf(std::string_view type, std::string_view qualified_name);
/// The inverse; query.undefined_table for what is no such path.
Result<EntityName> ReadPath(std::string_view path);

/// An entity that a header (of a search, of lineage) shows in short: path, name, kind, comment.
/// Its path is empty when Atlas hides it.
connector::Dataset ReadHeader(const TypeModel& model, const json::object& header);
/// An entity with all that belongs to it: {"entity": …, "referredEntities": …}.
connector::Dataset ReadEntity(const TypeModel& model, const json::object& answer);

/// Members of an object, empty ones where they are missing or of another type.
const json::object& ObjectAt(const json::object& object, std::string_view key);
const json::array& ArrayAt(const json::object& object, std::string_view key);

/// What changes an entity, in the parts that Atlas takes.
struct EntityChange {
  json::object body;      ///< of POST /v2/entity
  json::object business;  ///< {"Group": {"attribute": value}}; empty: none
};

/// `now` is the answer of GET /v2/entity, null for a new entity. Errors: metadata.needs_columns,
/// metadata.change_refused. `business` are the names of business metadata that there are.
Result<EntityChange> WriteEntity(const TypeModel& model, const EntityName& name,
                                 const json::object* now, const connector::DatasetChange& change,
                                 const std::set<std::string, std::less<>>& business);

}  // namespace nstarx::connectors::atlas
