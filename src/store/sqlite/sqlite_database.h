#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace nstarx::store {

/// One run of a prepared statement: bind, step, read. Gives the statement back to its database's
/// cache when it dies. Parameters are bound left to right.
class Statement {
 public:
  Statement(sqlite3* database, sqlite3_stmt* handle) : database_(database), handle_(handle) {}
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  Statement& Bind(int64_t value);
  Statement& Bind(TimePoint value) { return Bind(int64_t{value.time_since_epoch().count()}); }
  /// The text must outlive the statement's run.
  Statement& Bind(std::string_view text);
  Statement& BindBlob(std::string_view bytes);
  Statement& Bind(const std::optional<TimePoint>& value);

  /// True: there is a row to read; false: done.
  Result<bool> Step();
  /// Steps to the end.
  Status Run();

  int64_t Int(int column) const;
  std::string Text(int column) const;
  TimePoint Time(int column) const { return TimePoint(std::chrono::milliseconds(Int(column))); }
  std::optional<TimePoint> OptionalTime(int column) const;

 private:
  sqlite3* database_;
  sqlite3_stmt* handle_;
  int next_parameter_ = 1;
  int bind_failure_ = 0;
};

/// One SQLite connection with its prepared statements. For one thread at a time.
class Database {
 public:
  enum class Use { kWrite, kRead };

  static Result<std::unique_ptr<Database>> Open(const std::string& path, Use use);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// A prepared statement from the cache, or freshly prepared.
  Result<Statement> Prepare(std::string_view sql);
  /// Runs statements without parameters or rows.
  Status Execute(const std::string& sql);
  /// Rows that the last INSERT, UPDATE or DELETE touched.
  int64_t changes() const;
  int64_t last_insert_id() const;
  /// False when SQLite itself has rolled the transaction back.
  bool in_transaction() const;

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  void DropStatements();

  sqlite3* handle_;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
};

/// What an SQLite result code means to us.
Error SqliteError(int code, std::string_view detail);

}  // namespace nstarx::store
