#include "store/sqlite/migrations.h"

#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <string>
#include <string_view>

namespace nstarx::store {
namespace {

struct Migration {
  int version;
  std::string_view sql;
};

// Once released, a migration's text never changes: its checksum is in every store.
// `connection` is narrow so that filters scan little; the documents lie in a table of their own.
// The sort indexes carry what lists filter by, so that walking them reads no row.
// `connection_term` is the inverted index of every filter: type:, status:, scope:, tag:, owner: and
// see: (whom a connection is visible to).
constexpr std::string_view kFirst = R"sql(
CREATE TABLE connection (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL COLLATE NOCASE UNIQUE,
  type TEXT NOT NULL,
  status TEXT NOT NULL,
  scope TEXT NOT NULL,
  team TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  is_archived INTEGER NOT NULL,
  version INTEGER NOT NULL
);
CREATE INDEX connection_by_name ON connection(is_archived, name, seq, type, status, scope);
CREATE INDEX connection_by_created ON connection(is_archived, created, seq, type, status, scope);
CREATE INDEX connection_by_modified ON connection(is_archived, modified, seq, type, status, scope);
CREATE INDEX connection_by_type ON connection(is_archived, type, name, seq, status, scope);
CREATE TABLE connection_document (
  seq INTEGER PRIMARY KEY REFERENCES connection(seq) ON DELETE CASCADE,
  document TEXT NOT NULL
);
CREATE TABLE connection_term (
  term TEXT NOT NULL,
  seq INTEGER NOT NULL REFERENCES connection(seq) ON DELETE CASCADE,
  PRIMARY KEY (term, seq)
) WITHOUT ROWID;
CREATE INDEX connection_term_by_seq ON connection_term(seq);
CREATE TABLE connection_search (
  seq INTEGER PRIMARY KEY REFERENCES connection(seq) ON DELETE CASCADE,
  body TEXT NOT NULL
);
CREATE VIRTUAL TABLE connection_text USING fts5(
  body, content='connection_search', content_rowid='seq', tokenize='trigram case_sensitive 1');
CREATE TABLE connection_version (
  seq INTEGER NOT NULL REFERENCES connection(seq) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  change TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (seq, version)
);
CREATE TABLE secret (
  owner_id TEXT NOT NULL REFERENCES connection(id) ON DELETE CASCADE,
  field TEXT NOT NULL,
  version INTEGER NOT NULL,
  kek_id TEXT NOT NULL,
  wrapped_key BLOB NOT NULL,
  nonce BLOB NOT NULL,
  ciphertext BLOB NOT NULL,
  rotated_at INTEGER NOT NULL,
  PRIMARY KEY (owner_id, field)
);
CREATE INDEX secret_by_kek ON secret(kek_id);
CREATE TABLE encryption_key (
  id TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  proof BLOB NOT NULL,
  parameters TEXT NOT NULL,
  state TEXT NOT NULL,
  created INTEGER NOT NULL
);
CREATE TABLE user (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  teams TEXT NOT NULL,
  created INTEGER NOT NULL
);
CREATE TABLE api_key (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES user(id),
  hash TEXT NOT NULL,
  prefix TEXT NOT NULL,
  role TEXT NOT NULL,
  scopes TEXT NOT NULL,
  expires INTEGER,
  revoked INTEGER,
  last_used INTEGER,
  created INTEGER NOT NULL
);
CREATE TABLE answer (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  caller TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  at INTEGER NOT NULL,
  UNIQUE (caller, key)
);
CREATE INDEX answer_by_at ON answer(at);
)sql";

constexpr std::string_view kTemplates = R"sql(
CREATE TABLE template (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE UNIQUE,
  type TEXT NOT NULL,
  version INTEGER NOT NULL,
  owner_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  content TEXT NOT NULL
);
)sql";

constexpr std::array kMigrations = {Migration{1, kFirst}, Migration{2, kTemplates}};

constexpr std::string_view kOwnTable =
    "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, checksum TEXT NOT "
    "NULL, tables TEXT NOT NULL)";

std::string Sha256(std::string_view text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  std::array<char, 2 * crypto_hash_sha256_BYTES + 1> hex;
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  return hex.data();
}

/// A digest of every table and index as the database has them now.
Result<std::string> TablesDigest(Database& database) {
  std::string all;
  NSTARX_TRY(Statement read,
             database.Prepare("SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name "
                              "NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name"));
  while (true) {
    NSTARX_TRY(const bool row, read.Step());
    if (!row) break;
    all += fmt::format("{}\n{}\n{}\n", read.Text(0), read.Text(1), read.Text(2));
  }
  return Sha256(all);
}

Error Altered(std::string_view what) {
  return Error(ErrorKind::kDataLoss, "store.altered_schema",
               fmt::format("the store's tables are not as nstarx made them: {}", what))
      .WithHint("Restore the store from a backup, or undo the change made by hand.");
}

Status CheckAndApply(Database& database) {
  NSTARX_RETURN_IF_ERROR(database.Execute(std::string(kOwnTable)));
  int64_t present = 0;
  std::string tables;
  {
    NSTARX_TRY(Statement read,
               database.Prepare("SELECT version, checksum, tables FROM schema_version ORDER BY 1"));
    while (true) {
      NSTARX_TRY(const bool row, read.Step());
      if (!row) break;
      present = read.Int(0);
      if (present > kMigrations.back().version) {
        return Error(ErrorKind::kConflict, "store.newer_schema",
                     fmt::format("the store has schema {}, this nstarx knows up to {}", present,
                                 kMigrations.back().version))
            .WithAction(Action::kAskOperator)
            .WithHint("Start the nstarx version that wrote it, or a later one.");
      }
      if (present < 1 || read.Text(1) != Sha256(kMigrations[present - 1].sql)) {
        return Altered(fmt::format("migration {} has another checksum", present));
      }
      tables = read.Text(2);
    }
  }
  NSTARX_TRY(const std::string found, TablesDigest(database));
  if (present > 0 && found != tables) return Altered("a table or index was changed");
  for (const Migration& migration : kMigrations) {
    if (migration.version <= present) continue;
    NSTARX_RETURN_IF_ERROR(database.Execute(std::string(migration.sql)));
    NSTARX_TRY(const std::string digest, TablesDigest(database));
    const std::string checksum = Sha256(migration.sql);
    NSTARX_TRY(Statement insert, database.Prepare("INSERT INTO schema_version VALUES (?, ?, ?)"));
    NSTARX_RETURN_IF_ERROR(insert.Bind(migration.version).Bind(checksum).Bind(digest).Run());
  }
  return {};
}

}  // namespace

Status Migrate(Database& database) {
  NSTARX_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  const Status done = CheckAndApply(database);
  if (done) return database.Execute("COMMIT");
  if (database.in_transaction()) static_cast<void>(database.Execute("ROLLBACK"));
  return done;
}

}  // namespace nstarx::store
