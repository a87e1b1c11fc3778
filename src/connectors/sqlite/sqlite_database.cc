#include "connectors/sqlite/sqlite_database.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "connectors/sqlite/sqlite_errors.h"

namespace nstarx::connectors::sqlite {
namespace {

constexpr int kProgressInterval = 2000;  // virtual machine instructions between two looks
constexpr std::chrono::milliseconds kBusyPause{5};
constexpr int kValueBytesMax = 256 << 20;

// What a caller may read by PRAGMA, and the few that may be given a value.
constexpr std::string_view kReadablePragmas[] = {
    "table_info",   "table_xinfo",    "table_list",        "index_list",
    "index_info",   "index_xinfo",    "foreign_key_list",  "foreign_key_check",
    "foreign_keys", "collation_list", "function_list",     "integrity_check",
    "quick_check",  "page_count",     "page_size",         "encoding",
    "user_version", "application_id", "freelist_count",    "compile_options",
    "journal_mode", "synchronous",    "cache_size",        "query_only",
    "busy_timeout", "data_version",   "schema_version",    "auto_vacuum",
    "optimize",     "wal_checkpoint", "incremental_vacuum"};
constexpr std::string_view kTakesArgument[] = {
    "table_info",  "table_xinfo",      "table_list",        "index_list",      "index_info",
    "index_xinfo", "foreign_key_list", "foreign_key_check", "integrity_check", "quick_check",
    "optimize",    "wal_checkpoint",   "incremental_vacuum"};
constexpr std::string_view kForbiddenFunctions[] = {"load_extension", "readfile", "writefile",
                                                    "edit", "fts3_tokenizer"};
constexpr std::string_view kModules[] = {"fts3",  "fts4",      "fts5",   "fts5vocab",
                                         "rtree", "rtree_i32", "geopoly"};

template <size_t N>
bool Listed(const std::string_view (&list)[N], const char* word) {
  return word != nullptr && std::ranges::any_of(list, [word](std::string_view item) {
           return sqlite3_stricmp(std::string(item).c_str(), word) == 0;
         });
}

Error FileError(std::string_view code, ErrorKind kind, const std::string& path,
                std::string_view what) {
  Error error(kind, std::string(code), fmt::format("{}: {}", what, path));
  error.WithStage("login").WithConnector("sqlite").WithDetail("field", "configuration.path");
  return error;
}

/// The file must be a regular one, or missing with `create`.
Status CheckFile(const std::string& path, bool create) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) == 0) {
    if (S_ISREG(facts.st_mode)) return {};
    return FileError("file.not_regular", ErrorKind::kInvalidArgument, path, "Not a regular file");
  }
  if (errno == EACCES) {
    return FileError("file.no_permission", ErrorKind::kPermissionDenied, path,
                     "No permission to reach the file");
  }
  if (!create) {
    return FileError("file.not_found", ErrorKind::kNotFound, path, "The file does not exist");
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(std::filesystem::path(path).parent_path(), ignored)) {
    return FileError("file.not_found", ErrorKind::kNotFound, path,
                     "The folder of the file does not exist");
  }
  return {};
}

}  // namespace

void StatementCloser::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Database::Watch::Watch(Database& database, const Context& context)
    : database_(database), outer_(database.context_) {
  database_.context_ = &context;
}
Database::Watch::~Watch() { database_.context_ = outer_; }

Result<std::unique_ptr<Database>> Database::Open(const Context& context, const Options& options) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  if (options.path.empty() || options.path.find('\0') != std::string::npos) {
    return InvalidArgument("config.out_of_range", "configuration.path is not a file name");
  }
  std::error_code failure;
  // An absolute path is never one of SQLite's special names (":memory:").
  const std::string path = std::filesystem::absolute(options.path, failure).lexically_normal();
  NSTARX_RETURN_IF_ERROR(CheckFile(path, options.create && !options.read_only));
  std::unique_ptr<Database> database(new Database());
  database->path_ = path;
  database->read_only_ = options.read_only;
  database->busy_timeout_ms_ = options.busy_timeout_ms;
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  flags |= options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (options.create && !options.read_only) flags |= SQLITE_OPEN_CREATE;
  const int result = sqlite3_open_v2(path.c_str(), &database->handle_, flags, nullptr);
  if (result != SQLITE_OK) {
    return FileError("file.no_permission", ErrorKind::kPermissionDenied, path,
                     "SQLite can't open the file");
  }
  Watch watch(*database, context);
  if (Status status = database->SetUp(options); !status) {
    Error error = std::move(status).error();
    error.WithStage("login").WithMessage(fmt::format("{}: {}", error.message(), path));
    return error;
  }
  return database;
}

Status Database::SetUp(const Options& options) {
  sqlite3_progress_handler(handle_, kProgressInterval, &Database::OnProgress, this);
  sqlite3_busy_handler(handle_, &Database::OnBusy, this);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_limit(handle_, SQLITE_LIMIT_ATTACHED, 1);  // VACUUM's own
  sqlite3_limit(handle_, SQLITE_LIMIT_LENGTH, kValueBytesMax);
  // The first statement that reads the file notices one that is no database.
  NSTARX_RETURN_IF_ERROR(Run("SELECT count(*) FROM sqlite_schema"));
  NSTARX_RETURN_IF_ERROR(Run("PRAGMA foreign_keys = ON"));
  NSTARX_RETURN_IF_ERROR(Run("PRAGMA temp_store = MEMORY"));
  if (options.read_only) NSTARX_RETURN_IF_ERROR(Run("PRAGMA query_only = ON"));
  sqlite3_set_authorizer(handle_, &Database::OnAuthorize, this);
  return {};
}

Database::~Database() {
  if (handle_ != nullptr) sqlite3_close_v2(handle_);
}

int Database::OnProgress(void* self) {
  const Context* context = static_cast<Database*>(self)->context_;
  return context != nullptr && (context->expired() || context->stop_requested()) ? 1 : 0;
}

int Database::OnBusy(void* self, int attempts) {
  const auto* database = static_cast<Database*>(self);
  if (OnProgress(self) != 0) return 0;
  if (attempts * kBusyPause.count() >= database->busy_timeout_ms_) return 0;
  std::this_thread::sleep_for(kBusyPause);
  return 1;
}

int Database::OnAuthorize(void* self, int action, const char* first, const char* second,
                          const char* /*database*/, const char* /*trigger*/) {
  auto* owner = static_cast<Database*>(self);
  const auto refuse = [owner](std::string what) {
    owner->forbidden_ = std::move(what);
    return SQLITE_DENY;
  };
  switch (action) {
    case SQLITE_ATTACH:
      // VACUUM attaches a nameless temporary database to itself.
      if (first != nullptr && *first == '\0') return SQLITE_OK;
      return refuse("ATTACH and VACUUM INTO are not permitted");
    case SQLITE_FUNCTION:
      if (Listed(kForbiddenFunctions, second)) {
        return refuse(fmt::format("The function {} is not permitted", second));
      }
      return SQLITE_OK;
    case SQLITE_PRAGMA:
      if (!Listed(kReadablePragmas, first)) {
        return refuse(fmt::format("PRAGMA {} is not permitted", first));
      }
      if (second != nullptr && !Listed(kTakesArgument, first)) {
        return refuse(fmt::format("Setting PRAGMA {} is not permitted", first));
      }
      return SQLITE_OK;
    case SQLITE_CREATE_VTABLE:
      if (!Listed(kModules, second)) {
        return refuse(fmt::format("Virtual tables of module {} are not permitted",
                                  second != nullptr ? second : "?"));
      }
      return SQLITE_OK;
    default:
      return SQLITE_OK;
  }
}

Error Database::LastError(int result, std::string_view text) const {
  if (result == SQLITE_INTERRUPT && context_ != nullptr) {
    if (Status status = context_->Check(); !status) {
      Error error = std::move(status).error();
      error.WithStage("query").WithConnector("sqlite");
      return error;
    }
  }
  const int extended = sqlite3_extended_errcode(handle_);
  const int precise = (extended & 0xFF) == (result & 0xFF) ? extended : result;
  const int offset = text.empty() ? -1 : sqlite3_error_offset(handle_);
  return MapResult(precise, sqlite3_errmsg(handle_), text, offset);
}

Result<StatementPointer> Database::Prepare(std::string_view& text) {
  sqlite3_stmt* statement = nullptr;
  const char* tail = nullptr;
  forbidden_.clear();
  const int result =
      sqlite3_prepare_v3(handle_, text.data(), static_cast<int>(text.size()), 0, &statement, &tail);
  if (result != SQLITE_OK) {
    Error error = LastError(result, text);
    if (!forbidden_.empty()) {
      error = Error(ErrorKind::kPermissionDenied, "query.forbidden", forbidden_);
      error.WithStage("query").WithConnector("sqlite");
    }
    return error;
  }
  text.remove_prefix(static_cast<size_t>(tail - text.data()));
  return StatementPointer(statement);
}

Result<StatementPointer> Database::PrepareOne(std::string_view text) { return Prepare(text); }

Result<bool> Database::Step(sqlite3_stmt* statement) {
  const int result = sqlite3_step(statement);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  Error error = LastError(result);
  if (!forbidden_.empty() && (result & 0xFF) == SQLITE_AUTH) error.WithMessage(forbidden_);
  return error;
}

Status Database::Run(std::string_view text) {
  NSTARX_TRY(StatementPointer statement, PrepareOne(text));
  for (;;) {
    NSTARX_TRY(const bool row, Step(statement.get()));
    if (!row) return {};
  }
}

void Database::Interrupt() { sqlite3_interrupt(handle_); }

bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

void Database::Rollback() {
  const Context unlimited;
  Watch watch(*this, unlimited);
  if (in_transaction()) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

int64_t Database::changes() const { return sqlite3_total_changes64(handle_); }

}  // namespace nstarx::connectors::sqlite
