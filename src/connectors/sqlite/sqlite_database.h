#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/json.h"
#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace nstarx::connectors::sqlite {

struct StatementCloser {
  void operator()(sqlite3_stmt* statement) const;
};
using StatementPointer = std::unique_ptr<sqlite3_stmt, StatementCloser>;

/// One open database file with its guard rails: nothing outside the file can be reached, every
/// step honours a Context. Used by one thread at a time, except Interrupt().
class Database {
 public:
  struct Options {
    std::string path;
    bool read_only = false;
    bool create = false;
    int busy_timeout_ms = 5000;
  };

  static Result<std::unique_ptr<Database>> Open(const Context& context, const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// While one lives, running statements stop at this context's deadline or stop request.
  class Watch {
   public:
    Watch(Database& database, const Context& context);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Database& database_;
    const Context* outer_;
  };

  /// Compiles the first statement of `text` and moves `text` behind it; null for blank text.
  Result<StatementPointer> Prepare(std::string_view& text);
  /// Compiles a statement of our own.
  Result<StatementPointer> PrepareOne(std::string_view text);
  /// True for a row, false at the end.
  Result<bool> Step(sqlite3_stmt* statement);
  /// Runs a statement of our own without rows.
  Status Run(std::string_view text);

  /// Stops what runs now; from any thread.
  void Interrupt();
  bool in_transaction() const;
  void Rollback();
  int64_t changes() const;
  const std::string& path() const { return path_; }
  bool read_only() const { return read_only_; }
  sqlite3* handle() const { return handle_; }
  /// The error that SQLite reports now, as ours. `text` is the statement it is about, if any.
  Error LastError(int result, std::string_view text = {}) const;

 private:
  Database() = default;
  static int OnProgress(void* self);
  static int OnBusy(void* self, int attempts);
  static int OnAuthorize(void* self, int action, const char* first, const char* second,
                         const char* database, const char* trigger);
  Status SetUp(const Options& options);

  sqlite3* handle_ = nullptr;
  std::string path_;
  bool read_only_ = false;
  int busy_timeout_ms_ = 0;
  const Context* context_ = nullptr;  ///< of the innermost Watch
  std::string forbidden_;             ///< what the authorizer refused last
};

}  // namespace nstarx::connectors::sqlite
