#include "connectors/glue/glue_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/catalogs/dataset_notes.h"
#include "connectors/glue/glue_table.h"

namespace nstarx::connectors::glue {
namespace {

using connector::Dataset;

/// What one answer of ours may go through.
constexpr int64_t kItemsMax = 100'000;
constexpr int64_t kLineageTables = 20'000;

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Error TooMany(std::string_view code, int64_t count) {
  return Error(ErrorKind::kResourceExhausted, std::string(code),
               fmt::format("the catalog has more than {} of them", count))
      .WithStage("query");
}

}  // namespace

Status GlueSession::Ping(const Context& context) {
  const auto answer = client_->Call(context, "GetDatabases", {{"MaxResults", 1}});
  // Who may not list databases is logged in all the same.
  if (answer || answer.error().kind() == ErrorKind::kPermissionDenied) return {};
  return answer.error();
}

Result<GlueSession::Name> GlueSession::ReadName(std::string_view path) {
  std::vector<std::string> parts = catalogs::SplitPath(path);
  if (parts.size() != 2 || parts[0].empty() || parts[1].empty() || parts[0].size() > 255 ||
      parts[1].size() > 255) {
    return catalogs::UndefinedTable(path);
  }
  // Glue folds names to small letters.
  return Name{.database = Lower(parts[0]), .table = Lower(parts[1])};
}

Status GlueSession::EachItem(const Context& context, std::string_view action, json::object body,
                             std::string_view list,
                             const std::function<Status(const json::object&)>& take) {
  int64_t seen = 0;
  for (;;) {
    NSTARX_TRY(const json::object page, client_->Call(context, action, body));
    if (const json::value* items = page.if_contains(list); items != nullptr && items->is_array()) {
      for (const json::value& item : items->get_array()) {
        if (!item.is_object()) continue;
        if (++seen > kItemsMax) return TooMany("response.too_large", kItemsMax);
        NSTARX_RETURN_IF_ERROR(take(item.get_object()));
      }
    }
    const std::string next(GetString(page, "NextToken"));
    // A service that says the same again would never end.
    if (next.empty() || next == GetString(body, "NextToken")) return {};
    body["NextToken"] = next;
  }
}

Result<std::vector<std::string>> GlueSession::Databases(const Context& context) {
  std::vector<std::string> out;
  NSTARX_RETURN_IF_ERROR(EachItem(context, "GetDatabases", {{"MaxResults", 100}}, "DatabaseList",
                                  [&](const json::object& item) -> Status {
                                    out.emplace_back(GetString(item, "Name"));
                                    return {};
                                  }));
  std::ranges::sort(out);
  return out;
}

Status GlueSession::EachTable(const Context& context, const std::string& database,
                              const std::function<Status(const json::object&)>& take) {
  Status done = EachItem(context, "GetTables", {{"DatabaseName", database}, {"MaxResults", 100}},
                         "TableList", take);
  if (!done && done.error().code() == "query.undefined_table") {
    return catalogs::UndefinedDatabase(database);
  }
  return done;
}

Result<std::vector<Dataset>> GlueSession::TablesOf(const Context& context,
                                                   const std::string& database) {
  std::vector<Dataset> out;
  NSTARX_RETURN_IF_ERROR(EachTable(context, database, [&](const json::object& item) -> Status {
    Dataset whole = ReadTable(item);
    out.push_back({.path = catalogs::JoinPath(database, whole.name),
                   .name = std::move(whole.name),
                   .kind = std::move(whole.kind),
                   .comment = std::move(whole.comment)});
    return {};
  }));
  std::ranges::sort(out, {}, &Dataset::name);
  return out;
}

Result<json::object> GlueSession::GetTable(const Context& context, const Name& name) {
  auto answer =
      client_->Call(context, "GetTable", {{"DatabaseName", name.database}, {"Name", name.table}});
  if (!answer && answer.error().code() != "query.undefined_table") {
    return std::move(answer).error();
  }
  if (answer) {
    json::value* table = answer->if_contains("Table");
    if (table != nullptr && table->is_object()) return std::move(table->get_object());
  }
  return catalogs::UndefinedTable(catalogs::JoinPath(name.database, name.table));
}

Result<std::vector<connector::Node>> GlueSession::List(const Context& context,
                                                       std::string_view path, int64_t limit) {
  std::vector<connector::Node> out;
  const auto full = [&] { return static_cast<int64_t>(out.size()) >= limit; };
  if (path.empty()) {
    NSTARX_TRY(const auto databases, Databases(context));
    for (const std::string& name : databases) {
      if (full()) break;
      out.push_back({.name = name, .path = name, .kind = "database", .has_children = true});
    }
    return out;
  }
  const std::vector<std::string> parts = catalogs::SplitPath(path);
  if (parts.size() != 1) {
    // A table has no children; what is not there is an error.
    NSTARX_TRY(const Name name, ReadName(path));
    NSTARX_RETURN_IF_ERROR(GetTable(context, name));
    return out;
  }
  auto tables = TablesOf(context, Lower(parts[0]));
  if (!tables && tables.error().code() == "metadata.undefined_database") {
    return catalogs::UndefinedTable(path);
  }
  if (!tables) return std::move(tables).error();
  for (const Dataset& table : *tables) {
    if (full()) break;
    out.push_back({.name = table.name,
                   .path = table.path,
                   .kind = table.kind == "external_table" ? "table" : table.kind,
                   .comment = table.comment});
  }
  return out;
}

Result<connector::Description> GlueSession::Describe(const Context& context,
                                                     std::string_view path) {
  NSTARX_TRY(const Dataset dataset, GetDataset(context, path));
  return connector::Describe(dataset);
}

Result<std::unique_ptr<connector::BatchStream>> GlueSession::Sample(const Context& context,
                                                                    std::string_view path,
                                                                    int64_t limit) {
  return Unimplemented("capability.missing",
                       "a catalog holds no rows: connections of type glue have no 'sample'")
      .WithDetail("capability", "sample")
      .WithStage("query");
}

Result<connector::DatasetPage> GlueSession::FindDatasets(const Context& context,
                                                         const connector::DatasetFilter& filter) {
  std::vector<std::string> databases;
  if (filter.path.empty()) {
    NSTARX_TRY(databases, Databases(context));
  } else {
    databases = {Lower(filter.path)};
  }
  return catalogs::PageOver(
      std::move(databases), filter,
      [&](const std::string& database) -> Result<std::vector<connector::Dataset>> {
        auto tables = TablesOf(context, database);
        // One that was dropped meanwhile has none.
        if (!tables && filter.path.empty() &&
            tables.error().code() == "metadata.undefined_database") {
          return std::vector<connector::Dataset>();
        }
        return tables;
      });
}

Result<Dataset> GlueSession::GetDataset(const Context& context, std::string_view path) {
  NSTARX_TRY(const Name name, ReadName(path));
  NSTARX_TRY(const json::object table, GetTable(context, name));
  return ReadTable(table);
}

Result<connector::PartitionPage> GlueSession::ListPartitions(const Context& context,
                                                             std::string_view path, int64_t limit,
                                                             std::string_view continuation) {
  NSTARX_TRY(const Name name, ReadName(path));
  json::object body{{"DatabaseName", name.database},
                    {"TableName", name.table},
                    {"MaxResults", std::clamp<int64_t>(limit, 1, 1000)}};
  if (!continuation.empty()) body["NextToken"] = continuation;
  auto answer = client_->Call(context, "GetPartitions", std::move(body));
  if (!answer && answer.error().code() == "query.undefined_table") {
    return catalogs::UndefinedTable(path);
  }
  if (!answer) return std::move(answer).error();
  connector::PartitionPage page;
  const json::value* items = answer->if_contains("Partitions");
  if (items != nullptr && items->is_array()) {
    for (const json::value& item : items->get_array()) {
      if (item.is_object()) page.items.push_back(ReadPartition(item.get_object()));
    }
  }
  page.next = GetString(*answer, "NextToken");
  return page;
}

Status GlueSession::Update(const Context& context, const Name& name, json::object input) {
  NSTARX_RETURN_IF_ERROR(client_->Call(
      context, "UpdateTable", {{"DatabaseName", name.database}, {"TableInput", std::move(input)}}));
  return {};
}

Result<Dataset> GlueSession::PutDataset(const Context& context, std::string_view path,
                                        const connector::DatasetChange& change) {
  if (read_only_) return catalogs::ReadOnly();
  NSTARX_TRY(const Name name, ReadName(path));
  const auto table = GetTable(context, name);
  if (table) {
    json::object input = InputOf(*table);
    ChangeTable(input, change);
    NSTARX_RETURN_IF_ERROR(Update(context, name, std::move(input)));
    return GetDataset(context, path);
  }
  if (table.error().code() != "query.undefined_table") return table.error();
  NSTARX_TRY(json::object input, NewTable(name.table, change));
  const auto made = client_->Call(
      context, "CreateTable", {{"DatabaseName", name.database}, {"TableInput", std::move(input)}});
  if (!made && made.error().code() == "query.undefined_table") {
    return catalogs::UndefinedDatabase(name.database);
  }
  if (!made) return made.error();
  return GetDataset(context, path);
}

Status GlueSession::DeleteDataset(const Context& context, std::string_view path) {
  if (read_only_) return catalogs::ReadOnly();
  NSTARX_TRY(const Name name, ReadName(path));
  const auto done = client_->Call(context, "DeleteTable",
                                  {{"DatabaseName", name.database}, {"Name", name.table}});
  if (!done && done.error().code() == "query.undefined_table") {
    return catalogs::UndefinedTable(path);
  }
  return done ? Status() : Status(done.error());
}

Result<std::vector<connector::LineageEdge>> GlueSession::GetLineage(
    const Context& context, std::string_view path, connector::LineageDirection direction) {
  NSTARX_TRY(const Name name, ReadName(path));
  NSTARX_TRY(const json::object table, GetTable(context, name));
  const std::string plain = catalogs::JoinPath(name.database, name.table);
  if (direction == connector::LineageDirection::kDownstream) return Downstream(context, plain);
  return catalogs::UpstreamOf(plain, ReadParameters(table));
}

Result<std::vector<connector::LineageEdge>> GlueSession::Downstream(const Context& context,
                                                                    const std::string& path) {
  std::vector<connector::LineageEdge> out;
  NSTARX_TRY(const auto databases, Databases(context));
  int64_t seen = 0;
  for (const std::string& database : databases) {
    NSTARX_RETURN_IF_ERROR(EachTable(context, database, [&](const json::object& table) -> Status {
      if (++seen > kLineageTables) return TooMany("metadata.too_many_tables", kLineageTables);
      const std::string to = catalogs::JoinPath(database, GetString(table, "Name"));
      for (auto& edge : catalogs::UpstreamOf(to, ReadParameters(table))) {
        if (edge.from == path) out.push_back(std::move(edge));
      }
      return {};
    }));
  }
  return out;
}

Status GlueSession::PutLineage(const Context& context, std::string_view path,
                               const std::vector<connector::LineageEdge>& upstream) {
  if (read_only_) return catalogs::ReadOnly();
  NSTARX_TRY(const Name name, ReadName(path));
  NSTARX_TRY(const json::object table, GetTable(context, name));
  json::object input = InputOf(table);
  catalogs::Properties properties = ReadParameters(input);
  catalogs::SetUpstream(properties, upstream);
  input["Parameters"] = WriteParameters(properties);
  return Update(context, name, std::move(input));
}

}  // namespace nstarx::connectors::glue
