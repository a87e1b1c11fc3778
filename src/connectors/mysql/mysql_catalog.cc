#include "connectors/mysql/mysql_catalog.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>

#include "connectors/mysql/mysql_errors.h"

namespace nstarx::connectors::mysql {
namespace {

constexpr std::string_view kSystemDatabases =
    "('information_schema', 'performance_schema', 'mysql', 'sys')";

std::optional<int64_t> Number(const std::string& text) {
  int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || read.ec != std::errc()) return std::nullopt;
  return value;
}

/// One name of a path, quoted or not; moves `path` behind it.
bool TakeName(std::string_view& path, std::string& out) {
  out.clear();
  if (path.empty()) return false;
  const char quote = path.front();
  if (quote != '`' && quote != '"') {
    const size_t end = std::min(path.find('.'), path.size());
    out = path.substr(0, end);
    path.remove_prefix(end);
    return !out.empty();
  }
  path.remove_prefix(1);
  while (!path.empty()) {
    const char letter = path.front();
    path.remove_prefix(1);
    if (letter != quote) {
      out += letter;
    } else if (!path.empty() && path.front() == quote) {
      out += quote;
      path.remove_prefix(1);
    } else {
      return !out.empty();
    }
  }
  return false;
}

std::string PathPart(std::string_view name) {
  const bool plain = !name.empty() && std::ranges::all_of(name, [](unsigned char letter) {
    return std::isalnum(letter) != 0 || letter == '_' || letter == '$' || letter >= 0x80;
  });
  return plain ? std::string(name) : Quote(name);
}

std::string KindOf(std::string_view table_type) {
  if (table_type.find("VIEW") != std::string_view::npos) return "view";
  if (table_type == "SEQUENCE") return "sequence";
  return "table";
}

Status AddColumns(Conversation& conversation, const std::string& where,
                  connector::Description* out) {
  NSTARX_TRY(const auto rows,
             conversation.Rows("SELECT column_name, column_type, is_nullable, column_key,"
                               " column_default, column_comment FROM information_schema.columns" +
                               where + " ORDER BY ordinal_position"));
  for (const auto& row : rows) {
    out->columns.push_back({.name = row[0],
                            .native_type = row[1],
                            .arrow_type = ToArrow(TypeOfDeclared(row[1]))->ToString(),
                            .nullable = row[2] == "YES",
                            .primary_key = row[3] == "PRI",
                            .default_value = row[4] == "NULL" ? "" : row[4],
                            .comment = row[5]});
  }
  return {};
}

Status AddKeys(Conversation& conversation, const TablePath& table, connector::Description* out) {
  NSTARX_TRY(
      const auto rows,
      conversation.Rows(fmt::format(
          "SELECT c.constraint_name, c.constraint_type, k.column_name, k.referenced_table_schema,"
          " k.referenced_table_name, k.referenced_column_name"
          " FROM information_schema.table_constraints c"
          " JOIN information_schema.key_column_usage k ON k.table_schema = c.table_schema"
          " AND k.table_name = c.table_name AND k.constraint_name = c.constraint_name"
          " WHERE c.table_schema = {0} AND c.table_name = {1}"
          " AND k.table_schema = {0} AND k.table_name = {1}"
          " ORDER BY c.constraint_type, c.constraint_name, k.ordinal_position",
          Literal(table.database), Literal(table.table))));
  std::map<std::string, std::string> targets;
  for (const auto& row : rows) {
    const std::string kind = row[1] == "PRIMARY KEY" ? "primary"
                             : row[1] == "UNIQUE"    ? "unique"
                                                     : "foreign";
    if (out->keys.empty() || out->keys.back().name != row[0]) {
      out->keys.push_back({.name = row[0], .kind = kind});
    }
    connector::Key& key = out->keys.back();
    key.columns.push_back(row[2]);
    if (kind != "foreign") continue;
    std::string& columns = targets[row[0]];
    columns += (columns.empty() ? "" : ", ") + row[5];
    key.references = PathOf(row[3], row[4]) + "(" + columns + ")";
  }
  // The primary key first, as people expect it.
  std::ranges::stable_sort(out->keys, {}, [](const connector::Key& key) {
    return key.kind == "primary" ? 0 : key.kind == "unique" ? 1 : 2;
  });
  return {};
}

Status AddIndexes(Conversation& conversation, const std::string& where,
                  connector::Description* out) {
  NSTARX_TRY(const auto rows,
             conversation.Rows("SELECT index_name, column_name, non_unique, index_type"
                               " FROM information_schema.statistics" +
                               where + " ORDER BY index_name, seq_in_index"));
  for (const auto& row : rows) {
    if (out->indexes.empty() || out->indexes.back().name != row[0]) {
      out->indexes.push_back({.name = row[0], .unique = row[2] == "0", .definition = row[3]});
    }
    out->indexes.back().columns.push_back(row[1]);
  }
  return {};
}

}  // namespace

std::string Quote(std::string_view name) {
  std::string out = "`";
  for (char letter : name) {
    out += letter;
    if (letter == '`') out += '`';
  }
  return out + "`";
}

std::string Literal(std::string_view text) {
  // Hexadecimal needs no escaping, whatever the server's SQL mode says about backslashes.
  if (text.empty()) return "''";
  std::string out = "CONVERT(x'";
  for (unsigned char byte : text) out += fmt::format("{:02x}", byte);
  return out + "' USING utf8mb4)";
}

std::string TablePath::Quoted() const { return Quote(database) + "." + Quote(table); }

std::string PathOf(std::string_view database, std::string_view table) {
  return PathPart(database) + "." + PathPart(table);
}

Error NoSuchTable(std::string_view path) {
  return NotFound("query.undefined_table", fmt::format("There is no table or database '{}'", path))
      .WithStage("query")
      .WithConnector("mysql");
}

Result<TablePath> ParsePath(std::string_view path, std::string_view default_database) {
  std::string_view rest = path;
  TablePath out;
  if (!IsUtf8(path) || !TakeName(rest, out.database)) return NoSuchTable(path);
  if (rest.empty()) {
    if (default_database.empty()) return NoSuchTable(path);
    out.table = std::exchange(out.database, std::string(default_database));
    return out;
  }
  rest.remove_prefix(1);
  if (!TakeName(rest, out.table) || !rest.empty()) return NoSuchTable(path);
  return out;
}

Result<std::vector<connector::Node>> ListChildren(Conversation& conversation, std::string_view path,
                                                  int64_t limit) {
  std::vector<connector::Node> out;
  limit = std::max<int64_t>(limit, 0);
  if (path.empty()) {
    NSTARX_TRY(const auto rows,
               conversation.Rows(fmt::format("SELECT schema_name FROM information_schema.schemata"
                                             " WHERE schema_name NOT IN {}"
                                             " ORDER BY binary schema_name LIMIT {}",
                                             kSystemDatabases, limit)));
    for (const auto& row : rows) {
      out.push_back(
          {.name = row[0], .path = PathPart(row[0]), .kind = "schema", .has_children = true});
    }
    return out;
  }
  std::string_view rest = path;
  std::string database;
  if (!IsUtf8(path) || !TakeName(rest, database)) return NoSuchTable(path);
  if (!rest.empty()) {
    NSTARX_TRY(const auto described, DescribeTable(conversation, path, database));
    (void)described;
    return out;  // Tables have no children.
  }
  NSTARX_TRY(const auto rows,
             conversation.Rows(fmt::format(
                 "SELECT table_name, table_type, table_rows, data_length + index_length,"
                 " table_comment FROM information_schema.tables WHERE table_schema = {}"
                 " ORDER BY binary table_name LIMIT {}",
                 Literal(database), limit)));
  for (const auto& row : rows) {
    connector::Node node{.name = row[0], .path = PathOf(database, row[0]), .kind = KindOf(row[1])};
    if (node.kind == "table") {
      node.row_estimate = Number(row[2]);
      node.size_bytes = Number(row[3]);
      node.comment = row[4];
    }
    out.push_back(std::move(node));
  }
  if (!out.empty()) return out;
  NSTARX_TRY(const auto known,
             conversation.Rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = " +
                               Literal(database)));
  if (known.empty()) return NoSuchTable(path);
  return out;
}

Result<connector::Description> DescribeTable(Conversation& conversation, std::string_view path,
                                             std::string_view default_database) {
  NSTARX_TRY(const TablePath table, ParsePath(path, default_database));
  const std::string where = fmt::format(" WHERE table_schema = {} AND table_name = {}",
                                        Literal(table.database), Literal(table.table));
  NSTARX_TRY(const auto found,
             conversation.Rows("SELECT table_type, table_rows, data_length + index_length,"
                               " table_comment FROM information_schema.tables" +
                               where));
  if (found.empty()) return NoSuchTable(path);
  connector::Description out{.path = PathOf(table.database, table.table),
                             .kind = KindOf(found[0][0])};
  if (out.kind == "table") {
    out.row_estimate = Number(found[0][1]);
    out.size_bytes = Number(found[0][2]);
    out.comment = found[0][3];
  }
  NSTARX_RETURN_IF_ERROR(AddColumns(conversation, where, &out));
  if (out.kind != "table") return out;
  NSTARX_RETURN_IF_ERROR(AddKeys(conversation, table, &out));
  NSTARX_RETURN_IF_ERROR(AddIndexes(conversation, where, &out));
  NSTARX_TRY(const auto partitions,
             conversation.Rows("SELECT partition_name FROM information_schema.partitions" + where +
                               " AND partition_name IS NOT NULL ORDER BY"
                               " partition_ordinal_position"));
  for (const auto& row : partitions) out.partitions.push_back(row[0]);
  return out;
}

json::object PlanTree(const json::value& native) {
  const auto build = [](const auto& self, std::string_view name,
                        const json::object& from) -> json::object {
    json::object node{{"node", name}, {"rows", nullptr}, {"cost", nullptr}};
    json::array children;
    for (const auto& [key, value] : from) {
      const std::string_view word = key;
      if (word == "table_name" || word == "access_type" || word == "key" ||
          word == "attached_condition") {
        node[word] = value;
      } else if (word == "rows" || word == "rows_examined_per_scan") {
        node["rows"] = value;
      } else if (word == "cost") {
        node["cost"] = value;
      } else if (word == "cost_info" && value.is_object()) {
        for (const char* cost : {"query_cost", "prefix_cost"}) {
          if (const json::value* found = value.get_object().if_contains(cost))
            node["cost"] = *found;
        }
      } else if (value.is_object()) {
        children.push_back(self(self, word, value.get_object()));
      } else if (value.is_array()) {
        for (const json::value& item : value.get_array()) {
          if (!item.is_object()) continue;
          const json::object& only = item.get_object();
          const bool wrapper = only.size() == 1 && only.begin()->value().is_object();
          children.push_back(
              wrapper ? self(self, only.begin()->key(), only.begin()->value().get_object())
                      : self(self, word, only));
        }
      }
    }
    node["children"] = std::move(children);
    return node;
  };
  if (!native.is_object()) return {};
  const json::object& root = native.get_object();
  if (const json::value* block = root.if_contains("query_block"); block && block->is_object()) {
    return build(build, "query_block", block->get_object());
  }
  return build(build, "plan", root);
}

Result<json::object> ExplainStatement(Conversation& conversation, std::string_view text) {
  // Prepared, because only one statement can be: nothing behind a semicolon runs.
  const std::string explain = "EXPLAIN FORMAT=JSON " + std::string(text);
  NSTARX_TRY(Prepared * statement, conversation.Prepare(explain));
  const json::array nothing(static_cast<size_t>(statement->parameters));
  NSTARX_TRY(const ResultHeader header, conversation.Execute(*statement, nothing, explain));
  if (header.columns.size() != 1) return Internal("EXPLAIN gave an unexpected result");
  std::string document;
  for (;;) {
    NSTARX_TRY(const Packet packet, conversation.wire().Receive());
    if (packet.IsError()) return Conversation::ErrorOf(packet, explain);
    if (packet.IsEof()) break;
    PacketReader reader(packet);
    reader.Fixed(2);  // marker and the bitmap of NULLs
    document += reader.Text();
  }
  boost::system::error_code failure;
  json::value native = json::parse(document, failure);
  if (failure) return Internal("EXPLAIN gave no JSON");
  return json::object{{"plan", PlanTree(native)}, {"native", std::move(native)}};
}

Result<connector::PrivilegeReport> ReadPrivileges(Conversation& conversation,
                                                  std::string_view database, bool read_only) {
  connector::PrivilegeReport report;
  NSTARX_TRY(const auto user, conversation.Rows("SELECT CURRENT_USER()"));
  if (!user.empty()) report.user = user[0][0];
  NSTARX_TRY(const auto rows, conversation.Rows("SHOW GRANTS"));
  bool select = false;
  bool insert = false;
  for (const auto& row : rows) {
    // The rest of the line may hold the password's hash.
    std::string grant = row[0].substr(0, row[0].find(" IDENTIFIED "));
    grant = grant.substr(0, grant.find(" TO "));
    if (grant.starts_with("GRANT ")) grant = grant.substr(6);
    const bool all = grant.starts_with("ALL PRIVILEGES");
    select |= all || grant.find("SELECT") != std::string::npos;
    insert |= all || grant.find("INSERT") != std::string::npos;
    report.granted.push_back(std::move(grant));
  }
  if (!select) report.missing.emplace_back("SELECT");
  report.facts["may_write"] = insert && !read_only;
  report.facts["database"] = database;
  return report;
}

}  // namespace nstarx::connectors::mysql
