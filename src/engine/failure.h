#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "connector/facets.h"

namespace nstarx::engine {

/// What DuckDB said went wrong, in plain values.
struct EngineFailure {
  enum class Kind {
    kParser,
    kBinder,
    kCatalog,
    kIo,
    kValue,
    kPermission,
    kMemory,
    kInterrupt,
    kUnsupported,
    kParameters,
    kInternal,
    kOther,
  };
  Kind kind = Kind::kOther;
  std::string message;
  std::string position;  ///< 0-based byte offset into the statement, as DuckDB's text; or empty
};

/// One of our errors of it. Bound parameters are never repeated.
Error FromEngineFailure(const EngineFailure& failure, const connector::Statement& statement);

}  // namespace nstarx::engine
