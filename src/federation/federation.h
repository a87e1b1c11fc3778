#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/context.h"
#include "base/json.h"
#include "base/status.h"
#include "connector/facets.h"

namespace nstarx::gateway {
class Gateway;
}

namespace nstarx::federation {

struct SqlRequest {
  std::string sql;
  json::array parameters;  ///< positional: null, bool, int64, double, string
  std::optional<int64_t> limit;
};

struct Limits {
  int statements = 4;                               ///< that run at the same time
  int64_t memory_limit_bytes = int64_t{256} << 20;  ///< of each; more is spilled
  int64_t spill_limit_bytes = int64_t{8} << 30;     ///< of each
  int threads = 2;
};

/// One SQL over connections: `"connection"."schema"."table"`, or `"connection"."path as browse
/// shows it"`, joined by an embedded engine. Every table is read through the gateway, as the
/// caller, with the columns and comparisons that are wanted. Thread-safe.
class Federation {
 public:
  static std::unique_ptr<Federation> Make(gateway::Gateway& gateway, Limits limits);
  virtual ~Federation() = default;

  /// Runs one SELECT. Errors are those of the engine (engine::Engine::Execute), of the connections
  /// (with details.connection), and federation.busy, federation.unsupported_type,
  /// federation.inexact_value, federation.columns_changed. The stream holds the sessions of the
  /// tables that are being read; destroying it ends them.
  virtual Result<std::unique_ptr<connector::BatchStream>> Query(const Context& context,
                                                                const SqlRequest& request) = 0;
};

}  // namespace nstarx::federation
