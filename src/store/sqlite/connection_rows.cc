#include "store/sqlite/connection_rows.h"

#include <fmt/format.h>

#include "store/sqlite/connection_search.h"

namespace nstarx::store {
namespace {

constexpr int64_t kVersionsMax = 1'000;

Error NoConnection(std::string_view ref) {
  return NotFound("connection.not_found", fmt::format("there is no connection '{}'", ref))
      .WithHint("List connections to see the names you may use.");
}

struct RowKey {
  int64_t seq = 0;
  int64_t version = 0;
};

Result<RowKey> FindKey(Database& database, std::string_view id) {
  NSTARX_TRY(Statement find, database.Prepare("SELECT seq, version FROM connection WHERE id = ?"));
  NSTARX_TRY(const bool row, find.Bind(id).Step());
  if (!row) return NoConnection(id);
  return RowKey{find.Int(0), find.Int(1)};
}

Status RefuseTakenName(Database& database, const model::Connection& connection) {
  NSTARX_TRY(Statement find,
             database.Prepare("SELECT id FROM connection WHERE name = ? AND id <> ?"));
  NSTARX_TRY(const bool row, find.Bind(connection.name).Bind(connection.id).Step());
  if (!row) return {};
  return Error(ErrorKind::kAlreadyExists, "connection.name_taken",
               fmt::format("a connection named '{}' exists already", connection.name))
      .WithDetail("field", "name")
      .WithHint("Choose another name, or update, rename or delete the existing connection.")
      .WithHint("Archived connections keep their names; you may not see all connections.");
}

Status WriteTerms(Database& database, int64_t seq, const model::Connection& connection) {
  {
    NSTARX_TRY(Statement clear, database.Prepare("DELETE FROM connection_term WHERE seq = ?"));
    NSTARX_RETURN_IF_ERROR(clear.Bind(seq).Run());
  }
  for (const std::string& term : TermsOf(connection)) {
    NSTARX_TRY(Statement insert, database.Prepare("INSERT INTO connection_term VALUES (?, ?)"));
    NSTARX_RETURN_IF_ERROR(insert.Bind(term).Bind(seq).Run());
  }
  return {};
}

/// Takes a connection's text out of the search index, which must be told what it held.
Status DropSearchBody(Database& database, int64_t seq) {
  {
    NSTARX_TRY(Statement drop,
               database.Prepare("INSERT INTO connection_text(connection_text, rowid, body) SELECT "
                                "'delete', seq, body FROM connection_search WHERE seq = ?"));
    NSTARX_RETURN_IF_ERROR(drop.Bind(seq).Run());
  }
  NSTARX_TRY(Statement remove, database.Prepare("DELETE FROM connection_search WHERE seq = ?"));
  return remove.Bind(seq).Run();
}

Status AddSearchBody(Database& database, int64_t seq, const std::string& body) {
  {
    NSTARX_TRY(Statement keep, database.Prepare("INSERT INTO connection_search VALUES (?, ?)"));
    NSTARX_RETURN_IF_ERROR(keep.Bind(seq).Bind(body).Run());
  }
  NSTARX_TRY(Statement index,
             database.Prepare("INSERT INTO connection_text(rowid, body) VALUES (?, ?)"));
  return index.Bind(seq).Bind(body).Run();
}

Status WriteVersion(Database& database, int64_t seq, const model::Connection& connection,
                    const std::string& document, std::string_view by, std::string_view change) {
  {
    NSTARX_TRY(Statement insert,
               database.Prepare("INSERT INTO connection_version VALUES (?, ?, ?, ?, ?, ?)"));
    NSTARX_RETURN_IF_ERROR(insert.Bind(seq)
                               .Bind(connection.version)
                               .Bind(connection.metadata.modified)
                               .Bind(by)
                               .Bind(change)
                               .Bind(document)
                               .Run());
  }
  NSTARX_TRY(Statement prune,
             database.Prepare("DELETE FROM connection_version WHERE seq = ? AND version <= ?"));
  return prune.Bind(seq).Bind(connection.version - kVersionsMax).Run();
}

Status WriteSecrets(Database& database, std::string_view owner_id,
                    const std::vector<SealedSecret>& secrets) {
  for (const SealedSecret& secret : secrets) {
    NSTARX_CHECK(secret.owner_id == owner_id);
    NSTARX_TRY(Statement put,
               database.Prepare("INSERT OR REPLACE INTO secret (owner_id, field, version, kek_id, "
                                "wrapped_key, nonce, ciphertext, rotated_at) VALUES "
                                "(?, ?, ?, ?, ?, ?, ?, ?)"));
    NSTARX_RETURN_IF_ERROR(put.Bind(owner_id)
                               .Bind(secret.field)
                               .Bind(secret.version)
                               .Bind(secret.kek_id)
                               .BindBlob(secret.wrapped_key)
                               .BindBlob(secret.nonce)
                               .BindBlob(secret.ciphertext)
                               .Bind(secret.rotated_at)
                               .Run());
  }
  return {};
}

Result<std::vector<SealedSecret>> ReadSecrets(Statement& select) {
  std::vector<SealedSecret> out;
  while (true) {
    NSTARX_TRY(const bool row, select.Step());
    if (!row) return out;
    out.push_back({.owner_id = select.Text(0),
                   .field = select.Text(1),
                   .version = select.Int(2),
                   .kek_id = select.Text(3),
                   .wrapped_key = select.Text(4),
                   .nonce = select.Text(5),
                   .ciphertext = select.Text(6),
                   .rotated_at = select.Time(7)});
  }
}

constexpr std::string_view kSecretColumns =
    "SELECT owner_id, field, version, kek_id, wrapped_key, nonce, ciphertext, rotated_at FROM "
    "secret";

}  // namespace

Status InsertConnection(Database& database, const model::Connection& connection,
                        const std::vector<SealedSecret>& secrets, std::string_view by) {
  NSTARX_RETURN_IF_ERROR(RefuseTakenName(database, connection));
  const std::string document = json::serialize(ToJson(connection));
  {
    NSTARX_TRY(Statement insert,
               database.Prepare("INSERT INTO connection (id, name, type, status, scope, team, "
                                "owner_id, created, modified, is_archived, version) VALUES "
                                "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    NSTARX_RETURN_IF_ERROR(insert.Bind(connection.id)
                               .Bind(connection.name)
                               .Bind(connection.type)
                               .Bind(ToString(connection.status))
                               .Bind(connection.sharing.scope)
                               .Bind(connection.sharing.team)
                               .Bind(connection.metadata.owner_id)
                               .Bind(connection.metadata.created)
                               .Bind(connection.metadata.modified)
                               .Bind(int64_t{connection.archived ? 1 : 0})
                               .Bind(connection.version)
                               .Run());
  }
  const int64_t seq = database.last_insert_id();
  {
    NSTARX_TRY(Statement insert, database.Prepare("INSERT INTO connection_document VALUES (?, ?)"));
    NSTARX_RETURN_IF_ERROR(insert.Bind(seq).Bind(document).Run());
  }
  NSTARX_RETURN_IF_ERROR(WriteTerms(database, seq, connection));
  NSTARX_RETURN_IF_ERROR(AddSearchBody(database, seq, SearchBody(connection)));
  NSTARX_RETURN_IF_ERROR(WriteSecrets(database, connection.id, secrets));
  return WriteVersion(database, seq, connection, document, by, "created");
}

Status ReplaceConnection(Database& database, const model::Connection& connection,
                         const std::vector<SealedSecret>& secrets,
                         const std::vector<std::string>& removed_fields, std::string_view by,
                         std::string_view change) {
  NSTARX_TRY(const RowKey key, FindKey(database, connection.id));
  if (key.version != connection.version - 1) {
    return Error(ErrorKind::kConflict, "connection.version_conflict",
                 fmt::format("connection '{}' was changed meanwhile: it has version {} now",
                             connection.name, key.version))
        .WithDetail("version", key.version)
        .WithHint("Read it again and repeat the change.");
  }
  NSTARX_RETURN_IF_ERROR(RefuseTakenName(database, connection));
  const std::string document = json::serialize(ToJson(connection));
  {
    NSTARX_TRY(Statement update,
               database.Prepare("UPDATE connection SET name = ?, type = ?, status = ?, scope = ?, "
                                "team = ?, owner_id = ?, modified = ?, is_archived = ?, version = "
                                "? WHERE seq = ?"));
    NSTARX_RETURN_IF_ERROR(update.Bind(connection.name)
                               .Bind(connection.type)
                               .Bind(ToString(connection.status))
                               .Bind(connection.sharing.scope)
                               .Bind(connection.sharing.team)
                               .Bind(connection.metadata.owner_id)
                               .Bind(connection.metadata.modified)
                               .Bind(int64_t{connection.archived ? 1 : 0})
                               .Bind(connection.version)
                               .Bind(key.seq)
                               .Run());
  }
  {
    NSTARX_TRY(Statement update,
               database.Prepare("UPDATE connection_document SET document = ? WHERE seq = ?"));
    NSTARX_RETURN_IF_ERROR(update.Bind(document).Bind(key.seq).Run());
  }
  NSTARX_RETURN_IF_ERROR(WriteTerms(database, key.seq, connection));
  NSTARX_RETURN_IF_ERROR(DropSearchBody(database, key.seq));
  NSTARX_RETURN_IF_ERROR(AddSearchBody(database, key.seq, SearchBody(connection)));
  for (const auto& field : removed_fields) {
    NSTARX_TRY(Statement remove,
               database.Prepare("DELETE FROM secret WHERE owner_id = ? AND field = ?"));
    NSTARX_RETURN_IF_ERROR(remove.Bind(connection.id).Bind(field).Run());
  }
  NSTARX_RETURN_IF_ERROR(WriteSecrets(database, connection.id, secrets));
  return WriteVersion(database, key.seq, connection, document, by, change);
}

Status WriteTest(Database& database, std::string_view id, model::ConnectionStatus status,
                 const json::object& last_test) {
  NSTARX_TRY(const RowKey key, FindKey(database, id));
  NSTARX_TRY(model::Connection connection, FindConnection(database, id));
  connection.status = status;
  connection.last_test = last_test;
  const std::string document = json::serialize(ToJson(connection));
  {
    NSTARX_TRY(Statement update,
               database.Prepare("UPDATE connection SET status = ? WHERE seq = ?"));
    NSTARX_RETURN_IF_ERROR(update.Bind(ToString(status)).Bind(key.seq).Run());
  }
  {
    NSTARX_TRY(Statement update,
               database.Prepare("UPDATE connection_document SET document = ? WHERE seq = ?"));
    NSTARX_RETURN_IF_ERROR(update.Bind(document).Bind(key.seq).Run());
  }
  return WriteTerms(database, key.seq, connection);
}

Status RemoveConnection(Database& database, std::string_view id) {
  NSTARX_TRY(const RowKey key, FindKey(database, id));
  NSTARX_RETURN_IF_ERROR(DropSearchBody(database, key.seq));
  NSTARX_TRY(Statement remove, database.Prepare("DELETE FROM connection WHERE seq = ?"));
  return remove.Bind(key.seq).Run();
}

Result<model::Connection> FindConnection(Database& database, std::string_view ref) {
  for (std::string_view column : {"id", "name"}) {
    NSTARX_TRY(Statement find,
               database.Prepare(fmt::format("SELECT d.document FROM connection AS c JOIN "
                                            "connection_document AS d ON d.seq = c.seq WHERE "
                                            "c.{} = ?",
                                            column)));
    NSTARX_TRY(const bool row, find.Bind(ref).Step());
    if (row) return ReadDocument(find.Text(0));
  }
  return NoConnection(ref);
}

Result<int64_t> CountAllConnections(Database& database) {
  NSTARX_TRY(Statement count, database.Prepare("SELECT count(*) FROM connection"));
  NSTARX_TRY(const bool row, count.Step());
  return row ? count.Int(0) : 0;
}

Result<std::vector<ConnectionVersion>> FindVersions(Database& database, std::string_view id,
                                                    std::optional<int64_t> version) {
  NSTARX_TRY(const RowKey key, FindKey(database, id));
  NSTARX_TRY(Statement select,
             database.Prepare(version ? "SELECT version, at, by, change, document FROM "
                                        "connection_version WHERE seq = ? AND version = ?"
                                      : "SELECT version, at, by, change, document FROM "
                                        "connection_version WHERE seq = ? ORDER BY version DESC"));
  select.Bind(key.seq);
  if (version) select.Bind(*version);
  std::vector<ConnectionVersion> out;
  while (true) {
    NSTARX_TRY(const bool row, select.Step());
    if (!row) return out;
    ConnectionVersion entry{.version = select.Int(0),
                            .at = select.Time(1),
                            .by = select.Text(2),
                            .change = select.Text(3)};
    NSTARX_TRY(entry.connection, ReadDocument(select.Text(4)));
    out.push_back(std::move(entry));
  }
}

Result<std::vector<SealedSecret>> FindSecrets(Database& database, std::string_view owner_id) {
  NSTARX_TRY(Statement select,
             database.Prepare(fmt::format("{} WHERE owner_id = ? ORDER BY field", kSecretColumns)));
  select.Bind(owner_id);
  return ReadSecrets(select);
}

Result<std::vector<SealedSecret>> FindSecretsNotWrappedBy(Database& database,
                                                          std::string_view kek_id, int64_t limit) {
  // Two ranges of the index instead of one inequality, which would read every secret.
  NSTARX_TRY(Statement select,
             database.Prepare(fmt::format("{0} WHERE kek_id < ?1 UNION ALL {0} WHERE kek_id > ?1 "
                                          "LIMIT ?2",
                                          kSecretColumns)));
  select.Bind(kek_id).Bind(limit);
  return ReadSecrets(select);
}

Result<int64_t> CountNotWrappedBy(Database& database, std::string_view kek_id) {
  NSTARX_TRY(Statement count,
             database.Prepare("SELECT (SELECT count(*) FROM secret WHERE kek_id < ?1) + (SELECT "
                              "count(*) FROM secret WHERE kek_id > ?1)"));
  NSTARX_TRY(const bool row, count.Bind(kek_id).Step());
  return row ? count.Int(0) : 0;
}

Status RewrapRow(Database& database, const SealedSecret& secret) {
  NSTARX_TRY(
      Statement update,
      database.Prepare("UPDATE secret SET kek_id = ?, wrapped_key = ? WHERE owner_id = ? AND "
                       "field = ? AND version = ? AND ciphertext = ?"));
  return update.Bind(secret.kek_id)
      .BindBlob(secret.wrapped_key)
      .Bind(secret.owner_id)
      .Bind(secret.field)
      .Bind(secret.version)
      .BindBlob(secret.ciphertext)
      .Run();
}

Result<std::vector<KeyRecord>> FindKeys(Database& database) {
  NSTARX_TRY(Statement select,
             database.Prepare("SELECT id, provider, proof, parameters, state, created FROM "
                              "encryption_key ORDER BY created, id"));
  std::vector<KeyRecord> out;
  while (true) {
    NSTARX_TRY(const bool row, select.Step());
    if (!row) return out;
    boost::system::error_code error;
    json::value parameters = json::parse(select.Text(3), error);
    if (error || !parameters.is_object()) {
      return Error(ErrorKind::kDataLoss, "store.damaged", "a stored key record is not readable");
    }
    out.push_back({.id = select.Text(0),
                   .provider = select.Text(1),
                   .check = select.Text(2),
                   .parameters = std::move(parameters.get_object()),
                   .state = select.Text(4),
                   .created = select.Time(5)});
  }
}

Status PutKeyRow(Database& database, const KeyRecord& key) {
  const std::string parameters = json::serialize(key.parameters);
  NSTARX_TRY(Statement put,
             database.Prepare("INSERT OR REPLACE INTO encryption_key VALUES (?, ?, ?, ?, ?, ?)"));
  return put.Bind(key.id)
      .Bind(key.provider)
      .BindBlob(key.check)
      .Bind(parameters)
      .Bind(key.state)
      .Bind(key.created)
      .Run();
}

}  // namespace nstarx::store
