#include "store/sqlite/sqlite_database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

namespace nstarx::store {
namespace {

constexpr int kBusyTimeoutMs = 10'000;
constexpr size_t kStatementsMax = 200;

}  // namespace

Error SqliteError(int code, std::string_view detail) {
  const auto make = [&](ErrorKind kind, std::string_view name, std::string_view text) {
    return Error(kind, std::string(name), fmt::format("{}: {}", text, detail))
        .WithVendorCode(std::to_string(code));
  };
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return make(ErrorKind::kDataLoss, "store.damaged", "the store's file is damaged")
          .WithHint("Stop the server and restore the file from a backup.")
          .WithHint("`sqlite3 FILE '.recover'` saves what is still readable.");
    case SQLITE_FULL:
      return make(ErrorKind::kUnavailable, "store.disk_full", "the store can't grow")
          .WithHint("Free space on the disk that holds the data directory.")
          .WithAction(Action::kAskOperator);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return make(ErrorKind::kUnavailable, "store.busy", "the store is locked by another program")
          .WithHint("Only one server may use a data directory; stop the other program.");
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return make(ErrorKind::kUnavailable, "store.not_writable", "the store can't be written")
          .WithHint("Check that the data directory exists and belongs to the server's user.")
          .WithAction(Action::kAskOperator);
    case SQLITE_IOERR:
      return make(ErrorKind::kUnavailable, "store.disk_failed", "the store's disk failed")
          .WithHint("Look at the system's log for disk errors.")
          .WithAction(Action::kAskOperator);
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return make(ErrorKind::kResourceExhausted, "store.too_big", "the store refused the size");
    default:
      return Internal(fmt::format("the store failed: {}", detail))
          .WithVendorCode(std::to_string(code));
  }
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      handle_(std::exchange(other.handle_, nullptr)),
      next_parameter_(other.next_parameter_),
      bind_failure_(other.bind_failure_) {}

Statement::~Statement() {
  if (handle_ == nullptr) return;
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

Statement& Statement::Bind(int64_t value) {
  bind_failure_ |= sqlite3_bind_int64(handle_, next_parameter_++, value);
  return *this;
}

Statement& Statement::Bind(std::string_view text) {
  // SQLite takes a null pointer for NULL, which an empty view may hold.
  bind_failure_ |= sqlite3_bind_text64(handle_, next_parameter_++, text.empty() ? "" : text.data(),
                                       text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::BindBlob(std::string_view bytes) {
  bind_failure_ |= sqlite3_bind_blob64(
      handle_, next_parameter_++, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::Bind(const std::optional<TimePoint>& value) {
  if (value) return Bind(*value);
  bind_failure_ |= sqlite3_bind_null(handle_, next_parameter_++);
  return *this;
}

Result<bool> Statement::Step() {
  if (bind_failure_ != SQLITE_OK) return SqliteError(bind_failure_, "binding a parameter");
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return SqliteError(sqlite3_extended_errcode(database_), sqlite3_errmsg(database_));
}

Status Statement::Run() {
  while (true) {
    NSTARX_TRY(const bool row, Step());
    if (!row) return {};
  }
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(handle_, column); }

std::string Statement::Text(int column) const {
  // Blob access returns the bytes of a text as they are, and knows their number.
  const void* bytes = sqlite3_column_blob(handle_, column);
  const int size = sqlite3_column_bytes(handle_, column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<size_t>(size)};
}

std::optional<TimePoint> Statement::OptionalTime(int column) const {
  if (sqlite3_column_type(handle_, column) == SQLITE_NULL) return std::nullopt;
  return Time(column);
}

Result<std::unique_ptr<Database>> Database::Open(const std::string& path, Use use) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(handle));
  if (code != SQLITE_OK) return SqliteError(code, sqlite3_errstr(code));
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  NSTARX_RETURN_IF_ERROR(
      database->Execute("PRAGMA trusted_schema=OFF; PRAGMA foreign_keys=ON;"
                        "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4096;"));
  if (use == Use::kWrite) {
    NSTARX_RETURN_IF_ERROR(
        database->Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                          "PRAGMA journal_size_limit=67108864;"));
  } else {
    NSTARX_RETURN_IF_ERROR(database->Execute("PRAGMA query_only=ON;"));
  }
  return database;
}

Database::~Database() {
  DropStatements();
  sqlite3_close(handle_);
}

void Database::DropStatements() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  statements_.clear();
}

Result<Statement> Database::Prepare(std::string_view sql) {
  std::string key(sql);
  if (auto found = statements_.find(key); found != statements_.end()) {
    // A statement still in use (a nested run of the same text) must not be shared.
    NSTARX_CHECK(sqlite3_stmt_busy(found->second) == 0);
    return Statement(handle_, found->second);
  }
  if (statements_.size() >= kStatementsMax) {
    for (auto entry = statements_.begin(); entry != statements_.end();) {
      if (sqlite3_stmt_busy(entry->second) != 0) {
        ++entry;
        continue;
      }
      sqlite3_finalize(entry->second);
      entry = statements_.erase(entry);
    }
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, key.data(), static_cast<int>(key.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) {
    return SqliteError(sqlite3_extended_errcode(handle_), sqlite3_errmsg(handle_));
  }
  statements_.emplace(std::move(key), statement);
  return Statement(handle_, statement);
}

Status Database::Execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    return SqliteError(sqlite3_extended_errcode(handle_), sqlite3_errmsg(handle_));
  }
  return {};
}

int64_t Database::changes() const { return sqlite3_changes64(handle_); }
int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

}  // namespace nstarx::store
