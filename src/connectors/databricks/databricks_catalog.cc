#include "connectors/databricks/databricks_catalog.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/percent.h"
#include "connectors/databricks/databricks_types.h"
#include "connectors/databricks/statement_text.h"

namespace nstarx::connectors::databricks {
namespace {

constexpr std::string_view kUnity = "/api/2.1/unity-catalog/";

const json::array& ArrayOf(const json::object& object, std::string_view key) {
  static const json::array kEmpty;
  const auto* found = object.if_contains(key);
  return found && found->is_array() ? found->get_array() : kEmpty;
}

const json::object& ObjectOf(const json::object& object, std::string_view key) {
  static const json::object kEmpty;
  const auto* found = object.if_contains(key);
  return found && found->is_object() ? found->get_object() : kEmpty;
}

std::string KindOf(std::string_view type) {
  if (type == "VIEW" || type == "METRIC_VIEW") return "view";
  if (type == "MATERIALIZED_VIEW") return "materialized_view";
  if (type == "FOREIGN") return "foreign_table";
  return "table";
}

std::vector<std::string> Names(const json::array& list) {
  std::vector<std::string> out;
  for (const auto& each : list) {
    if (each.is_string()) out.emplace_back(each.get_string());
  }
  return out;
}

void AddKeys(const json::object& table, connector::Description* out) {
  for (const auto& each : ArrayOf(table, "table_constraints")) {
    if (!each.is_object()) continue;
    const json::object& primary = ObjectOf(each.get_object(), "primary_key_constraint");
    const json::object& foreign = ObjectOf(each.get_object(), "foreign_key_constraint");
    const json::object& found = primary.empty() ? foreign : primary;
    if (found.empty()) continue;
    connector::Key key{.name = std::string(GetString(found, "name")),
                       .kind = primary.empty() ? "foreign" : "primary",
                       .columns = Names(ArrayOf(found, "child_columns")),
                       .references = {}};
    if (primary.empty()) {
      std::string columns;
      for (const auto& name : Names(ArrayOf(found, "parent_columns"))) {
        columns += (columns.empty() ? "" : ", ") + name;
      }
      key.references = fmt::format("{}({})", GetString(found, "parent_table"), columns);
    }
    out->keys.push_back(std::move(key));
  }
}

void AddColumns(const json::object& table, connector::Description* out) {
  std::map<int64_t, std::string> partitions;
  for (const auto& each : ArrayOf(table, "columns")) {
    if (!each.is_object()) continue;
    const json::object& column = each.get_object();
    std::string type(GetString(column, "type_text"));
    if (type.empty()) type = GetString(column, "type_name");
    const auto arrow_type = ArrowTypeOf(type);
    const std::string name(GetString(column, "name"));
    const int64_t partition = GetInt(column, "partition_index", -1);
    if (partition >= 0) partitions[partition] = name;
    const bool primary = std::ranges::any_of(out->keys, [&](const connector::Key& key) {
      return key.kind == "primary" && std::ranges::find(key.columns, name) != key.columns.end();
    });
    out->columns.push_back({.name = name,
                            .native_type = type,
                            .arrow_type = arrow_type ? arrow_type->ToString() : "string",
                            .nullable = GetBool(column, "nullable", true) && !primary,
                            .primary_key = primary,
                            .default_value = {},
                            .comment = std::string(GetString(column, "comment"))});
  }
  for (auto& [index, name] : partitions) out->partitions.push_back(std::move(name));
}

}  // namespace

Error UndefinedTable(std::string_view path) {
  return NotFound("query.undefined_table",
                  fmt::format("There is no table '{}'", path.substr(0, 300)))
      .WithStage("query")
      .WithConnector("databricks");
}

Result<std::vector<connector::Node>> ListChildren(const Context& context, DatabricksClient& client,
                                                  std::string_view path, int64_t limit) {
  std::vector<std::string> parts;
  if (!path.empty()) {
    auto split = SplitPath(path);
    if (!split || split->size() > 3) return UndefinedTable(path);
    parts = *std::move(split);
  }
  if (parts.size() == 3) {
    NSTARX_RETURN_IF_ERROR(DescribeTable(context, client, path));
    return std::vector<connector::Node>();
  }
  constexpr std::string_view kLists[] = {"catalogs", "schemas", "tables"};
  constexpr std::string_view kKinds[] = {"catalog", "schema", ""};
  const std::string_view list = kLists[parts.size()];
  net::HttpFields query;
  if (!parts.empty()) query.emplace_back("catalog_name", parts[0]);
  if (parts.size() > 1) query.emplace_back("schema_name", parts[1]);
  std::vector<connector::Node> out;
  std::string token;
  do {
    net::HttpFields page = query;
    if (!token.empty()) page.emplace_back("page_token", token);
    auto reply = client.Call(context, "GET", std::string(kUnity) + std::string(list), page, {}, {});
    if (!reply) return std::move(reply).error();
    for (const auto& each : ArrayOf(*reply, list)) {
      if (!each.is_object()) continue;
      const json::object& item = each.get_object();
      std::vector<std::string> whole = parts;
      whole.emplace_back(GetString(item, "name"));
      out.push_back({.name = whole.back(),
                     .path = JoinPath(whole),
                     .kind = parts.size() < 2 ? std::string(kKinds[parts.size()])
                                              : KindOf(GetString(item, "table_type")),
                     .has_children = parts.size() < 2,
                     .comment = std::string(GetString(item, "comment")),
                     .row_estimate = {},
                     .size_bytes = {}});
    }
    const std::string next(GetString(*reply, "next_page_token"));
    if (next == token) break;
    token = next;
  } while (!token.empty());
  std::ranges::sort(out, {}, &connector::Node::name);
  if (static_cast<int64_t>(out.size()) > limit) out.resize(static_cast<size_t>(limit));
  return out;
}

Result<connector::Description> DescribeTable(const Context& context, DatabricksClient& client,
                                             std::string_view path) {
  auto parts = SplitPath(path);
  if (!parts || parts->size() > 3) return UndefinedTable(path);
  // Unity Catalog has no names with a slash.
  if (path.find('/') != std::string_view::npos) return UndefinedTable(path);
  if (parts->size() == 1) parts->insert(parts->begin(), client.workspace().schema);
  if (parts->size() == 2) parts->insert(parts->begin(), client.workspace().catalog);
  const std::string name = (*parts)[0] + "." + (*parts)[1] + "." + (*parts)[2];
  auto table = client.Call(context, "GET", std::string(kUnity) + "tables/" + PercentEncode(name),
                           {}, {}, {});
  if (!table) {
    const Error& error = table.error();
    const std::string& vendor = error.vendor_code();
    if (vendor == "TABLE_DOES_NOT_EXIST" || vendor == "RESOURCE_DOES_NOT_EXIST" ||
        vendor == "NOT_FOUND" || vendor == "SCHEMA_DOES_NOT_EXIST" ||
        vendor == "CATALOG_DOES_NOT_EXIST") {
      return UndefinedTable(path);
    }
    return error;
  }
  connector::Description out;
  out.path = path;
  out.kind = KindOf(GetString(*table, "table_type"));
  out.comment = GetString(*table, "comment");
  const std::string_view format = GetString(*table, "data_source_format");
  const std::string_view owner = GetString(*table, "owner");
  for (const std::string& note : {format.empty() ? std::string() : fmt::format("format {}", format),
                                  owner.empty() ? std::string() : fmt::format("owner {}", owner)}) {
    if (!note.empty()) out.comment += (out.comment.empty() ? "" : "; ") + note;
  }
  AddKeys(*table, &out);
  AddColumns(*table, &out);
  return out;
}

}  // namespace nstarx::connectors::databricks
