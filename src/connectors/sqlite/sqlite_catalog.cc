#include "connectors/sqlite/sqlite_catalog.h"

#include <arrow/type.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "connectors/sqlite/sqlite_types.h"

namespace nstarx::connectors::sqlite {
namespace {

constexpr std::string_view kSchema = "main";

std::string Text(sqlite3_stmt* row, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return text == nullptr
             ? std::string()
             : std::string(text, static_cast<size_t>(sqlite3_column_bytes(row, column)));
}

Result<StatementPointer> Ask(Database& database, std::string_view sql, std::string_view table) {
  NSTARX_TRY(StatementPointer statement, database.PrepareOne(sql));
  sqlite3_bind_text64(statement.get(), 1, table.data(), table.size(), SQLITE_TRANSIENT,
                      SQLITE_UTF8);
  return statement;
}

/// One name of a path, quoted or not; moves `path` behind it.
bool TakeName(std::string_view& path, std::string& out) {
  out.clear();
  if (path.empty()) return false;
  if (path.front() != '"') {
    const size_t end = std::min(path.find('.'), path.size());
    out = path.substr(0, end);
    path.remove_prefix(end);
    return !out.empty();
  }
  path.remove_prefix(1);
  while (!path.empty()) {
    const char letter = path.front();
    path.remove_prefix(1);
    if (letter != '"') {
      out += letter;
    } else if (!path.empty() && path.front() == '"') {
      out += '"';
      path.remove_prefix(1);
    } else {
      return !out.empty();
    }
  }
  return false;
}

/// The number of rows as ANALYZE noted it, else the highest rowid; nothing when neither is there.
std::optional<int64_t> EstimateRows(Database& database, const std::string& table) {
  if (TableExists(database, "sqlite_stat1").value_or(false)) {
    auto noted = Ask(database, "SELECT stat FROM sqlite_stat1 WHERE tbl = ? LIMIT 1", table);
    if (noted && database.Step(noted->get()).value_or(false)) {
      const std::string text = Text(noted->get(), 0);
      int64_t rows = 0;
      if (std::from_chars(text.data(), text.data() + text.size(), rows).ec == std::errc()) {
        return rows;
      }
    }
  }
  auto highest = database.PrepareOne(fmt::format("SELECT max(_rowid_) FROM {}", Quote(table)));
  if (!highest || !database.Step(highest->get()).value_or(false)) return std::nullopt;
  return sqlite3_column_int64(highest->get(), 0);
}

Status AddColumns(Database& database, const std::string& table, connector::Description* out) {
  NSTARX_TRY(StatementPointer rows,
             Ask(database,
                 "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_xinfo(?, 'main')"
                 " WHERE hidden <> 1 ORDER BY cid",
                 table));
  std::vector<std::pair<int, std::string>> primary;
  for (;;) {
    NSTARX_TRY(const bool more, database.Step(rows.get()));
    if (!more) break;
    connector::Column column;
    column.name = Text(rows.get(), 0);
    column.native_type = Text(rows.get(), 1);
    const ColumnType type = FromDeclared(column.native_type);
    column.arrow_type =
        type.kind == ColumnKind::kDynamic ? "decided by the first rows" : ToArrow(type)->ToString();
    if (column.native_type.empty()) column.native_type = "(none)";
    const int place = sqlite3_column_int(rows.get(), 4);
    column.primary_key = place > 0;
    column.nullable = sqlite3_column_int(rows.get(), 2) == 0;
    column.default_value = Text(rows.get(), 3);
    if (place > 0) primary.emplace_back(place, column.name);
    out->columns.push_back(std::move(column));
  }
  std::ranges::sort(primary);
  if (!primary.empty()) {
    connector::Key key{.name = "primary", .kind = "primary"};
    for (auto& [place, name] : primary) key.columns.push_back(std::move(name));
    out->keys.push_back(std::move(key));
  }
  return {};
}

Status AddForeignKeys(Database& database, const std::string& table, connector::Description* out) {
  NSTARX_TRY(StatementPointer rows,
             Ask(database,
                 "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?, 'main')"
                 " ORDER BY id, seq",
                 table));
  int last = -1;
  std::string targets;
  const auto close = [&] {
    if (!targets.empty()) out->keys.back().references += "(" + targets + ")";
    targets.clear();
  };
  for (;;) {
    NSTARX_TRY(const bool more, database.Step(rows.get()));
    if (!more) break;
    if (const int id = sqlite3_column_int(rows.get(), 0); id != last) {
      close();
      last = id;
      out->keys.push_back({.name = fmt::format("foreign_{}", id),
                           .kind = "foreign",
                           .references = PathOfTable(Text(rows.get(), 1))});
    }
    out->keys.back().columns.push_back(Text(rows.get(), 2));
    if (const std::string target = Text(rows.get(), 3); !target.empty()) {
      targets += (targets.empty() ? "" : ", ") + target;
    }
  }
  close();
  return {};
}

Status AddIndexes(Database& database, const std::string& table, connector::Description* out) {
  NSTARX_TRY(
      StatementPointer rows,
      Ask(database,
          "SELECT l.name, l.\"unique\", l.origin,"
          " (SELECT sql FROM main.sqlite_schema s WHERE s.type = 'index' AND s.name = l.name)"
          " FROM pragma_index_list(?, 'main') l ORDER BY l.name",
          table));
  for (;;) {
    NSTARX_TRY(const bool more, database.Step(rows.get()));
    if (!more) break;
    connector::Index index{.name = Text(rows.get(), 0),
                           .unique = sqlite3_column_int(rows.get(), 1) != 0,
                           .definition = Text(rows.get(), 3)};
    NSTARX_TRY(
        StatementPointer parts,
        Ask(database, "SELECT name FROM pragma_index_info(?, 'main') ORDER BY seqno", index.name));
    for (;;) {
      NSTARX_TRY(const bool part, database.Step(parts.get()));
      if (!part) break;
      index.columns.push_back(Text(parts.get(), 0));
    }
    if (Text(rows.get(), 2) == "u") {
      out->keys.push_back({.name = index.name, .kind = "unique", .columns = index.columns});
    }
    out->indexes.push_back(std::move(index));
  }
  return {};
}

}  // namespace

std::string Quote(std::string_view name) {
  std::string out = "\"";
  for (char letter : name) {
    out += letter;
    if (letter == '"') out += '"';
  }
  return out + "\"";
}

Error NoSuchTable(std::string_view path) {
  Error error = NotFound("query.undefined_table", fmt::format("no such table: {}", path));
  error.WithStage("query").WithConnector("sqlite");
  return error;
}

Result<std::string> TableOfPath(std::string_view path) {
  std::string_view rest = path;
  std::string first;
  std::string second;
  if (!TakeName(rest, first)) return NoSuchTable(path);
  if (rest.empty()) return first;
  rest.remove_prefix(1);
  if (!TakeName(rest, second) || !rest.empty() || first != kSchema) return NoSuchTable(path);
  return second;
}

std::string PathOfTable(std::string_view table) {
  const bool plain = !table.empty() && std::isdigit(static_cast<unsigned char>(table[0])) == 0 &&
                     std::ranges::all_of(table, [](unsigned char letter) {
                       return std::isalnum(letter) != 0 || letter == '_';
                     });
  return std::string(kSchema) + "." + (plain ? std::string(table) : Quote(table));
}

Result<bool> TableExists(Database& database, std::string_view table) {
  NSTARX_TRY(StatementPointer rows,
             Ask(database,
                 "SELECT 1 FROM main.sqlite_schema WHERE type IN ('table', 'view')"
                 " AND name = ? COLLATE NOCASE",
                 table));
  return database.Step(rows.get());
}

Result<std::vector<connector::Node>> ListChildren(Database& database, std::string_view path,
                                                  int64_t limit) {
  std::vector<connector::Node> out;
  if (path.empty()) {
    if (limit > 0) {
      out.push_back({.name = "main", .path = "main", .kind = "schema", .has_children = true});
    }
    return out;
  }
  if (path != kSchema) {
    NSTARX_TRY(const std::string table, TableOfPath(path));
    NSTARX_TRY(const bool exists, TableExists(database, table));
    if (!exists) return NoSuchTable(path);
    return out;
  }
  NSTARX_TRY(StatementPointer rows,
             database.PrepareOne("SELECT name, type FROM main.sqlite_schema"
                                 " WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%'"
                                 " ESCAPE '\\' ORDER BY name LIMIT ?"));
  sqlite3_bind_int64(rows.get(), 1, limit);
  for (;;) {
    NSTARX_TRY(const bool more, database.Step(rows.get()));
    if (!more) break;
    connector::Node node{.name = Text(rows.get(), 0), .kind = Text(rows.get(), 1)};
    node.path = PathOfTable(node.name);
    if (node.kind == "table") node.row_estimate = EstimateRows(database, node.name);
    out.push_back(std::move(node));
  }
  return out;
}

Result<connector::Description> DescribeTable(Database& database, std::string_view path) {
  NSTARX_TRY(const std::string asked, TableOfPath(path));
  NSTARX_TRY(StatementPointer found,
             Ask(database,
                 "SELECT name, type FROM main.sqlite_schema WHERE type IN ('table', 'view')"
                 " AND name = ? COLLATE NOCASE",
                 asked));
  NSTARX_TRY(const bool exists, database.Step(found.get()));
  if (!exists) return NoSuchTable(path);
  const std::string table = Text(found.get(), 0);
  connector::Description out{.path = PathOfTable(table), .kind = Text(found.get(), 1)};
  NSTARX_RETURN_IF_ERROR(AddColumns(database, table, &out));
  if (out.kind == "table") {
    NSTARX_RETURN_IF_ERROR(AddForeignKeys(database, table, &out));
    NSTARX_RETURN_IF_ERROR(AddIndexes(database, table, &out));
    out.row_estimate = EstimateRows(database, table);
  }
  return out;
}

}  // namespace nstarx::connectors::sqlite
