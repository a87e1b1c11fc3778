#include "adapter/object_tree.h"

#include <arrow-adbc/adbc.h>
#include <fmt/format.h>

#include <algorithm>

namespace nstarx::adapter {
namespace {

DriverError NoSuch(std::string_view path) {
  return {.status = ADBC_STATUS_NOT_FOUND, .message = fmt::format("there is no '{}'", path)};
}

/// Paths quote odd names alike for all systems.
std::string QuotePart(std::string_view name) {
  std::string out = "\"";
  for (const char byte : name) {
    if (byte == '"') out += '"';
    out += byte;
  }
  return out + '"';
}

bool IsPlainName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_';
  }) && !(name.front() >= '0' && name.front() <= '9');
}

/// The parts of a dotted path with "quoted" names.
std::vector<std::string> SplitPath(std::string_view path) {
  std::vector<std::string> out;
  std::string part;
  bool quoted = false;
  for (size_t i = 0; i < path.size(); ++i) {
    if (quoted && path[i] == '"' && i + 1 < path.size() && path[i + 1] == '"') {
      part += path[++i];
    } else if (path[i] == '"') {
      quoted = !quoted;
    } else if (path[i] == '.' && !quoted) {
      out.push_back(std::exchange(part, {}));
    } else {
      part += path[i];
    }
  }
  out.push_back(std::move(part));
  return out;
}

const json::array& RowsOf(const json::object& object, std::string_view name) {
  static const json::array kNone;
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}

std::string KindOf(std::string_view driver_kind) {
  std::string out(driver_kind);
  std::ranges::transform(out, out.begin(), [](char byte) {
    if (byte == ' ') return '_';
    return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 32) : byte;
  });
  return out.empty() || out == "base_table" ? "table" : out;
}

}  // namespace

DriverStatus ObjectTree::LearnLevels() {
  if (levels_known_) return {};
  catalog_ = CurrentCatalog();
  ObjectName all;
  if (!catalog_.empty()) all.catalog = catalog_;
  auto found = Objects(ObjectDepth::kSchemas, all);
  if (!found) return std::unexpected(found.error());
  const json::array& catalogs = RowsOf(*found, "catalogs");
  has_catalogs_ = catalog_.empty() && catalogs.size() > 1;
  if (catalogs.size() == 1) catalog_ = GetString(catalogs[0].get_object(), "catalog_name");
  for (const auto& catalog : catalogs) {
    for (const auto& schema : RowsOf(catalog.get_object(), "catalog_db_schemas")) {
      if (!GetString(schema.get_object(), "db_schema_name").empty()) has_schemas_ = true;
    }
  }
  levels_known_ = true;
  return {};
}

DriverResult<ObjectName> ObjectTree::NameOf(std::string_view path) {
  if (auto learnt = LearnLevels(); !learnt) return std::unexpected(learnt.error());
  ObjectName out;
  if (!has_catalogs_ && !catalog_.empty()) out.catalog = catalog_;
  if (path.empty()) return out;
  std::vector<std::string> parts = SplitPath(path);
  if (std::ranges::any_of(parts, &std::string::empty)) return std::unexpected(NoSuch(path));
  size_t next = 0;
  if (has_catalogs_) out.catalog = parts[next++];
  if (has_schemas_ && next < parts.size()) out.schema = parts[next++];
  if (next < parts.size()) out.table = parts[next++];
  if (next < parts.size()) return std::unexpected(NoSuch(path));
  return out;
}

DriverResult<ObjectName> ObjectTree::TargetOf(std::string_view path) {
  auto name = NameOf(path);
  if (!name) return name;
  if (!name->table) std::swap(name->table, name->schema);
  if (!name->table) return std::unexpected(NoSuch(path));
  return name;
}

std::string ObjectTree::PathOf(std::string_view catalog, std::string_view schema,
                               std::string_view table) const {
  std::string out;
  const auto add = [&](std::string_view part) {
    if (part.empty()) return;
    if (!out.empty()) out += '.';
    out += IsPlainName(part) ? std::string(part) : QuotePart(part);
  };
  if (has_catalogs_) add(catalog);
  if (has_schemas_) add(schema);
  add(table);
  return out;
}

DriverResult<json::object> ObjectTree::List(std::string_view path, int64_t limit) {
  auto name = NameOf(path);
  if (!name) return std::unexpected(name.error());
  json::array items;
  if (name->table) {
    auto there = Describe(path);
    if (!there) return std::unexpected(there.error());
    return json::object{{"items", std::move(items)}};
  }
  const bool lists_catalogs = has_catalogs_ && !name->catalog;
  const bool lists_schemas = !lists_catalogs && has_schemas_ && !name->schema;
  const ObjectDepth depth = lists_catalogs  ? ObjectDepth::kCatalogs
                            : lists_schemas ? ObjectDepth::kSchemas
                                            : ObjectDepth::kTables;
  auto found = Objects(depth, *name);
  if (!found) return std::unexpected(found.error());
  const auto add = [&](std::string_view text, std::string full, std::string kind, bool parent) {
    items.push_back(json::object{{"name", text},
                                 {"path", std::move(full)},
                                 {"kind", std::move(kind)},
                                 {"has_children", parent}});
  };
  bool parent_seen = false;
  for (const auto& catalog : RowsOf(*found, "catalogs")) {
    const std::string_view catalog_name = GetString(catalog.get_object(), "catalog_name");
    if (name->catalog && catalog_name != *name->catalog) continue;
    if (lists_catalogs) {
      add(catalog_name, PathOf(catalog_name, {}, {}), "catalog", true);
      continue;
    }
    for (const auto& schema : RowsOf(catalog.get_object(), "catalog_db_schemas")) {
      const std::string_view schema_name = GetString(schema.get_object(), "db_schema_name");
      if (name->schema && schema_name != *name->schema) continue;
      parent_seen = true;
      if (lists_schemas) {
        add(schema_name, PathOf(catalog_name, schema_name, {}), "schema", true);
        continue;
      }
      for (const auto& table : RowsOf(schema.get_object(), "db_schema_tables")) {
        const json::object& row = table.get_object();
        const std::string_view table_name = GetString(row, "table_name");
        add(table_name, PathOf(catalog_name, schema_name, table_name),
            KindOf(GetString(row, "table_type")), false);
      }
    }
  }
  if (items.empty() && !parent_seen && !path.empty()) return std::unexpected(NoSuch(path));
  std::ranges::sort(items, {}, [](const json::value& item) {
    return std::string(GetString(item.get_object(), "name"));
  });
  if (items.size() > static_cast<size_t>(limit)) items.resize(static_cast<size_t>(limit));
  return json::object{{"items", std::move(items)}};
}

DriverResult<json::object> ObjectTree::Describe(std::string_view path) {
  auto name = NameOf(path);
  if (!name) return std::unexpected(name.error());
  if (!name->table) return std::unexpected(NoSuch(path));
  auto found = Objects(ObjectDepth::kColumns, *name);
  if (!found) return std::unexpected(found.error());
  for (const auto& catalog : RowsOf(*found, "catalogs")) {
    for (const auto& schema : RowsOf(catalog.get_object(), "catalog_db_schemas")) {
      const json::object& in = schema.get_object();
      if (name->schema && GetString(in, "db_schema_name") != *name->schema) continue;
      for (const auto& table : RowsOf(in, "db_schema_tables")) {
        const json::object& row = table.get_object();
        // Filters of ADBC are LIKE patterns: another table may fit.
        if (GetString(row, "table_name") != *name->table) continue;
        json::object out = row;
        out["path"] = path;
        out["kind"] = KindOf(GetString(row, "table_type"));
        out["arrow_types"] = ArrowTypes(*name);
        return out;
      }
    }
  }
  return std::unexpected(NoSuch(path));
}

std::string ObjectTree::QuotedName(std::string_view name) const {
  std::string out(1, quote());
  for (const char byte : name) {
    if (byte == quote()) out += byte;
    out += byte;
  }
  return out + quote();
}

std::string ObjectTree::Quoted(const ObjectName& name) const {
  std::string out;
  if (has_catalogs_ && name.catalog) out += QuotedName(*name.catalog) + ".";
  if (name.schema) out += QuotedName(*name.schema) + ".";
  return out + QuotedName(name.table.value_or(""));
}

DriverResult<std::string> ObjectTree::Quoted(std::string_view path) {
  auto name = NameOf(path);
  if (!name) return std::unexpected(name.error());
  if (!name->table) return std::unexpected(NoSuch(path));
  return Quoted(*name);
}

}  // namespace nstarx::adapter
