#include "connectors/mongodb/mongodb_catalog.h"

#include <bson/bson.h>
#include <fmt/format.h>

#include <algorithm>

#include "connectors/mongodb/mongodb_errors.h"

namespace nstarx::connectors::mongodb {
namespace {

/// So many collections are asked for their size when a database is listed.
constexpr size_t kMaxSized = 100;

const json::array& ArrayOf(const json::object& object, std::string_view key) {
  static const json::array kEmpty;
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_array() ? found->get_array() : kEmpty;
}

const json::object& ObjectOf(const json::object& object, std::string_view key) {
  static const json::object kEmpty;
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_object() ? found->get_object() : kEmpty;
}

/// A count, whatever number type the server uses for it.
std::optional<int64_t> CountOf(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(key);
  if (found == nullptr) return std::nullopt;
  if (found->is_int64()) return found->get_int64();
  if (found->is_double()) return static_cast<int64_t>(found->get_double());
  return std::nullopt;
}

Result<std::vector<json::object>> ReadAll(const Context& context, Client& client,
                                          const std::string& database, const bson_t& command) {
  std::vector<json::object> out;
  NSTARX_TRY(Answer answer, client.Run(context, database, command, Client::Use::kRead));
  if (answer.cursor == nullptr) return out;
  for (;;) {
    NSTARX_TRY(const bson_t* document, answer.cursor->Next(context));
    if (document == nullptr) return out;
    out.push_back(ToJsonObject(*document));
  }
}

Result<std::vector<json::object>> CollectionsOf(const Context& context, Client& client,
                                                const CollectionPath& path) {
  Bson command(bson_new());
  BSON_APPEND_INT32(command.get(), "listCollections", 1);
  if (!path.collection.empty()) {
    bson_t filter;
    BSON_APPEND_DOCUMENT_BEGIN(command.get(), "filter", &filter);
    BSON_APPEND_UTF8(&filter, "name", path.collection.c_str());
    bson_append_document_end(command.get(), &filter);
  }
  NSTARX_TRY(auto found, ReadAll(context, client, path.database, *command));
  if (!path.collection.empty()) {
    // A server may pass over the filter and list them all.
    std::erase_if(found,
                  [&](const auto& row) { return GetString(row, "name") != path.collection; });
  }
  return found;
}

/// Estimates of the server; views and small rights have none.
void AddSizes(const Context& context, Client& client, const CollectionPath& path,
              std::optional<int64_t>* rows, std::optional<int64_t>* bytes) {
  Bson command(bson_new());
  BSON_APPEND_UTF8(command.get(), "collStats", path.collection.c_str());
  const auto reply = client.RunSimple(context, path.database, *command);
  if (!reply) return;
  const json::object stats = ToJsonObject(**reply);
  *rows = CountOf(stats, "count");
  *bytes = CountOf(stats, "size");
}

std::string KindOf(const json::object& collection) {
  return GetString(collection, "type") == "view" ? "view" : "table";
}

void SortAndCut(std::vector<connector::Node>* nodes, int64_t limit) {
  std::ranges::sort(*nodes, {}, &connector::Node::name);
  if (static_cast<int64_t>(nodes->size()) > limit) nodes->resize(static_cast<size_t>(limit));
}

Status AddIndexes(const Context& context, Client& client, const CollectionPath& path,
                  connector::Description* out) {
  Bson command(bson_new());
  BSON_APPEND_UTF8(command.get(), "listIndexes", path.collection.c_str());
  auto found = ReadAll(context, client, path.database, *command);
  if (!found) {
    // Who may read may not always see the indexes.
    if (found.error().kind() == ErrorKind::kPermissionDenied) return {};
    return std::move(found).error();
  }
  for (const auto& row : *found) {
    connector::Index index{.name = std::string(GetString(row, "name")),
                           .columns = {},
                           .unique = GetBool(row, "unique", false),
                           .definition = json::serialize(row)};
    for (const auto& [key, direction] : ObjectOf(row, "key")) index.columns.emplace_back(key);
    if (index.name == "_id_") index.unique = true;
    if (index.unique) {
      out->keys.push_back({.name = index.name,
                           .kind = index.name == "_id_" ? "primary" : "unique",
                           .columns = index.columns,
                           .references = {}});
    }
    out->indexes.push_back(std::move(index));
  }
  return {};
}

/// A stage of a plan and what feeds it.
json::object PlanNode(const json::object& stage, int depth) {
  json::array children;
  if (depth < 50) {
    const json::object& input = ObjectOf(stage, "inputStage");
    if (!input.empty()) children.push_back(PlanNode(input, depth + 1));
    for (const auto& each : ArrayOf(stage, "inputStages")) {
      if (each.is_object()) children.push_back(PlanNode(each.get_object(), depth + 1));
    }
    const json::object& inner = ObjectOf(stage, "queryPlan");
    if (!inner.empty()) children.push_back(PlanNode(inner, depth + 1));
  }
  json::object out{{"node", GetString(stage, "stage", "PLAN")},
                   {"rows", nullptr},
                   {"cost", nullptr},
                   {"children", std::move(children)}};
  if (stage.contains("indexName")) out["index"] = GetString(stage, "indexName");
  return out;
}

}  // namespace

CollectionPath ParsePath(std::string_view path) {
  const size_t dot = path.find('.');
  if (dot == std::string_view::npos) return {.database = std::string(path), .collection = {}};
  return {.database = std::string(path.substr(0, dot)),
          .collection = std::string(path.substr(dot + 1))};
}

Result<std::vector<connector::Node>> ListDatabases(const Context& context, Client& client,
                                                   const std::string& default_database,
                                                   int64_t limit) {
  std::vector<connector::Node> out;
  auto reply = client.RunJson(context, "admin", R"({"listDatabases": 1})");
  if (!reply) {
    if (reply.error().kind() != ErrorKind::kPermissionDenied) return std::move(reply).error();
    out.push_back({.name = default_database,
                   .path = default_database,
                   .kind = "schema",
                   .has_children = true});
    return out;
  }
  for (const auto& each : ArrayOf(ToJsonObject(**reply), "databases")) {
    if (!each.is_object()) continue;
    const std::string name(GetString(each.get_object(), "name"));
    out.push_back({.name = name,
                   .path = name,
                   .kind = "schema",
                   .has_children = true,
                   .comment = {},
                   .row_estimate = std::nullopt,
                   .size_bytes = CountOf(each.get_object(), "sizeOnDisk")});
  }
  SortAndCut(&out, limit);
  return out;
}

Result<std::vector<connector::Node>> ListCollections(const Context& context, Client& client,
                                                     const std::string& database, int64_t limit) {
  NSTARX_TRY(const auto found,
             CollectionsOf(context, client, {.database = database, .collection = {}}));
  std::vector<connector::Node> out;
  for (const auto& row : found) {
    const std::string name(GetString(row, "name"));
    if (name.starts_with("system.")) continue;
    out.push_back({.name = name, .path = database + "." + name, .kind = KindOf(row)});
  }
  SortAndCut(&out, limit);
  for (size_t i = 0; i < std::min(out.size(), kMaxSized); ++i) {
    if (out[i].kind == "view") continue;
    AddSizes(context, client, {.database = database, .collection = out[i].name},
             &out[i].row_estimate, &out[i].size_bytes);
  }
  return out;
}

Result<connector::Description> DescribeCollection(const Context& context, Client& client,
                                                  const CollectionPath& path) {
  const std::string whole = path.database + "." + path.collection;
  NSTARX_TRY(const auto found, CollectionsOf(context, client, path));
  if (path.collection.empty() || found.empty()) return NoSuchCollection(whole);
  connector::Description out;
  out.path = whole;
  out.kind = KindOf(found.front());
  const json::object& options = ObjectOf(found.front(), "options");
  if (options.contains("validator")) {
    out.comment = "validator: " + json::serialize(options.at("validator"));
  }
  if (out.kind == "view") {
    out.comment = fmt::format("view on {}: {}", GetString(options, "viewOn"),
                              json::serialize(ArrayOf(options, "pipeline")));
    return out;
  }
  AddSizes(context, client, path, &out.row_estimate, &out.size_bytes);
  NSTARX_RETURN_IF_ERROR(AddIndexes(context, client, path, &out));
  return out;
}

Result<connector::PrivilegeReport> ReadPrivileges(const Context& context, Client& client,
                                                  const std::string& database) {
  connector::PrivilegeReport out;
  auto reply =
      client.RunJson(context, "admin", R"({"connectionStatus": 1, "showPrivileges": true})");
  if (!reply) {
    if (reply.error().code() != "query.unknown_command") return std::move(reply).error();
    out.facts["note"] = "the server has no connectionStatus: it can't tell";
    return out;
  }
  const json::object status = ToJsonObject(**reply);
  const json::object& info = ObjectOf(status, "authInfo");
  const json::array& users = ArrayOf(info, "authenticatedUsers");
  if (users.empty()) {
    out.facts["note"] = "nobody is logged in: the server asks for no login, or lets nobody do much";
    return out;
  }
  if (users.front().is_object()) out.user = GetString(users.front().get_object(), "user");
  for (const auto& each : ArrayOf(info, "authenticatedUserRoles")) {
    if (!each.is_object()) continue;
    out.granted.push_back(fmt::format("{}@{}", GetString(each.get_object(), "role"),
                                      GetString(each.get_object(), "db")));
  }
  bool may_find = false;
  for (const auto& each : ArrayOf(info, "authenticatedUserPrivileges")) {
    if (!each.is_object()) continue;
    const json::object& resource = ObjectOf(each.get_object(), "resource");
    const std::string_view where = GetString(resource, "db");
    if (!resource.contains("anyResource") && !where.empty() && where != database) continue;
    for (const auto& action : ArrayOf(each.get_object(), "actions")) {
      if (action.is_string() && action.get_string() == "find") may_find = true;
    }
  }
  if (!may_find) out.missing.push_back("find on " + database);
  return out;
}

Result<json::object> ExplainCommand(const Context& context, Client& client,
                                    const std::string& database, const bson_t& command) {
  Bson explain(bson_new());
  BSON_APPEND_DOCUMENT(explain.get(), "explain", &command);
  BSON_APPEND_UTF8(explain.get(), "verbosity", "queryPlanner");
  NSTARX_TRY(const Bson reply, client.RunSimple(context, database, *explain));
  json::object native = ToJsonObject(*reply);
  const json::object* planner = &ObjectOf(native, "queryPlanner");
  const json::array& stages = ArrayOf(native, "stages");
  if (planner->empty() && !stages.empty() && stages.front().is_object()) {
    planner = &ObjectOf(ObjectOf(stages.front().get_object(), "$cursor"), "queryPlanner");
  }
  json::object plan = PlanNode(ObjectOf(*planner, "winningPlan"), 0);
  return json::object{{"plan", std::move(plan)}, {"native", std::move(native)}};
}

}  // namespace nstarx::connectors::mongodb
