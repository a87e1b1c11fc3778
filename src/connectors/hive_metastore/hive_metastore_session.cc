#include "connectors/hive_metastore/hive_metastore_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/catalogs/dataset_notes.h"
#include "connectors/hive_metastore/hive_metastore_errors.h"
#include "connectors/hive_metastore/table_value.h"

namespace nstarx::connectors::hive_metastore {
namespace {

using connector::Dataset;

/// Tables whose lineage is looked through for one answer, and how many are asked for at once.
constexpr size_t kLineageTables = 20'000;
constexpr size_t kTablesAtOnce = 100;
constexpr size_t kPartitionsAtOnce = 100;

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// Names with characters of patterns would mean more than one database.
bool IsPlainName(std::string_view name) {
  return !name.empty() && name.size() <= 128 && name.find_first_of("*|%@#/\\") == name.npos;
}

std::vector<std::string> Texts(const ThriftValue& list) {
  std::vector<std::string> out;
  for (const ThriftValue& item : list.items) {
    if (item.type == ThriftType::kString) out.push_back(item.text);
  }
  std::ranges::sort(out);
  return out;
}

ThriftValue TextList(const std::vector<std::string>& texts) {
  ThriftValue out = ThriftValue::List(ThriftType::kString);
  for (const std::string& text : texts) out.items.push_back(ThriftValue::Text(text));
  return out;
}

std::string KindOfMeta(std::string_view type) {
  if (type == "VIRTUAL_VIEW") return "view";
  if (type == "MATERIALIZED_VIEW") return "materialized_view";
  return type == "EXTERNAL_TABLE" ? "external_table" : "table";
}

}  // namespace

Result<std::unique_ptr<HiveMetastoreSession>> HiveMetastoreSession::Open(const Context& context,
                                                                         const Login& login,
                                                                         bool read_only) {
  NSTARX_TRY(auto client, MetastoreClient::Open(context, login));
  std::unique_ptr<HiveMetastoreSession> session(
      new HiveMetastoreSession(std::move(client), read_only));
  auto version = session->client_->Call(context, "getVersion", ThriftValue::Struct(), {});
  if (!version) return std::move(version).error().WithStage("login");
  session->facts_["server_version"] = version->text;
  session->facts_["address"] = fmt::format("{}:{}", login.endpoint.host, login.endpoint.port);
  if (!login.user.empty()) session->facts_["user"] = login.user;
  if (const net::TlsFacts* tls = session->client_->tls(); tls != nullptr) {
    session->facts_["tls"] = {{"version", tls->version}, {"cipher", tls->cipher}};
  }
  return session;
}

Status HiveMetastoreSession::Ping(const Context& context) {
  NSTARX_RETURN_IF_ERROR(client_->Call(context, "getVersion", ThriftValue::Struct(), {}));
  return {};
}

Result<HiveMetastoreSession::Name> HiveMetastoreSession::ReadName(std::string_view path) {
  std::vector<std::string> parts = catalogs::SplitPath(path);
  if (parts.size() != 2 || !IsPlainName(parts[0]) || !IsPlainName(parts[1])) {
    return catalogs::UndefinedTable(path);
  }
  // Hive's names know no case and are stored in small letters.
  return Name{.database = Lower(parts[0]), .table = Lower(parts[1])};
}

Result<std::vector<std::string>> HiveMetastoreSession::Databases(const Context& context) {
  NSTARX_TRY(const ThriftValue list,
             client_->Call(context, "get_all_databases", ThriftValue::Struct(), {"MetaException"}));
  return Texts(list);
}

Result<std::vector<Dataset>> HiveMetastoreSession::TablesOf(const Context& context,
                                                            const std::string& database) {
  ThriftValue arguments = ThriftValue::Struct();
  arguments.Set(1, ThriftValue::Text(database));
  arguments.Set(2, ThriftValue::Text("*"));
  arguments.Set(3, ThriftValue::List(ThriftType::kString));
  NSTARX_TRY(const ThriftValue list,
             client_->Call(context, "get_table_meta", arguments, {"MetaException"}));
  std::vector<Dataset> out;
  for (const ThriftValue& meta : list.items) {
    if (meta.TextAt(1) != database) continue;
    out.push_back({.path = catalogs::JoinPath(database, meta.TextAt(2)),
                   .name = std::string(meta.TextAt(2)),
                   .kind = KindOfMeta(meta.TextAt(3)),
                   .comment = std::string(meta.TextAt(4))});
  }
  std::ranges::sort(out, {}, &Dataset::name);
  return out;
}

Result<ThriftValue> HiveMetastoreSession::GetTable(const Context& context, const Name& name) {
  ThriftValue request = ThriftValue::Struct();
  request.Set(1, ThriftValue::Text(name.database));
  request.Set(2, ThriftValue::Text(name.table));
  ThriftValue arguments = ThriftValue::Struct();
  arguments.Set(1, std::move(request));
  auto answer = client_->Call(context, "get_table_req", arguments,
                              {"MetaException", "NoSuchObjectException"});
  if (!answer) {
    if (answer.error().code() == "query.undefined_table") {
      return catalogs::UndefinedTable(catalogs::JoinPath(name.database, name.table));
    }
    return std::move(answer).error();
  }
  if (const ThriftValue* table = answer->Find(1, ThriftType::kStruct)) return *table;
  return catalogs::UndefinedTable(catalogs::JoinPath(name.database, name.table));
}

Result<std::vector<connector::Node>> HiveMetastoreSession::List(const Context& context,
                                                                std::string_view path,
                                                                int64_t limit) {
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
  const std::string database = Lower(path);
  NSTARX_TRY(const auto databases, Databases(context));
  if (!std::ranges::binary_search(databases, database)) {
    // A table has no children; what is not there is an error.
    NSTARX_TRY(const Name name, ReadName(path));
    NSTARX_RETURN_IF_ERROR(GetTable(context, name));
    return out;
  }
  NSTARX_TRY(const auto tables, TablesOf(context, database));
  for (const Dataset& table : tables) {
    if (full()) break;
    out.push_back({.name = table.name,
                   .path = table.path,
                   .kind = table.kind == "external_table" ? "table" : table.kind,
                   .comment = table.comment});
  }
  return out;
}

Result<connector::Description> HiveMetastoreSession::Describe(const Context& context,
                                                              std::string_view path) {
  NSTARX_TRY(const Dataset dataset, GetDataset(context, path));
  return connector::Describe(dataset);
}

Result<std::unique_ptr<connector::BatchStream>> HiveMetastoreSession::Sample(const Context& context,
                                                                             std::string_view path,
                                                                             int64_t limit) {
  return Unimplemented("capability.missing",
                       "a metastore holds no rows: connections of type hive_metastore have no "
                       "'sample'")
      .WithDetail("capability", "sample")
      .WithStage("query");
}

Result<connector::DatasetPage> HiveMetastoreSession::FindDatasets(
    const Context& context, const connector::DatasetFilter& filter) {
  NSTARX_TRY(std::vector<std::string> databases, Databases(context));
  if (!filter.path.empty()) {
    const std::string wanted = Lower(filter.path);
    if (!std::ranges::binary_search(databases, wanted)) {
      return catalogs::UndefinedDatabase(filter.path);
    }
    databases = {wanted};
  }
  return catalogs::PageOver(std::move(databases), filter, [&](const std::string& database) {
    return TablesOf(context, database);
  });
}

Result<Dataset> HiveMetastoreSession::GetDataset(const Context& context, std::string_view path) {
  NSTARX_TRY(const Name name, ReadName(path));
  NSTARX_TRY(const ThriftValue table, GetTable(context, name));
  return ReadTable(table);
}

Result<connector::PartitionPage> HiveMetastoreSession::ListPartitions(
    const Context& context, std::string_view path, int64_t limit, std::string_view continuation) {
  NSTARX_TRY(const Name name, ReadName(path));
  NSTARX_RETURN_IF_ERROR(GetTable(context, name));
  ThriftValue arguments = ThriftValue::Struct();
  arguments.Set(1, ThriftValue::Text(name.database));
  arguments.Set(2, ThriftValue::Text(name.table));
  arguments.Set(3, ThriftValue::Number(ThriftType::kI16, -1));
  NSTARX_TRY(const ThriftValue list, client_->Call(context, "get_partition_names", arguments,
                                                   {"NoSuchObjectException", "MetaException"}));
  const std::vector<std::string> names = Texts(list);
  auto at = continuation.empty() ? names.begin() : std::ranges::upper_bound(names, continuation);
  connector::PartitionPage page;
  while (at != names.end() && static_cast<int64_t>(page.items.size()) < limit) {
    const auto count = std::min({static_cast<int64_t>(kPartitionsAtOnce),
                                 limit - static_cast<int64_t>(page.items.size()),
                                 static_cast<int64_t>(names.end() - at)});
    arguments.Set(3, TextList(std::vector<std::string>(at, at + count)));
    at += count;
    auto found = client_->Call(context, "get_partitions_by_names", arguments,
                               {"MetaException", "NoSuchObjectException"});
    if (!found) return std::move(found).error();
    for (const ThriftValue& partition : found->items) {
      page.items.push_back(ReadPartition(partition));
    }
    if (at != names.end()) page.next = *(at - 1);
  }
  if (at == names.end()) page.next.clear();
  return page;
}

Status HiveMetastoreSession::AlterTable(const Context& context, const Name& name,
                                        ThriftValue table) {
  ThriftValue request = ThriftValue::Struct();
  request.Set(1, ThriftValue::Text("hive"));
  request.Set(2, ThriftValue::Text(name.database));
  request.Set(3, ThriftValue::Text(name.table));
  request.Set(4, table);
  ThriftValue arguments = ThriftValue::Struct();
  arguments.Set(1, std::move(request));
  auto done = client_->Call(context, "alter_table_req", arguments,
                            {"InvalidOperationException", "MetaException"});
  if (!done && done.error().code() == kUnknownMethod) {
    // Before Hive 4.
    arguments = ThriftValue::Struct();
    arguments.Set(1, ThriftValue::Text(name.database));
    arguments.Set(2, ThriftValue::Text(name.table));
    arguments.Set(3, std::move(table));
    done = client_->Call(context, "alter_table", arguments,
                         {"InvalidOperationException", "MetaException"});
  }
  return done ? Status() : Status(done.error());
}

Result<Dataset> HiveMetastoreSession::PutDataset(const Context& context, std::string_view path,
                                                 const connector::DatasetChange& change) {
  if (read_only_) return catalogs::ReadOnly();
  NSTARX_TRY(const Name name, ReadName(path));
  auto table = GetTable(context, name);
  if (table) {
    NSTARX_RETURN_IF_ERROR(ChangeTable(*table, change));
    NSTARX_RETURN_IF_ERROR(AlterTable(context, name, *std::move(table)));
    return GetDataset(context, path);
  }
  if (table.error().code() != "query.undefined_table") return std::move(table).error();
  NSTARX_TRY(const auto databases, Databases(context));
  if (!std::ranges::binary_search(databases, name.database)) {
    return catalogs::UndefinedDatabase(name.database);
  }
  ThriftValue arguments = ThriftValue::Struct();
  NSTARX_TRY(ThriftValue made, NewTable(name.database, name.table, change));
  arguments.Set(1, std::move(made));
  NSTARX_RETURN_IF_ERROR(client_->Call(context, "create_table", arguments,
                                       {"AlreadyExistsException", "InvalidObjectException",
                                        "MetaException", "NoSuchObjectException"}));
  return GetDataset(context, path);
}

Status HiveMetastoreSession::DeleteDataset(const Context& context, std::string_view path) {
  if (read_only_) return catalogs::ReadOnly();
  NSTARX_TRY(const Name name, ReadName(path));
  NSTARX_RETURN_IF_ERROR(GetTable(context, name));
  ThriftValue arguments = ThriftValue::Struct();
  arguments.Set(1, ThriftValue::Text(name.database));
  arguments.Set(2, ThriftValue::Text(name.table));
  arguments.Set(3, ThriftValue::Number(ThriftType::kBool, 0));  // The data stays.
  NSTARX_RETURN_IF_ERROR(
      client_->Call(context, "drop_table", arguments, {"NoSuchObjectException", "MetaException"}));
  return {};
}

Result<std::vector<connector::LineageEdge>> HiveMetastoreSession::GetLineage(
    const Context& context, std::string_view path, connector::LineageDirection direction) {
  NSTARX_TRY(const Name name, ReadName(path));
  NSTARX_TRY(const ThriftValue table, GetTable(context, name));
  const std::string plain = catalogs::JoinPath(name.database, name.table);
  if (direction == connector::LineageDirection::kDownstream) return Downstream(context, plain);
  return catalogs::UpstreamOf(plain, ReadParameters(table, kTableParameters));
}

Result<std::vector<connector::LineageEdge>> HiveMetastoreSession::Downstream(
    const Context& context, const std::string& path) {
  std::vector<connector::LineageEdge> out;
  NSTARX_TRY(const auto databases, Databases(context));
  size_t seen = 0;
  for (const std::string& database : databases) {
    NSTARX_TRY(const auto tables, TablesOf(context, database));
    seen += tables.size();
    if (seen > kLineageTables) {
      return Error(ErrorKind::kResourceExhausted, "metadata.too_many_tables",
                   fmt::format("the lineage of more than {} tables is not looked through",
                               kLineageTables))
          .WithStage("query");
    }
    for (size_t at = 0; at < tables.size(); at += kTablesAtOnce) {
      std::vector<std::string> names;
      for (size_t i = at; i < std::min(at + kTablesAtOnce, tables.size()); ++i) {
        names.push_back(tables[i].name);
      }
      ThriftValue request = ThriftValue::Struct();
      request.Set(1, ThriftValue::Text(database));
      request.Set(2, TextList(names));
      ThriftValue arguments = ThriftValue::Struct();
      arguments.Set(1, std::move(request));
      auto answer =
          client_->Call(context, "get_table_objects_by_name_req", arguments,
                        {"MetaException", "InvalidOperationException", "UnknownDBException"});
      if (!answer) return std::move(answer).error();
      const ThriftValue* found = answer->Find(1, ThriftType::kList);
      if (found == nullptr) continue;
      for (const ThriftValue& table : found->items) {
        const std::string to = catalogs::JoinPath(database, table.TextAt(1));
        for (auto& edge : catalogs::UpstreamOf(to, ReadParameters(table, kTableParameters))) {
          if (edge.from == path) out.push_back(std::move(edge));
        }
      }
    }
  }
  return out;
}

Status HiveMetastoreSession::PutLineage(const Context& context, std::string_view path,
                                        const std::vector<connector::LineageEdge>& upstream) {
  if (read_only_) return catalogs::ReadOnly();
  NSTARX_TRY(const Name name, ReadName(path));
  NSTARX_TRY(ThriftValue table, GetTable(context, name));
  catalogs::Properties properties = ReadParameters(table, kTableParameters);
  catalogs::SetUpstream(properties, upstream);
  WriteParameters(table, kTableParameters, properties);
  return AlterTable(context, name, std::move(table));
}

}  // namespace nstarx::connectors::hive_metastore
