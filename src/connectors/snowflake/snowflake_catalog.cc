#include "connectors/snowflake/snowflake_catalog.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "connectors/snowflake/snowflake_chunks.h"
#include "connectors/snowflake/snowflake_errors.h"
#include "connectors/snowflake/snowflake_result.h"
#include "connectors/snowflake/snowflake_types.h"
#include "connectors/snowflake/statement_text.h"

namespace nstarx::connectors::snowflake {
namespace {

/// So many rows the service gives at most for one SHOW.
constexpr int64_t kPage = 10'000;

/// The rows of a SHOW or DESCRIBE, which come as texts; read by the columns' names.
class Shown {
 public:
  static Result<Shown> Run(const Context& context, SnowflakeClient& client,
                           const std::string& text) {
    NSTARX_TRY(const json::object data, client.Query(context, {{"sqlText", text}}));
    Shown out;
    const auto* rowtype = data.if_contains("rowtype");
    if (rowtype == nullptr || !rowtype->is_array()) return Malformed("a list without columns");
    for (const auto& each : rowtype->get_array()) {
      out.columns_.emplace_back(each.is_object() ? GetString(each.get_object(), "name") : "");
    }
    if (const auto* rows = data.if_contains("rowset"); rows && rows->is_array()) {
      out.rows_ = rows->get_array();
    } else if (!GetString(data, "rowsetBase64").empty()) {
      return Malformed("a list that is not in JSON");
    }
    NSTARX_RETURN_IF_ERROR(out.AddChunks(context, client.account(), data));
    for (const auto& row : out.rows_) {
      if (!row.is_array() || row.get_array().size() != out.columns_.size()) {
        return Malformed("a row with other columns than declared");
      }
    }
    return out;
  }
  size_t size() const { return rows_.size(); }
  /// Empty where it is NULL, or there is no such column.
  std::string At(size_t row, std::string_view column) const {
    const auto found = std::ranges::find(columns_, column);
    if (found == columns_.end()) return {};
    const auto& cell = rows_[row].get_array()[static_cast<size_t>(found - columns_.begin())];
    return cell.is_string() ? std::string(cell.get_string()) : std::string();
  }

 private:
  /// A long list comes in parts, as every result.
  Status AddChunks(const Context& context, const std::shared_ptr<const Account>& account,
                   const json::object& data) {
    NSTARX_TRY(ChunkLinks links, ReadLinks(data));
    Chunks chunks(account, std::move(links));
    while (true) {
      NSTARX_TRY(auto chunk, chunks.Next(context));
      if (!chunk) return {};
      NSTARX_TRY(const json::array more, ReadRows(*std::move(chunk)));
      rows_.insert(rows_.end(), more.begin(), more.end());
    }
  }

  std::vector<std::string> columns_;
  json::array rows_;
};

std::optional<int64_t> Number(std::string_view text) {
  int64_t out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || read.ec != std::errc() || out < 0) return std::nullopt;
  return out;
}

std::string KindOf(const Shown& shown, size_t row) {
  const std::string kind = shown.At(row, "kind");
  if (shown.At(row, "is_dynamic") == "Y") return "dynamic_table";
  if (kind == "VIEW") return "view";
  if (kind == "MATERIALIZED_VIEW" || kind == "MATERIALIZED VIEW") return "materialized_view";
  if (kind == "EXTERNAL_TABLE" || kind == "EXTERNAL TABLE") return "external_table";
  return "table";
}

/// "" lists databases; one part its schemas; two parts a schema's tables and views.
std::string ShowStatement(const std::vector<std::string>& parts) {
  if (parts.empty()) return "SHOW DATABASES";
  const std::string_view what = parts.size() == 1 ? "SCHEMAS IN DATABASE" : "OBJECTS IN SCHEMA";
  return fmt::format("SHOW {} {}", what, QuotePath(parts));
}

/// Nothing is there, or nobody: the emulators of the service do not tell one from the other.
Status CheckThere(const Context& context, SnowflakeClient& client, std::string_view path,
                  std::vector<std::string> parts) {
  const std::string name = parts.back();
  parts.pop_back();
  NSTARX_TRY(const Shown shown,
             Shown::Run(context, client,
                        fmt::format("{} STARTS WITH {}", ShowStatement(parts), Literal(name))));
  for (size_t row = 0; row < shown.size(); ++row) {
    if (shown.At(row, "name") == name) return {};
  }
  return UndefinedTable(path);
}

std::vector<connector::Key> CollectKeys(const Shown& shown, std::string_view kind) {
  const bool foreign = kind == "foreign";
  struct Collected {
    std::map<int64_t, std::string> columns;
    std::map<int64_t, std::string> referenced;
    std::string table;
  };
  std::map<std::string, Collected> found;
  for (size_t row = 0; row < shown.size(); ++row) {
    const int64_t place = Number(shown.At(row, "key_sequence")).value_or(0);
    Collected& key = found[shown.At(row, foreign ? "fk_name" : "constraint_name")];
    key.columns[place] = shown.At(row, foreign ? "fk_column_name" : "column_name");
    if (!foreign) continue;
    key.referenced[place] = shown.At(row, "pk_column_name");
    key.table = shown.At(row, "pk_table_name");
    if (key.table.empty()) continue;
    key.table =
        JoinPath({shown.At(row, "pk_database_name"), shown.At(row, "pk_schema_name"), key.table});
  }
  std::vector<connector::Key> out;
  for (auto& [name, key] : found) {
    if (foreign && key.table.empty()) continue;
    connector::Key made{.name = name, .kind = std::string(kind), .columns = {}, .references = {}};
    for (auto& [place, column] : key.columns) made.columns.push_back(std::move(column));
    if (foreign) {
      std::string columns;
      for (const auto& [place, column] : key.referenced) {
        columns += (columns.empty() ? "" : ", ") + column;
      }
      made.references = fmt::format("{}({})", key.table, columns);
    }
    out.push_back(std::move(made));
  }
  return out;
}

/// Keys are informative in this system; who may not see them reads the table all the same.
Status AddKeys(const Context& context, SnowflakeClient& client, const std::string& name,
               connector::Description* out) {
  constexpr std::pair<std::string_view, std::string_view> kKinds[] = {
      {"PRIMARY", "primary"}, {"UNIQUE", "unique"}, {"IMPORTED", "foreign"}};
  for (const auto& [word, kind] : kKinds) {
    auto shown = Shown::Run(context, client, fmt::format("SHOW {} KEYS IN TABLE {}", word, name));
    if (!shown) {
      if (shown.error().kind() == ErrorKind::kPermissionDenied ||
          shown.error().kind() == ErrorKind::kNotFound ||
          shown.error().kind() == ErrorKind::kInvalidArgument) {
        continue;
      }
      return std::move(shown).error();
    }
    for (auto& key : CollectKeys(*shown, kind)) out->keys.push_back(std::move(key));
  }
  return {};
}

void AddColumns(const Shown& shown, const ValueSettings& settings, connector::Description* out) {
  for (size_t row = 0; row < shown.size(); ++row) {
    const std::string kind = shown.At(row, "kind");
    if (!kind.empty() && kind != "COLUMN" && kind != "VIRTUAL" && kind != "VIRTUAL_COLUMN") {
      continue;
    }
    const std::string name = shown.At(row, "name");
    const std::string type = shown.At(row, "type");
    const bool primary = std::ranges::any_of(out->keys, [&](const connector::Key& key) {
      return key.kind == "primary" && std::ranges::find(key.columns, name) != key.columns.end();
    });
    out->columns.push_back({.name = name,
                            .native_type = type,
                            .arrow_type = ArrowTypeOfSql(type, settings)->ToString(),
                            .nullable = shown.At(row, "null?") != "N",
                            .primary_key = primary,
                            .default_value = shown.At(row, "default"),
                            .comment = shown.At(row, "comment")});
  }
}

/// Kind, comment and sizes, as the schema's list tells them.
Status AddListed(const Context& context, SnowflakeClient& client,
                 const std::vector<std::string>& parts, connector::Description* out) {
  const std::vector<std::string> schema(parts.begin(), parts.end() - 1);
  NSTARX_TRY(const Shown shown, Shown::Run(context, client,
                                           fmt::format("{} STARTS WITH {}", ShowStatement(schema),
                                                       Literal(parts.back()))));
  for (size_t row = 0; row < shown.size(); ++row) {
    if (shown.At(row, "name") != parts.back()) continue;
    out->kind = KindOf(shown, row);
    out->comment = shown.At(row, "comment");
    out->row_estimate = Number(shown.At(row, "rows"));
    out->size_bytes = Number(shown.At(row, "bytes"));
    if (const std::string cluster = shown.At(row, "cluster_by"); !cluster.empty()) {
      out->partitions.push_back(cluster);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<connector::Node>> ListChildren(const Context& context, SnowflakeClient& client,
                                                  std::string_view path, int64_t limit) {
  std::vector<std::string> parts;
  if (!path.empty()) {
    auto split = SplitPath(path);
    if (!split || split->size() > 3) return UndefinedTable(path);
    parts = *std::move(split);
  }
  if (parts.size() == 3) {
    NSTARX_RETURN_IF_ERROR(CheckThere(context, client, path, parts));
    return std::vector<connector::Node>();
  }
  std::vector<connector::Node> out;
  std::string last;
  while (static_cast<int64_t>(out.size()) < limit) {
    std::string text = fmt::format("{} LIMIT {}", ShowStatement(parts), kPage);
    if (!last.empty()) text += " FROM " + Literal(last);
    NSTARX_TRY(const Shown shown, Shown::Run(context, client, text));
    for (size_t row = 0; row < shown.size(); ++row) {
      std::vector<std::string> whole = parts;
      whole.push_back(shown.At(row, "name"));
      const bool table = parts.size() == 2;
      out.push_back({.name = whole.back(),
                     .path = JoinPath(whole),
                     .kind = table           ? KindOf(shown, row)
                             : parts.empty() ? "database"
                                             : "schema",
                     .has_children = !table,
                     .comment = shown.At(row, "comment"),
                     .row_estimate = table ? Number(shown.At(row, "rows")) : std::nullopt,
                     .size_bytes = table ? Number(shown.At(row, "bytes")) : std::nullopt});
    }
    if (static_cast<int64_t>(shown.size()) < kPage || out.back().name <= last) break;
    last = out.back().name;
  }
  if (out.empty() && !parts.empty()) {
    NSTARX_RETURN_IF_ERROR(CheckThere(context, client, path, parts));
  }
  std::ranges::sort(out, {}, &connector::Node::name);
  if (static_cast<int64_t>(out.size()) > limit) out.resize(static_cast<size_t>(limit));
  return out;
}

Result<connector::Description> DescribeTable(const Context& context, SnowflakeClient& client,
                                             const std::vector<std::string>& home,
                                             std::string_view path) {
  auto parts = SplitPath(path);
  if (!parts || parts->size() > 3) return UndefinedTable(path);
  if (parts->size() < 3) {
    const size_t missing = 3 - parts->size();
    if (home.size() < missing) return UndefinedTable(path);
    parts->insert(parts->begin(), home.begin(), home.begin() + static_cast<ptrdiff_t>(missing));
  }
  const std::string name = QuotePath(*parts);
  auto columns = Shown::Run(context, client, "DESCRIBE TABLE " + name);
  if (!columns) {
    if (columns.error().kind() == ErrorKind::kNotFound) return UndefinedTable(path);
    return std::move(columns).error();
  }
  connector::Description out;
  out.path = path;
  out.kind = "table";
  NSTARX_RETURN_IF_ERROR(AddListed(context, client, *parts, &out));
  if (out.kind == "table") NSTARX_RETURN_IF_ERROR(AddKeys(context, client, name, &out));
  AddColumns(*columns, client.account()->values, &out);
  return out;
}

}  // namespace nstarx::connectors::snowflake
