#include <fmt/format.h>

#include <charconv>

#include "connectors/postgresql/postgres_session.h"

namespace nstarx::connectors::postgresql {
namespace {

constexpr std::string_view kKindWords =
    "CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' "
    "WHEN 'm' THEN 'materialized_view' WHEN 'f' THEN 'foreign_table' ELSE 'other' END";
constexpr std::string_view kRelkinds = "c.relkind IN ('r', 'p', 'v', 'm', 'f')";

std::string Text(const std::optional<std::string>& cell) { return cell.value_or(""); }

std::optional<int64_t> Number(const std::optional<std::string>& cell) {
  int64_t number = 0;
  if (!cell ||
      std::from_chars(cell->data(), cell->data() + cell->size(), number).ec != std::errc()) {
    return std::nullopt;
  }
  return number;
}

/// A row estimate: -1 says that the table was never analyzed.
std::optional<int64_t> Estimate(const std::optional<std::string>& cell) {
  auto number = Number(cell);
  return number && *number >= 0 ? number : std::nullopt;
}

std::string PathOf(std::string_view schema, std::string_view name) {
  return PathPart(schema) + "." + PathPart(name);
}

Error NoSuch(std::string_view path) {
  return NotFound("query.undefined_table",
                  fmt::format("there is nothing at '{}' that this user can see", path))
      .WithStage("query")
      .WithConnector("postgresql");
}

/// Names in an array that was sent as JSON.
std::vector<std::string> Names(const std::optional<std::string>& cell) {
  std::vector<std::string> names;
  if (!cell) return names;
  auto parsed = ParseJson(*cell);
  if (!parsed || !parsed->is_array()) return names;
  for (const json::value& name : parsed->get_array()) {
    if (name.is_string()) names.emplace_back(name.get_string());
  }
  return names;
}

struct Relation {
  std::string oid;
  std::string schema;
  std::string name;
};

}  // namespace

Result<std::vector<connector::Node>> PostgresSession::List(const Context& context,
                                                           std::string_view path, int64_t limit) {
  std::vector<connector::Node> nodes;
  if (path.empty()) {
    NSTARX_TRY(
        auto rows,
        Ask(context,
            fmt::format("SELECT n.nspname, pg_catalog.obj_description(n.oid, "
                        "'pg_namespace'), EXISTS (SELECT FROM pg_catalog.pg_class c WHERE "
                        "c.relnamespace = n.oid AND {}) FROM pg_catalog.pg_namespace n WHERE "
                        "n.nspname !~ '^pg_(toast|temp)' AND "
                        "pg_catalog.has_schema_privilege(n.oid, 'USAGE') ORDER BY n.nspname "
                        "COLLATE \"C\" LIMIT {}",
                        kRelkinds, limit)));
    for (const TextRow& row : rows) {
      nodes.push_back({.name = Text(row[0]),
                       .path = PathPart(Text(row[0])),
                       .kind = "schema",
                       .has_children = Text(row[2]) == "t",
                       .comment = Text(row[1])});
    }
    return nodes;
  }
  std::vector<std::string> parts = SplitPath(path);
  if (parts.empty() || parts.size() > 2) return NoSuch(path);
  if (parts.size() == 2) {
    NSTARX_TRY(connector::Description table, Describe(context, path));
    for (const std::string& child : table.partitions) {
      if (static_cast<int64_t>(nodes.size()) >= limit) break;
      nodes.push_back({.name = SplitPath(child).back(), .path = child, .kind = "table"});
    }
    return nodes;
  }
  NSTARX_TRY(auto schema,
             Ask(context, "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", {parts[0]}));
  if (schema.empty()) return NoSuch(path);
  NSTARX_TRY(auto rows,
             Ask(context,
                 fmt::format("SELECT c.relname, {}, c.relkind = 'p', "
                             "pg_catalog.obj_description(c.oid, 'pg_class'), c.reltuples::bigint, "
                             "CASE WHEN c.relkind IN ('r', 'm') THEN "
                             "pg_catalog.pg_total_relation_size(c.oid) END FROM "
                             "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
                             "c.relnamespace WHERE n.nspname = $1 AND {} AND NOT "
                             "c.relispartition ORDER BY c.relname COLLATE \"C\" LIMIT {}",
                             kKindWords, kRelkinds, limit),
                 {parts[0]}));
  for (const TextRow& row : rows) {
    bool view = Text(row[1]) == "view";
    nodes.push_back({.name = Text(row[0]),
                     .path = PathOf(parts[0], Text(row[0])),
                     .kind = Text(row[1]),
                     .has_children = Text(row[2]) == "t",
                     .comment = Text(row[3]),
                     .row_estimate = view ? std::nullopt : Estimate(row[4]),
                     .size_bytes = Number(row[5])});
  }
  return nodes;
}

namespace {

Result<Relation> FindRelation(PostgresSession& session, const Context& context,
                              std::string_view path, connector::Description& description) {
  std::vector<std::string> parts = SplitPath(path);
  if (parts.empty() || parts.size() > 2) return NoSuch(path);
  std::string quoted = QuoteName(parts[0]);
  if (parts.size() == 2) quoted += "." + QuoteName(parts[1]);
  NSTARX_TRY(
      auto rows,
      session.Ask(context,
                  fmt::format("SELECT c.oid, n.nspname, c.relname, {}, "
                              "pg_catalog.obj_description(c.oid, 'pg_class'), "
                              "c.reltuples::bigint, CASE WHEN c.relkind IN ('r', 'm') THEN "
                              "pg_catalog.pg_total_relation_size(c.oid) END FROM "
                              "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid "
                              "= c.relnamespace WHERE c.oid = pg_catalog.to_regclass($1) AND "
                              "{}",
                              kKindWords, kRelkinds),
                  {quoted}));
  if (rows.empty()) return NoSuch(path);
  const TextRow& row = rows.front();
  description.path = PathOf(Text(row[1]), Text(row[2]));
  description.kind = Text(row[3]);
  description.comment = Text(row[4]);
  if (description.kind != "view") description.row_estimate = Estimate(row[5]);
  description.size_bytes = Number(row[6]);
  return Relation{Text(row[0]), Text(row[1]), Text(row[2])};
}

Status AddColumns(PostgresSession& session, const Context& context, const Relation& relation,
                  connector::Description& description) {
  NSTARX_TRY(auto rows,
             session.Ask(context,
                         "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), "
                         "CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END, CASE "
                         "WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, "
                         "a.attnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid), "
                         "pg_catalog.col_description(a.attrelid, a.attnum), EXISTS (SELECT FROM "
                         "pg_catalog.pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = "
                         "'p' AND a.attnum = ANY (k.conkey)) FROM pg_catalog.pg_attribute a JOIN "
                         "pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN "
                         "pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
                         "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER "
                         "BY a.attnum",
                         {relation.oid}));
  for (const TextRow& row : rows) {
    ResultColumn column{.name = Text(row[0]),
                        .oid = static_cast<uint32_t>(Number(row[2]).value_or(0)),
                        .modifier = static_cast<int32_t>(Number(row[3]).value_or(-1))};
    description.columns.push_back({.name = column.name,
                                   .native_type = Text(row[1]),
                                   .arrow_type = ArrowName(session.TypeOf(column)),
                                   .nullable = Text(row[4]) != "t",
                                   .primary_key = Text(row[7]) == "t",
                                   .default_value = Text(row[5]),
                                   .comment = Text(row[6])});
  }
  return {};
}

Status AddKeys(PostgresSession& session, const Context& context, const Relation& relation,
               connector::Description& description) {
  constexpr std::string_view kNamesOf =
      "(SELECT pg_catalog.json_agg(a.attname ORDER BY p.place) FROM pg_catalog.unnest({}) WITH "
      "ORDINALITY AS p(number, place) JOIN pg_catalog.pg_attribute a ON a.attrelid = {} AND "
      "a.attnum = p.number)";
  NSTARX_TRY(
      auto rows,
      session.Ask(context,
                  fmt::format("SELECT k.conname, CASE k.contype WHEN 'p' THEN 'primary' "
                              "WHEN 'u' THEN 'unique' ELSE 'foreign' END, {}, n.nspname, "
                              "f.relname, {} FROM pg_catalog.pg_constraint k LEFT JOIN "
                              "pg_catalog.pg_class f ON f.oid = k.confrelid LEFT JOIN "
                              "pg_catalog.pg_namespace n ON n.oid = f.relnamespace WHERE "
                              "k.conrelid = $1::oid AND k.contype IN ('p', 'u', 'f') ORDER BY "
                              "pg_catalog.strpos('puf', k.contype::text), k.conname",
                              fmt::format(kNamesOf, "k.conkey", "k.conrelid"),
                              fmt::format(kNamesOf, "k.confkey", "k.confrelid")),
                  {relation.oid}));
  for (const TextRow& row : rows) {
    connector::Key key{.name = Text(row[0]), .kind = Text(row[1]), .columns = Names(row[2])};
    if (row[4]) {
      key.references = PathOf(Text(row[3]), Text(row[4])) + "(";
      std::string separator;
      for (const std::string& name : Names(row[5])) {
        key.references += separator + PathPart(name);
        separator = ", ";
      }
      key.references += ")";
    }
    description.keys.push_back(std::move(key));
  }
  return {};
}

Status AddIndexes(PostgresSession& session, const Context& context, const Relation& relation,
                  connector::Description& description) {
  NSTARX_TRY(auto indexes,
             session.Ask(context,
                         "SELECT c.relname, i.indisunique, pg_catalog.pg_get_indexdef(c.oid), "
                         "(SELECT pg_catalog.json_agg(pg_catalog.pg_get_indexdef(c.oid, p, false) "
                         "ORDER BY p) FROM pg_catalog.generate_series(1, i.indnkeyatts) AS p) FROM "
                         "pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid "
                         "WHERE i.indrelid = $1::oid ORDER BY c.relname",
                         {relation.oid}));
  for (const TextRow& row : indexes) {
    description.indexes.push_back({.name = Text(row[0]),
                                   .columns = Names(row[3]),
                                   .unique = Text(row[1]) == "t",
                                   .definition = Text(row[2])});
  }
  NSTARX_TRY(auto children,
             session.Ask(context,
                         "SELECT n.nspname, c.relname FROM pg_catalog.pg_inherits i JOIN "
                         "pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace "
                         "n ON n.oid = c.relnamespace WHERE i.inhparent = $1::oid ORDER BY 1, 2",
                         {relation.oid}));
  for (const TextRow& row : children) {
    description.partitions.push_back(PathOf(Text(row[0]), Text(row[1])));
  }
  return {};
}

}  // namespace

Result<connector::Description> PostgresSession::Describe(const Context& context,
                                                         std::string_view path) {
  connector::Description description;
  NSTARX_TRY(Relation relation, FindRelation(*this, context, path, description));
  NSTARX_RETURN_IF_ERROR(AddColumns(*this, context, relation, description));
  NSTARX_RETURN_IF_ERROR(AddKeys(*this, context, relation, description));
  NSTARX_RETURN_IF_ERROR(AddIndexes(*this, context, relation, description));
  return description;
}

Result<std::unique_ptr<connector::BatchStream>> PostgresSession::Sample(const Context& context,
                                                                        std::string_view path,
                                                                        int64_t limit) {
  connector::Description found;
  NSTARX_TRY(Relation relation, FindRelation(*this, context, path, found));
  connector::Statement statement{
      .text = fmt::format("SELECT * FROM {}.{} LIMIT {}", QuoteName(relation.schema),
                          QuoteName(relation.name), std::max<int64_t>(limit, 0))};
  return Execute(context, statement, {});
}

Result<std::unique_ptr<connector::BatchStream>> PostgresSession::Scan(
    const Context& context, const connector::ScanRequest& request,
    const connector::ExecuteOptions& options) {
  connector::Description found;
  NSTARX_TRY(const Relation relation, FindRelation(*this, context, request.path, found));
  const std::string table = QuoteName(relation.schema) + "." + QuoteName(relation.name);
  return Execute(context, {.text = connector::ScanText(table, request, '"')}, options);
}

}  // namespace nstarx::connectors::postgresql
