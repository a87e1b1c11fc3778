#include <fmt/format.h>

#include <charconv>

#include "connectors/redshift/redshift_errors.h"
#include "connectors/redshift/redshift_session.h"

namespace nstarx::connectors::redshift {
namespace {

using postgresql::PathPart;
using postgresql::QuoteName;
using postgresql::TextRow;

std::string Text(const std::optional<std::string>& cell) { return cell.value_or(""); }

int64_t Number(const std::optional<std::string>& cell, int64_t otherwise) {
  int64_t number = otherwise;
  if (cell) std::from_chars(cell->data(), cell->data() + cell->size(), number);
  return number;
}

Error NoSuch(std::string_view path) {
  return NotFound("query.undefined_table",
                  fmt::format("there is nothing at '{}' that this user can see", path))
      .WithStage("query")
      .WithConnector("redshift");
}

std::string PathOf(std::string_view schema, std::string_view name) {
  return PathPart(schema) + "." + PathPart(name);
}

std::string KindOf(std::string_view type) {
  if (type == "VIEW" || type == "LATE BINDING VIEW") return "view";
  if (type == "MATERIALIZED VIEW") return "materialized_view";
  return type.starts_with("EXTERNAL") ? "foreign_table" : "table";
}

/// The type that results show for a data type of SVV_ALL_COLUMNS.
std::string ArrowNameOf(const RedshiftSession& session, std::string_view type, int64_t precision,
                        int64_t scale) {
  struct Row {
    std::string_view name;
    uint32_t oid;
  };
  constexpr Row kRows[] = {{"boolean", 16},
                           {"smallint", 21},
                           {"integer", 23},
                           {"bigint", 20},
                           {"real", 700},
                           {"double precision", 701},
                           {"date", 1082},
                           {"time without time zone", 1083},
                           {"timestamp without time zone", 1114},
                           {"timestamp with time zone", 1184},
                           {"interval", 1186},
                           {"super", 4000}};
  postgresql::ResultColumn column{.oid = 25};
  for (const Row& row : kRows) {
    if (row.name == type) column.oid = row.oid;
  }
  if (type == "numeric") {
    column.oid = 1700;
    if (precision > 0) column.modifier = static_cast<int32_t>((precision << 16 | scale) + 4);
  }
  return postgresql::ArrowName(session.TypeOf(column));
}

}  // namespace

Result<std::vector<connector::Node>> RedshiftSession::List(const Context& context,
                                                           std::string_view path, int64_t limit) {
  std::vector<connector::Node> nodes;
  if (path.empty()) {
    auto rows =
        Ask(context, fmt::format("SELECT schema_name FROM svv_all_schemas WHERE database_name = "
                                 "current_database() ORDER BY schema_name LIMIT {}",
                                 limit));
    if (!rows) return Refine(std::move(rows).error());
    for (const TextRow& row : *rows) {
      nodes.push_back({.name = Text(row[0]),
                       .path = PathPart(Text(row[0])),
                       .kind = "schema",
                       .has_children = true});
    }
  } else {
    const std::vector<std::string> parts = postgresql::SplitPath(path);
    if (parts.empty() || parts.size() > 2) return NoSuch(path);
    if (parts.size() == 2) {
      connector::Description found;
      NSTARX_RETURN_IF_ERROR(Find(context, path, found));
      return nodes;
    }
    auto schema = Ask(context,
                      "SELECT 1 FROM svv_all_schemas WHERE database_name = current_database() AND "
                      "schema_name = $1",
                      {parts[0]});
    if (!schema) return Refine(std::move(schema).error());
    if (schema->empty()) return NoSuch(path);
    auto rows = Ask(context,
                    fmt::format("SELECT table_name, table_type, remarks FROM svv_all_tables WHERE "
                                "database_name = current_database() AND schema_name = $1 ORDER BY "
                                "table_name LIMIT {}",
                                limit),
                    {parts[0]});
    if (!rows) return Refine(std::move(rows).error());
    for (const TextRow& row : *rows) {
      nodes.push_back({.name = Text(row[0]),
                       .path = PathOf(parts[0], Text(row[0])),
                       .kind = KindOf(Text(row[1])),
                       .comment = Text(row[2])});
    }
  }
  // The server sorts by its own collation.
  std::sort(nodes.begin(), nodes.end(),
            [](const auto& left, const auto& right) { return left.name < right.name; });
  return nodes;
}

Result<std::pair<std::string, std::string>> RedshiftSession::Find(
    const Context& context, std::string_view path, connector::Description& description) {
  const std::vector<std::string> parts = postgresql::SplitPath(path);
  if (parts.empty() || parts.size() > 2) return NoSuch(path);
  auto rows = Ask(context,
                  fmt::format("SELECT schema_name, table_name, table_type, remarks FROM "
                              "svv_all_tables WHERE database_name = current_database() AND "
                              "table_name = $1 AND schema_name = {} LIMIT 1",
                              parts.size() == 2 ? "$2" : "current_schema()"),
                  parts.size() == 2 ? std::vector<std::optional<std::string>>{parts[1], parts[0]}
                                    : std::vector<std::optional<std::string>>{parts[0]});
  if (!rows) return Refine(std::move(rows).error());
  if (rows->empty()) return NoSuch(path);
  const TextRow& row = rows->front();
  description.path = PathOf(Text(row[0]), Text(row[1]));
  description.kind = KindOf(Text(row[2]));
  description.comment = Text(row[3]);
  return std::pair(Text(row[0]), Text(row[1]));
}

namespace {

Status AddKeys(RedshiftSession& session, const Context& context, const std::string& schema,
               const std::string& name, connector::Description& description) {
  auto keys =
      session.Ask(context,
                  "SELECT k.conname, k.contype, a.attname FROM pg_constraint k JOIN pg_class c ON "
                  "c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN "
                  "pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) WHERE "
                  "n.nspname = $1 AND c.relname = $2 AND k.contype IN ('p', 'u') ORDER BY "
                  "k.contype, k.conname, a.attnum",
                  {schema, name});
  if (!keys) return Refine(std::move(keys).error());
  for (const TextRow& row : *keys) {
    if (description.keys.empty() || description.keys.back().name != Text(row[0])) {
      description.keys.push_back(
          {.name = Text(row[0]), .kind = Text(row[1]) == "p" ? "primary" : "unique"});
    }
    description.keys.back().columns.push_back(Text(row[2]));
  }
  return {};
}

Status AddColumns(RedshiftSession& session, const Context& context, const std::string& schema,
                  const std::string& name, connector::Description& description) {
  auto columns =
      session.Ask(context,
                  "SELECT column_name, data_type, numeric_precision, numeric_scale, "
                  "is_nullable, column_default, remarks FROM svv_all_columns WHERE "
                  "database_name = current_database() AND schema_name = $1 AND table_name = $2 "
                  "ORDER BY ordinal_position",
                  {schema, name});
  if (!columns) return Refine(std::move(columns).error());
  for (const TextRow& row : *columns) {
    const std::string column = Text(row[0]);
    const std::string type = Text(row[1]);
    const int64_t precision = Number(row[2], 0);
    const int64_t scale = Number(row[3], 0);
    bool primary = false;
    for (const connector::Key& key : description.keys) {
      primary = primary ||
                (key.kind == "primary" &&
                 std::find(key.columns.begin(), key.columns.end(), column) != key.columns.end());
    }
    description.columns.push_back(
        {.name = column,
         .native_type = type == "numeric" && precision > 0
                            ? fmt::format("numeric({},{})", precision, scale)
                            : type,
         .arrow_type = ArrowNameOf(session, type, precision, scale),
         .nullable = Text(row[4]) != "NO",
         .primary_key = primary,
         .default_value = Text(row[5]),
         .comment = Text(row[6])});
  }
  return {};
}

Status AddSize(RedshiftSession& session, const Context& context, const std::string& schema,
               const std::string& name, connector::Description& description) {
  // Whoever may not read this view does without: sizes are a help, not the description.
  auto size =
      session.Ask(context,
                  "SELECT size, tbl_rows FROM svv_table_info WHERE \"schema\" = $1 AND \"table\" "
                  "= $2",
                  {schema, name});
  if (size && size->size() == 1) {
    const int64_t mebibytes = Number(size->front()[0], -1);
    if (mebibytes >= 0 && mebibytes < (int64_t{1} << 40)) description.size_bytes = mebibytes << 20;
    if (const int64_t rows = Number(size->front()[1], -1); rows >= 0) {
      description.row_estimate = rows;
    }
  } else if (!size && size.error().code() != "query.no_privilege" &&
             size.error().code() != "query.undefined_table") {
    return Refine(std::move(size).error());
  }
  return {};
}

}  // namespace

Result<connector::Description> RedshiftSession::Describe(const Context& context,
                                                         std::string_view path) {
  connector::Description description;
  NSTARX_TRY(auto table, Find(context, path, description));
  NSTARX_RETURN_IF_ERROR(AddKeys(*this, context, table.first, table.second, description));
  NSTARX_RETURN_IF_ERROR(AddColumns(*this, context, table.first, table.second, description));
  NSTARX_RETURN_IF_ERROR(AddSize(*this, context, table.first, table.second, description));
  return description;
}

Result<std::unique_ptr<connector::BatchStream>> RedshiftSession::Sample(const Context& context,
                                                                        std::string_view path,
                                                                        int64_t limit) {
  connector::Description found;
  NSTARX_TRY(auto table, Find(context, path, found));
  return Execute(context,
                 {.text = fmt::format("SELECT * FROM {}.{} LIMIT {}", QuoteName(table.first),
                                      QuoteName(table.second), std::max<int64_t>(limit, 0))},
                 {});
}

Result<std::unique_ptr<connector::BatchStream>> RedshiftSession::Scan(
    const Context& context, const connector::ScanRequest& request,
    const connector::ExecuteOptions& options) {
  connector::Description found;
  NSTARX_TRY(const auto table, Find(context, request.path, found));
  const std::string quoted = QuoteName(table.first) + "." + QuoteName(table.second);
  return Execute(context, {.text = connector::ScanText(quoted, request, '"')}, options);
}

}  // namespace nstarx::connectors::redshift
