#pragma once

// Includes DuckDB: only .cc files may include it.
#include <mutex>
#include <optional>
#include <string>

#include "base/context.h"
#include "base/status.h"
#include "engine/duckdb_headers.h"

namespace nstarx::gateway {
class Gateway;
}

namespace nstarx::federation {

/// What the scans of one statement share. Thread-safe.
class Scans {
 public:
  Scans(gateway::Gateway& gateway, const Context& context, std::string fingerprint)
      : gateway_(gateway),
        context_(context.WithStop(stop_.get_token())),
        fingerprint_(std::move(fingerprint)),
        chained_(context.stop_token(), [this] { Stop(); }) {}

  gateway::Gateway& gateway() { return gateway_; }
  /// The caller's, stopped with the statement.
  const Context& context() const { return context_; }
  const std::string& fingerprint() const { return fingerprint_; }
  void Stop() { stop_.request_stop(); }

  /// Notes the first failure and leaves the engine by its exception.
  [[noreturn]] void Fail(Error error, const std::string& connection);
  std::optional<Error> TakeFailure();

 private:
  gateway::Gateway& gateway_;
  std::stop_source stop_;
  const Context context_;
  const std::string fingerprint_;
  std::mutex mutex_;
  std::optional<Error> failure_ NSTARX_GUARDED_BY(mutex_);
  std::stop_callback<std::function<void()>> chained_;
};

/// Makes `connection.path` a table, in the place of what the engine does not know.
void AddNames(duckdb::DBConfig& config);
/// The table function behind it: connection_table(connection, path). `scans` must outlive the
/// database.
void AddScan(duckdb::Connection& connection, Scans& scans);

}  // namespace nstarx::federation
