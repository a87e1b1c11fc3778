#include "connectors/cassandra/cassandra_catalog.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "connectors/cassandra/cassandra_errors.h"

namespace nstarx::connectors::cassandra {
namespace {

constexpr uint16_t kOne = 1;

using Row = std::vector<std::optional<std::string>>;

std::string Cell(const Row& row, size_t i) { return i < row.size() ? row[i].value_or("") : ""; }

int64_t NumberOf(const Row& row, size_t i) {
  const std::string bytes = Cell(row, i);
  uint64_t value = !bytes.empty() && (bytes[0] & 0x80) != 0 ? ~uint64_t{0} : 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return static_cast<int64_t>(value);
}

/// The elements of a list<text> or the pairs of a map<text, text>, as the wire has them.
std::vector<std::string> Elements(const std::string& bytes, int per_entry) {
  std::vector<std::string> out;
  BodyReader reader(bytes);
  const int64_t count = int64_t{reader.Int()} * per_entry;
  for (int64_t i = 0; i < count && reader.ok(); ++i) {
    const auto element = reader.Bytes();
    if (reader.ok()) out.emplace_back(element.value_or(""));
  }
  return out;
}

Result<std::vector<Row>> Ask(const Context& context, CqlClient& client, const std::string& text) {
  return client.Rows(context, QueryRequest(text), kOne);
}

std::string OfTable(std::string_view columns, std::string_view source, const TablePath& table) {
  return fmt::format("SELECT {} FROM system_schema.{} WHERE keyspace_name = {} AND table_name = {}",
                     columns, source, Literal(table.keyspace), Literal(table.table));
}

Result<UdtTable> Udts(const Context& context, CqlClient& client, std::string_view keyspace) {
  NSTARX_TRY(const auto rows,
             Ask(context, client,
                 fmt::format("SELECT type_name, field_names, field_types FROM system_schema.types"
                             " WHERE keyspace_name = {}",
                             Literal(keyspace))));
  UdtTable udts;
  for (const Row& row : rows) {
    udts[Cell(row, 0)] = {.names = Elements(Cell(row, 1), 1), .types = Elements(Cell(row, 2), 1)};
  }
  return udts;
}

std::string ArrowName(std::string_view cql, const UdtTable& udts, NumericAs numeric) {
  const auto type = ParseCql(cql, udts);
  return type && Leaves(*type) <= kLeavesMax ? ToArrow(*type, numeric, false)->ToString()
                                             : "binary";
}

struct TableColumn {
  std::string name;
  std::string kind;
  std::string order;
  std::string type;
  int64_t position = 0;
  int rank() const {
    return kind == "partition_key" ? 0 : kind == "clustering" ? 1 : kind == "static" ? 2 : 3;
  }
};

/// In the order of SELECT *.
Result<std::vector<TableColumn>> ColumnsOf(const Context& context, CqlClient& client,
                                           const TablePath& table) {
  NSTARX_TRY(const auto rows,
             Ask(context, client,
                 OfTable("column_name, kind, clustering_order, type, position", "columns", table)));
  std::vector<TableColumn> columns;
  for (const Row& row : rows) {
    columns.push_back({.name = Cell(row, 0),
                       .kind = Cell(row, 1),
                       .order = Cell(row, 2),
                       .type = Cell(row, 3),
                       .position = NumberOf(row, 4)});
  }
  std::ranges::sort(columns, [](const TableColumn& a, const TableColumn& b) {
    return std::tuple(a.rank(), a.position, a.name) < std::tuple(b.rank(), b.position, b.name);
  });
  return columns;
}

void AddColumns(const std::vector<TableColumn>& columns, const UdtTable& udts, NumericAs numeric,
                connector::Description* out) {
  connector::Key primary{.name = "primary key", .kind = "primary", .columns = {}};
  connector::Key partition{.name = "partition key", .kind = "partition", .columns = {}};
  connector::Key clustering{.name = "clustering key", .kind = "clustering", .columns = {}};
  for (const TableColumn& column : columns) {
    const bool key = column.rank() < 2;
    out->columns.push_back({.name = column.name,
                            .native_type = column.type,
                            .arrow_type = ArrowName(column.type, udts, numeric),
                            .nullable = !key,
                            .primary_key = key,
                            .default_value = "",
                            .comment = column.rank() == 1   ? "clustering, " + column.order
                                       : column.rank() == 2 ? "static"
                                                            : ""});
    if (!key) continue;
    primary.columns.push_back(column.name);
    (column.rank() == 0 ? partition : clustering).columns.push_back(column.name);
  }
  out->keys.push_back(std::move(primary));
  out->keys.push_back(std::move(partition));
  if (!clustering.columns.empty()) out->keys.push_back(std::move(clustering));
}

Status AddIndexes(const Context& context, CqlClient& client, const TablePath& table,
                  connector::Description* out) {
  NSTARX_TRY(const auto rows,
             Ask(context, client, OfTable("index_name, kind, options", "indexes", table)));
  for (const Row& row : rows) {
    connector::Index index{.name = Cell(row, 0), .columns = {}, .unique = false, .definition = ""};
    std::string how = Cell(row, 1);
    const auto options = Elements(Cell(row, 2), 2);
    for (size_t i = 0; i + 1 < options.size(); i += 2) {
      if (options[i] == "target") index.columns.push_back(options[i + 1]);
      if (options[i] == "class_name") how = options[i + 1];
    }
    index.definition =
        fmt::format("CREATE INDEX {} ON {} ({}) USING '{}'", Quote(index.name), table.Quoted(),
                    index.columns.empty() ? "" : index.columns[0], how);
    out->indexes.push_back(std::move(index));
  }
  return {};
}

/// What the nodes have counted; they do so every few minutes.
Status AddSize(const Context& context, CqlClient& client, const TablePath& table,
               connector::Description* out) {
  auto rows = Ask(context, client,
                  fmt::format("SELECT mean_partition_size, partitions_count FROM"
                              " system.size_estimates WHERE keyspace_name = {} AND table_name = {}",
                              Literal(table.keyspace), Literal(table.table)));
  if (!rows) {
    return rows.error().code() == "query.no_privilege" || rows.error().code() == "query.invalid"
               ? Status()
               : Status(std::move(rows).error());
  }
  if (rows->empty()) return {};
  int64_t bytes = 0;
  for (const Row& row : *rows) {
    int64_t part = 0;
    if (__builtin_mul_overflow(NumberOf(row, 0), NumberOf(row, 1), &part) ||
        __builtin_add_overflow(bytes, part, &bytes)) {
      return {};
    }
  }
  out->size_bytes = bytes;
  return {};
}

/// The fields of a user-defined type as columns; false when there is no such type.
bool DescribeType(const UdtTable& udts, const TablePath& path, NumericAs numeric,
                  connector::Description* out) {
  const auto found = udts.find(path.table);
  if (found == udts.end()) return false;
  out->kind = "type";
  const UdtFields& fields = found->second;
  for (size_t i = 0; i < fields.names.size() && i < fields.types.size(); ++i) {
    out->columns.push_back({.name = fields.names[i],
                            .native_type = fields.types[i],
                            .arrow_type = ArrowName(fields.types[i], udts, numeric),
                            .nullable = true,
                            .primary_key = false,
                            .default_value = "",
                            .comment = ""});
  }
  return true;
}

Result<std::vector<connector::Node>> ListKeyspace(const Context& context, CqlClient& client,
                                                  const std::string& keyspace) {
  const std::string where = fmt::format(" WHERE keyspace_name = {}", Literal(keyspace));
  NSTARX_TRY(const auto known,
             Ask(context, client, "SELECT keyspace_name FROM system_schema.keyspaces" + where));
  if (known.empty()) return NoSuchTable(keyspace);
  std::vector<connector::Node> nodes;
  const auto add = [&](const Row& row, std::string_view kind) {
    const std::string name = Cell(row, 0);
    nodes.push_back({.name = name,
                     .path = TablePath{keyspace, name}.Quoted(),
                     .kind = std::string(kind),
                     .has_children = false,
                     .comment = Cell(row, 1),
                     .row_estimate = {},
                     .size_bytes = {}});
  };
  NSTARX_TRY(const auto tables,
             Ask(context, client, "SELECT table_name, comment FROM system_schema.tables" + where));
  for (const Row& row : tables) add(row, "table");
  NSTARX_TRY(const auto views,
             Ask(context, client, "SELECT view_name, comment FROM system_schema.views" + where));
  for (const Row& row : views) add(row, "materialized_view");
  NSTARX_TRY(const auto types,
             Ask(context, client, "SELECT type_name FROM system_schema.types" + where));
  for (const Row& row : types) add(row, "type");
  return nodes;
}

}  // namespace

Result<std::vector<connector::Node>> ListChildren(const Context& context, CqlClient& client,
                                                  std::string_view path, int64_t limit) {
  const auto parts = SplitPath(path);
  if (!parts || parts->size() > 2) return NoSuchTable(path);
  std::vector<connector::Node> nodes;
  if (parts->empty()) {
    NSTARX_TRY(const auto rows,
               Ask(context, client, "SELECT keyspace_name FROM system_schema.keyspaces"));
    for (const Row& row : rows) {
      nodes.push_back({.name = Cell(row, 0),
                       .path = Quote(Cell(row, 0)),
                       .kind = "keyspace",
                       .has_children = true,
                       .comment = "",
                       .row_estimate = {},
                       .size_bytes = {}});
    }
  } else if (parts->size() == 1) {
    NSTARX_TRY(nodes, ListKeyspace(context, client, (*parts)[0]));
  }
  std::ranges::sort(nodes, {}, &connector::Node::name);
  if (nodes.size() > static_cast<size_t>(std::max<int64_t>(limit, 0))) {
    nodes.resize(static_cast<size_t>(std::max<int64_t>(limit, 0)));
  }
  return nodes;
}

Result<connector::Description> DescribePath(const Context& context, CqlClient& client,
                                            std::string_view path, std::string_view keyspace,
                                            NumericAs numeric) {
  const auto table = ParsePath(path, keyspace);
  if (!table || table->keyspace.empty()) return NoSuchTable(path);
  connector::Description out;
  out.path = table->Quoted();
  NSTARX_TRY(const UdtTable udts, Udts(context, client, table->keyspace));
  NSTARX_TRY(const auto columns, ColumnsOf(context, client, *table));
  if (columns.empty()) {
    if (DescribeType(udts, *table, numeric, &out)) return out;
    return NoSuchTable(path);
  }
  out.kind = "table";
  NSTARX_TRY(const auto tables, Ask(context, client, OfTable("comment", "tables", *table)));
  if (!tables.empty()) {
    out.comment = Cell(tables[0], 0);
  } else {
    NSTARX_TRY(const auto views,
               Ask(context, client,
                   fmt::format("SELECT comment, base_table_name, where_clause FROM"
                               " system_schema.views WHERE keyspace_name = {} AND view_name = {}",
                               Literal(table->keyspace), Literal(table->table))));
    out.kind = "materialized_view";
    if (!views.empty()) {
      out.comment = Cell(views[0], 0);
      if (!out.comment.empty()) out.comment += "; ";
      out.comment += fmt::format("of {} where {}", Quote(Cell(views[0], 1)), Cell(views[0], 2));
    }
  }
  AddColumns(columns, udts, numeric, &out);
  NSTARX_RETURN_IF_ERROR(AddIndexes(context, client, *table, &out));
  NSTARX_RETURN_IF_ERROR(AddSize(context, client, *table, &out));
  return out;
}

Result<std::vector<std::string>> PartitionKey(const Context& context, CqlClient& client,
                                              const TablePath& table) {
  NSTARX_TRY(const auto columns, ColumnsOf(context, client, table));
  std::vector<std::string> key;
  for (const TableColumn& column : columns) {
    if (column.rank() == 0) key.push_back(column.name);
  }
  return key;
}

Result<connector::PrivilegeReport> ReadPrivileges(const Context& context, CqlClient& client,
                                                  std::string_view user, std::string_view keyspace,
                                                  bool read_only) {
  connector::PrivilegeReport report;
  report.user = user;
  if (user.empty()) {
    report.facts["note"] = "The server asks nobody for a login";
    return report;
  }
  auto roles = Ask(context, client, fmt::format("LIST ROLES OF {}", Literal(user)));
  bool super = false;
  if (roles) {
    json::array names;
    for (const Row& row : *roles) {
      names.emplace_back(Cell(row, 0));
      super = super || Cell(row, 1) == std::string_view("\1", 1);
    }
    report.facts["roles"] = std::move(names);
  } else if (roles.error().vendor_code().empty()) {
    return std::move(roles).error();
  }
  report.facts["superuser"] = super;
  if (super) report.granted.emplace_back("superuser: everything");
  auto rows = Ask(context, client, fmt::format("LIST ALL PERMISSIONS OF {}", Literal(user)));
  if (!rows) {
    if (rows.error().vendor_code().empty()) return std::move(rows).error();
    report.facts["note"] = rows.error().message();  // An authorizer that has no permissions.
    return report;
  }
  bool reads = super;
  bool writes = super;
  for (const Row& row : *rows) {
    const std::string resource = Cell(row, 2);
    const std::string permission = Cell(row, 3);
    report.granted.push_back(fmt::format("{} on {}", permission, resource));
    const bool here = keyspace.empty() || resource == "<all keyspaces>" ||
                      resource == fmt::format("<keyspace {}>", keyspace) ||
                      resource == fmt::format("<all tables in {}>", keyspace) ||
                      resource.starts_with(fmt::format("<table {}.", keyspace));
    reads = reads || (here && permission == "SELECT");
    writes = writes || (here && permission == "MODIFY");
  }
  if (!reads) report.missing.emplace_back("SELECT on the keyspaces or tables that are read");
  report.facts["writes"] = writes && !read_only;
  return report;
}

}  // namespace nstarx::connectors::cassandra
