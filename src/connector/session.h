#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/context.h"
#include "base/json.h"
#include "base/status.h"

namespace nstarx::connector {

/// What a session knows about itself, for the staged test: server_version, user, address, database,
/// tls {version, cipher}.
using SessionFacts = json::object;

/// One live, logged-in connection to a system: what the pool holds. Used by one thread at a time,
/// except Cancel() and healthy(), which any thread may call. The destructor closes it without
/// blocking for long.
class Session {
 public:
  virtual ~Session() = default;
  /// One cheap round trip.
  virtual Status Ping(const Context& context) = 0;
  /// Asks the system to stop what this session runs now; returns at once or within a second, best
  /// effort.
  virtual void Cancel() {}
  /// False once the session can't be used any more; the pool throws it away.
  virtual bool healthy() const = 0;
  virtual SessionFacts facts() const { return {}; }
  /// For the staged test: whether what the session needs besides the system itself (a schema
  /// registry) answers.
  virtual Status CheckCompanions(const Context& context) { return {}; }

  /// The session's power of that kind (facets.h), or null when the system has not got it; the
  /// spec's capabilities say the same.
  template <class Facet>
  Facet* As() {
    return dynamic_cast<Facet*>(this);
  }
};

/// A borrowed session; its destructor gives it back.
class SessionHandle {
 public:
  virtual ~SessionHandle() = default;
  virtual Session& session() = 0;
  /// Marks it broken: it is closed instead of reused.
  virtual void Discard() = 0;
};

/// Where a session gets helpers of its own kind from (parallel scans), within its pool's bounds.
class SessionSource {
 public:
  virtual ~SessionSource() = default;
  /// A further session if the pool has room right now; resource_exhausted otherwise: go on without.
  virtual Result<std::unique_ptr<SessionHandle>> TryBorrow(const Context& context) = 0;
};

}  // namespace nstarx::connector
