#include "store/sqlite/template_rows.h"

#include <fmt/format.h>

namespace nstarx::store {
namespace {

constexpr std::string_view kColumns =
    "SELECT id, name, type, version, owner_id, owner, created, modified, content FROM template ";

Result<std::vector<Template>> ReadAll(Statement& select) {
  std::vector<Template> out;
  while (true) {
    NSTARX_TRY(const bool row, select.Step());
    if (!row) return out;
    Template found{.id = select.Text(0),
                   .name = select.Text(1),
                   .type = select.Text(2),
                   .version = select.Int(3),
                   .owner_id = select.Text(4),
                   .owner = select.Text(5),
                   .created = select.Time(6),
                   .modified = select.Time(7)};
    auto content = ParseJson(select.Text(8));
    if (!content || !content->is_object()) {
      return Error(ErrorKind::kDataLoss, "store.damaged", "a stored template can't be read");
    }
    found.content = std::move(content->get_object());
    out.push_back(std::move(found));
  }
}

/// The stored version; 0 when there is no such row.
Result<int64_t> StoredVersion(Database& database, std::string_view id) {
  NSTARX_TRY(Statement find, database.Prepare("SELECT version FROM template WHERE id = ?"));
  NSTARX_TRY(const bool known, find.Bind(id).Step());
  return known ? find.Int(0) : 0;
}

}  // namespace

Status PutTemplateRow(Database& database, const Template& row) {
  NSTARX_TRY(const int64_t stored, StoredVersion(database, row.id));
  if (row.version > 1 && stored == 0) {
    return NotFound("template.not_found", "the template was deleted meanwhile");
  }
  if (stored != row.version - 1) {
    return Error(ErrorKind::kConflict, "template.version_conflict",
                 fmt::format("the template is at version {}, not {}", stored, row.version - 1))
        .WithDetail("version", stored)
        .WithHint("Read it again and repeat the change.");
  }
  {
    NSTARX_TRY(Statement find,
               database.Prepare("SELECT 1 FROM template WHERE name = ? AND id <> ?"));
    NSTARX_TRY(const bool taken, find.Bind(row.name).Bind(row.id).Step());
    if (taken) {
      return Error(ErrorKind::kAlreadyExists, "template.name_taken",
                   fmt::format("a template named '{}' exists already", row.name))
          .WithHint("Choose another name, or change the existing template.");
    }
  }
  const std::string content = json::serialize(row.content);
  NSTARX_TRY(Statement put, database.Prepare("INSERT OR REPLACE INTO template (id, name, type, "
                                             "version, owner_id, owner, created, modified, "
                                             "content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  return put.Bind(row.id)
      .Bind(row.name)
      .Bind(row.type)
      .Bind(row.version)
      .Bind(row.owner_id)
      .Bind(row.owner)
      .Bind(row.created)
      .Bind(row.modified)
      .Bind(content)
      .Run();
}

Status DeleteTemplateRow(Database& database, std::string_view id) {
  NSTARX_TRY(Statement erase, database.Prepare("DELETE FROM template WHERE id = ?"));
  return erase.Bind(id).Run();
}

Result<std::optional<Template>> FindTemplateRow(Database& database, std::string_view ref) {
  NSTARX_TRY(Statement select,
             database.Prepare(std::string(kColumns) +
                              "WHERE id = ?1 OR name = ?1 ORDER BY id = ?1 DESC LIMIT 1"));
  select.Bind(ref);
  NSTARX_TRY(auto found, ReadAll(select));
  if (found.empty()) return std::optional<Template>();
  return std::optional(std::move(found.front()));
}

Result<std::vector<Template>> ListTemplateRows(Database& database, std::string_view type) {
  NSTARX_TRY(Statement select,
             database.Prepare(std::string(kColumns) +
                              (type.empty() ? "ORDER BY name" : "WHERE type = ? ORDER BY name")));
  if (!type.empty()) select.Bind(type);
  return ReadAll(select);
}

}  // namespace nstarx::store
