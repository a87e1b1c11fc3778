#pragma once

// Includes DuckDB: only .cc files may include it.
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/context.h"
#include "base/status.h"
#include "connector/facets.h"
#include "engine/spill_file_system.h"
#include "engine/watchdog.h"

namespace nstarx::engine {

struct EngineSettings {
  int64_t memory_limit_bytes = int64_t{128} << 20;
  int64_t spill_limit_bytes = int64_t{8} << 30;
  int threads = 2;
  /// Keeps what was read from files within memory_limit_bytes.
  bool cache_files = false;
  std::string subject;  ///< what statements run over, for messages: "files"
};

/// What its owner adds to an engine.
struct EngineHooks {
  /// Before the database is made: replacement scans.
  std::function<void(duckdb::DBConfig&)> configure;
  /// Before the configuration is locked: functions.
  std::function<void(duckdb::Connection&)> prepare;
  /// The cause of a failure that only the owner knows.
  std::function<std::optional<Error>()> take_failure;
  /// Ends what an interrupt of the engine does not reach; called by any thread.
  std::function<void()> stop;
};

/// An embedded DuckDB that can reach nothing of the machine: no files but `files` and its spill
/// folder, no network, environment and extensions; its configuration is locked, only reading
/// statements run. One statement at a time; Interrupt() may be called by any thread.
class Engine {
 public:
  static Result<std::unique_ptr<Engine>> Open(EngineSettings settings,
                                              duckdb::unique_ptr<SpillFileSystem> files,
                                              EngineHooks hooks);

  /// Runs one SELECT, WITH, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN with positional parameters (? or
  /// $1). Errors: query.syntax_error, query.undefined_table, query.undefined_column,
  /// query.undefined_function, query.invalid_value, query.not_allowed, query.out_of_memory,
  /// query.invalid_parameters, query.failed, query.timeout, query.cancelled, with details.position
  /// (1-based) where the text is to blame, and those of take_failure. Rows without ORDER BY come in
  /// no particular order. The stream must die before the engine.
  Result<std::unique_ptr<connector::BatchStream>> Execute(const Context& context,
                                                          const connector::Statement& statement);
  Result<duckdb::unique_ptr<duckdb::QueryResult>> Run(const Context& context,
                                                      const connector::Statement& statement);
  /// The statement alone and parsed, or null for what is none.
  duckdb::unique_ptr<duckdb::SQLStatement> Parse(const std::string& text);

  /// What went wrong, the first cause first.
  Error Explain(const Context& context, const duckdb::ErrorData& data,
                const connector::Statement& statement);
  /// Makes the running statement end with query.cancelled.
  void Interrupt();
  Watchdog& watchdog() { return watchdog_; }

 private:
  Engine(EngineSettings settings, EngineHooks hooks);
  Status Start(duckdb::unique_ptr<SpillFileSystem> files);

  const EngineSettings settings_;
  const EngineHooks hooks_;
  std::unique_ptr<duckdb::DuckDB> database_;
  std::unique_ptr<duckdb::Connection> connection_;
  Watchdog watchdog_;
};

}  // namespace nstarx::engine
