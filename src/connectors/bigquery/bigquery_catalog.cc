#include "connectors/bigquery/bigquery_catalog.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

#include "connectors/bigquery/bigquery_errors.h"

namespace nstarx::connectors::bigquery {
namespace {

constexpr int64_t kPage = 1000;

const json::object* ObjectAt(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found ? found->if_object() : nullptr;
}

const json::array& ArrayAt(const json::object& object, std::string_view key) {
  static const json::array kEmpty;
  const auto* found = object.if_contains(key);
  return found && found->is_array() ? found->get_array() : kEmpty;
}

std::vector<std::string> TextsAt(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  for (const auto& each : ArrayAt(object, key)) {
    if (each.is_string()) out.emplace_back(each.get_string());
  }
  return out;
}

/// 64 bits come as texts.
std::optional<int64_t> NumberAt(const json::object& object, std::string_view key) {
  const std::string_view text = GetString(object, key);
  int64_t out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || read.ec != std::errc() || out < 0) return std::nullopt;
  return out;
}

std::string KindOf(std::string_view type) {
  if (type == "VIEW") return "view";
  if (type == "MATERIALIZED_VIEW") return "materialized_view";
  if (type == "EXTERNAL") return "external_table";
  if (type == "SNAPSHOT") return "snapshot";
  return "table";
}

/// What is not there, or not for this login to see, as a path that leads nowhere.
Error Named(Error error, std::string_view path) {
  if (error.kind() != ErrorKind::kNotFound) return error;
  return UndefinedTable(path).WithVendorCode(error.vendor_code());
}

/// All items of a list that has pages, until there are `limit`.
Status ForEach(const Context& context, BigqueryClient& client, const std::string& path,
               std::string_view items, const std::function<bool(const json::object&)>& take) {
  std::string token;
  do {
    BigqueryClient::Call call{.method = "GET",
                              .path = path,
                              .query = {{"maxResults", fmt::format("{}", kPage)}},
                              .body = {},
                              .text = {}};
    if (!token.empty()) call.query.emplace_back("pageToken", token);
    NSTARX_TRY(const json::object answer, client.Send(context, call));
    for (const auto& each : ArrayAt(answer, items)) {
      if (each.is_object() && !take(each.get_object())) return {};
    }
    const std::string next(GetString(answer, "nextPageToken"));
    if (!next.empty() && next == token) return Malformed("a page that is its own next");
    token = next;
  } while (!token.empty());
  return {};
}

std::vector<connector::Key> KeysOf(const json::object& table, std::string_view home) {
  std::vector<connector::Key> out;
  const auto* constraints = ObjectAt(table, "tableConstraints");
  if (constraints == nullptr) return out;
  if (const auto* primary = ObjectAt(*constraints, "primaryKey")) {
    out.push_back({.name = "", .kind = "primary", .columns = TextsAt(*primary, "columns")});
  }
  for (const auto& each : ArrayAt(*constraints, "foreignKeys")) {
    if (!each.is_object()) continue;
    const json::object& key = each.get_object();
    connector::Key made{.name = std::string(GetString(key, "name")), .kind = "foreign"};
    std::string referenced;
    for (const auto& pair : ArrayAt(key, "columnReferences")) {
      if (!pair.is_object()) continue;
      made.columns.emplace_back(GetString(pair.get_object(), "referencingColumn"));
      referenced += referenced.empty() ? "" : ", ";
      referenced += GetString(pair.get_object(), "referencedColumn");
    }
    if (const auto* other = ObjectAt(key, "referencedTable")) {
      const Path path{.project = std::string(GetString(*other, "projectId")),
                      .dataset = std::string(GetString(*other, "datasetId")),
                      .table = std::string(GetString(*other, "tableId"))};
      made.references = fmt::format("{}({})", WritePath(path, home), referenced);
    }
    out.push_back(std::move(made));
  }
  return out;
}

/// How the table is divided and sorted.
std::vector<std::string> PartitionsOf(const json::object& table) {
  std::vector<std::string> out;
  if (const auto* time = ObjectAt(table, "timePartitioning")) {
    out.push_back(fmt::format("{} by {}", GetString(*time, "field", "_PARTITIONTIME"),
                              GetString(*time, "type", "DAY")));
  }
  if (const auto* range = ObjectAt(table, "rangePartitioning")) {
    out.push_back(fmt::format("{} by range", GetString(*range, "field")));
  }
  if (const auto* clustering = ObjectAt(table, "clustering")) {
    for (const auto& field : TextsAt(*clustering, "fields")) {
      out.push_back(fmt::format("clustered by {}", field));
    }
  }
  return out;
}

Result<json::object> GetTable(const Context& context, BigqueryClient& client, const Path& path,
                              std::string_view as_given) {
  auto table = client.Send(context, {.method = "GET",
                                     .path = ResourcePath(path.project, path.dataset, path.table),
                                     .query = {},
                                     .body = {},
                                     .text = {}});
  if (!table) return Named(std::move(table).error(), as_given);
  return table;
}

/// A path that may leave out the dataset: it is the connection's then.
std::optional<Path> TablePath(const Service& service, std::string_view text) {
  auto path = ReadPath(text, service.default_project);
  if (!path || path->dataset.empty()) return std::nullopt;
  if (path->table.empty()) {
    if (service.default_dataset.empty() || path->project != service.default_project) {
      return std::nullopt;
    }
    path->table = path->dataset;
    path->dataset = service.default_dataset;
  }
  return path;
}

}  // namespace

Result<std::vector<connector::Node>> ListChildren(const Context& context, BigqueryClient& client,
                                                  std::string_view path, int64_t limit) {
  const std::string& home = client.service().default_project;
  Path parent{.project = home, .dataset = {}, .table = {}};
  if (!path.empty()) {
    const auto read = ReadPath(path, home);
    if (!read) return UndefinedTable(path);
    parent = *read;
  }
  std::vector<connector::Node> out;
  if (!parent.table.empty()) {
    NSTARX_RETURN_IF_ERROR(GetTable(context, client, parent, path));
    return out;
  }
  const bool tables = !parent.dataset.empty();
  const auto take = [&](const json::object& item) {
    const auto* reference = ObjectAt(item, tables ? "tableReference" : "datasetReference");
    if (reference == nullptr) return true;
    Path whole = parent;
    const std::string name(GetString(*reference, tables ? "tableId" : "datasetId"));
    (tables ? whole.table : whole.dataset) = name;
    out.push_back({.name = name,
                   .path = WritePath(whole, home),
                   .kind = tables ? KindOf(GetString(item, "type")) : "dataset",
                   .has_children = !tables,
                   .comment = std::string(GetString(item, "friendlyName"))});
    return static_cast<int64_t>(out.size()) < limit;
  };
  const std::string list =
      ResourcePath(parent.project, parent.dataset) + (tables ? "/tables" : "/datasets");
  const Status listed = ForEach(context, client, list, tables ? "tables" : "datasets", take);
  if (!listed) return Named(listed.error(), path);
  std::ranges::sort(out, {}, &connector::Node::name);
  return out;
}

Result<connector::Description> DescribeTable(const Context& context, BigqueryClient& client,
                                             std::string_view path) {
  const auto whole = TablePath(client.service(), path);
  if (!whole) return UndefinedTable(path);
  NSTARX_TRY(const json::object table, GetTable(context, client, *whole, path));
  connector::Description out;
  out.path = path;
  out.kind = KindOf(GetString(table, "type"));
  out.comment = GetString(table, "description");
  out.row_estimate = NumberAt(table, "numRows");
  out.size_bytes = NumberAt(table, "numBytes");
  out.keys = KeysOf(table, client.service().default_project);
  out.partitions = PartitionsOf(table);
  const auto* schema = ObjectAt(table, "schema");
  if (schema == nullptr) return out;
  NSTARX_TRY(const auto fields, ReadFields(*schema));
  for (const DeclaredField& field : fields) {
    const bool primary = std::ranges::any_of(out.keys, [&](const connector::Key& key) {
      return key.kind == "primary" &&
             std::ranges::find(key.columns, field.name) != key.columns.end();
    });
    out.columns.push_back({.name = field.name,
                           .native_type = field.native,
                           .arrow_type = field.arrow->ToString(),
                           .nullable = !field.required,
                           .primary_key = primary,
                           .default_value = field.default_value,
                           .comment = field.comment});
  }
  return out;
}

Result<FoundTable> FindTable(const Context& context, BigqueryClient& client,
                             std::string_view path) {
  const auto whole = TablePath(client.service(), path);
  if (!whole) return UndefinedTable(path);
  NSTARX_TRY(const json::object table, GetTable(context, client, *whole, path));
  FoundTable out{.path = *whole, .fields = {}, .stored = GetString(table, "type") == "TABLE"};
  if (const auto* schema = ObjectAt(table, "schema")) {
    NSTARX_TRY(out.fields, ReadFields(*schema));
  }
  out.stored = out.stored && !out.fields.empty();
  return out;
}

}  // namespace nstarx::connectors::bigquery
