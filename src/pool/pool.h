#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "connector/session.h"
#include "model/connection.h"
#include "monitor/metrics.h"

namespace nstarx::pool {

/// People wait less than jobs: background work may hold at most three quarters of a pool.
enum class Lane { kInteractive, kBackground };

/// Opens one session; called without any lock held.
using Opener = std::function<Result<std::unique_ptr<connector::Session>>(const Context& context)>;

class Pool;

/// A borrowed session. Its destructor gives it back, or closes it when it was discarded or is
/// unhealthy.
class Lease final : public connector::SessionHandle {
 public:
  ~Lease() override;
  connector::Session& session() override { return *session_; }
  void Discard() override { discard_ = true; }

 private:
  friend class Pool;
  Lease() = default;
  std::shared_ptr<Pool> pool_;  ///< the pool lives until its last lease is back
  std::unique_ptr<connector::Session> session_;
  std::chrono::steady_clock::time_point opened_;
  uint64_t holder_ = 0;
  Lane lane_ = Lane::kInteractive;
  bool discard_ = false;
};

/// Live sessions of one connection: bounded, first come first served within a lane, checked before
/// reuse after idleness. Thread-safe. After Close() nothing is lent any more and sessions are
/// closed as they come back, so a changed connection's pool drains without a failed query.
class Pool final : public connector::SessionSource, public std::enable_shared_from_this<Pool> {
 public:
  Pool(std::string type, model::Pooling limits, Opener opener, monitor::Metrics& metrics);
  ~Pool() override;

  /// Waits for a place at most the pool's wait timeout and the context's deadline: pool.exhausted
  /// then, with who holds the sessions. Errors of opening are passed on.
  Result<std::unique_ptr<Lease>> Acquire(const Context& context, Lane lane);
  /// Only if there is a free place at once.
  Result<std::unique_ptr<connector::SessionHandle>> TryBorrow(const Context& context) override;

  void Close();
  /// Closes what has been idle or alive for too long; called about once a second.
  void Reap();
  /// After a lost connection: whatever is idle now is checked before it is lent again.
  void SuspectIdle();
  /// {"open","idle","in_use","waiting","max","holders":[{"user","request_id","lane","since_ms"}]}
  json::object State() const;
  bool unused_for(std::chrono::steady_clock::duration time) const;

 private:
  friend class Lease;
  using Instant = std::chrono::steady_clock::time_point;
  struct Idle {
    std::unique_ptr<connector::Session> session;
    Instant opened;
    Instant since;
    bool suspect = false;
  };
  struct Holder {
    std::string user;
    std::string request_id;
    Lane lane = Lane::kInteractive;
    Instant since;
  };
  struct Waiter {
    std::condition_variable_any granted_signal;
    Lane lane = Lane::kInteractive;
    bool granted = false;
  };

  bool HasPlace(Lane lane) const;
  void TakePlace(Lane lane);
  void GiveBack(Lease* lease);
  void ReleasePlace(Lane lane);
  Result<std::unique_ptr<Lease>> Fill(const Context& context, Lane lane);
  Error Exhausted() const;

  const std::string type_;
  const model::Pooling limits_;
  const Opener opener_;
  monitor::Metrics& metrics_;

  mutable std::mutex mutex_;
  std::deque<Idle> idle_;                         ///< newest at the back; guarded by mutex_
  std::list<Waiter*> waiters_;                    ///< guarded by mutex_
  std::unordered_map<uint64_t, Holder> holders_;  ///< guarded by mutex_
  uint64_t next_holder_ = 1;
  int lent_ = 0;  ///< places taken: sessions out, or being opened
  int lent_background_ = 0;
  bool closed_ = false;
  Instant last_used_;
  std::optional<Error> login_failure_;  ///< lock-out guard: repeated without asking the system
  Instant login_failure_until_;
};

/// The pools of all connections, by connection id and version. One thread reaps. Thread-safe.
class PoolSet {
 public:
  explicit PoolSet(monitor::Metrics& metrics);
  ~PoolSet();

  using MakeOpener = std::function<Opener()>;
  /// The connection's pool; a new version closes the old one's pool.
  std::shared_ptr<Pool> For(const model::Connection& connection, const MakeOpener& make_opener);
  /// The pool if there is one.
  std::shared_ptr<Pool> Find(std::string_view connection_id) const;
  /// Forgets and drains the pool of a deleted or archived connection.
  void Drop(std::string_view connection_id);
  void Close();

 private:
  struct Entry {
    std::shared_ptr<Pool> pool;
    int64_t version = 0;
  };
  void ReapLoop(const std::stop_token& stop);

  monitor::Metrics& metrics_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Entry> pools_;  ///< guarded by mutex_
  std::jthread reaper_;
};

}  // namespace nstarx::pool
