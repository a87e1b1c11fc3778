#include "pool/pool.h"

#include <fmt/format.h>

#include <algorithm>

namespace nstarx::pool {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A session that was idle for longer is pinged before it is lent.
constexpr milliseconds kCheckAfterIdle{500};
constexpr milliseconds kPingLimit{2000};
/// After a wrong password nobody asks the system again for so long: accounts lock after a few
/// tries.
constexpr milliseconds kLoginGuard{5000};
constexpr milliseconds kForgetAfter{600'000};

bool IsLoginFailure(const Error& error) {
  return error.code() == "login.wrong_password" || error.code() == "login.wrong_secret_key";
}

}  // namespace

Lease::~Lease() {
  if (pool_ != nullptr) pool_->GiveBack(this);
}

Pool::Pool(std::string type, model::Pooling limits, Opener opener, monitor::Metrics& metrics)
    : type_(std::move(type)),
      limits_(limits),
      opener_(std::move(opener)),
      metrics_(metrics),
      last_used_(steady_clock::now()) {}

Pool::~Pool() { metrics_.PoolChange(type_, "open", -static_cast<int>(idle_.size())); }

bool Pool::HasPlace(Lane lane) const {
  if (lent_ >= limits_.max_size) return false;
  const int background_max = std::max(1, limits_.max_size * 3 / 4);
  return lane == Lane::kInteractive || lent_background_ < background_max;
}

void Pool::TakePlace(Lane lane) {
  ++lent_;
  if (lane == Lane::kBackground) ++lent_background_;
  last_used_ = steady_clock::now();
}

void Pool::ReleasePlace(Lane lane) {
  --lent_;
  if (lane == Lane::kBackground) --lent_background_;
  for (auto it = waiters_.begin(); it != waiters_.end(); ++it) {
    Waiter* waiter = *it;
    if (!HasPlace(waiter->lane)) continue;
    TakePlace(waiter->lane);
    waiter->granted = true;
    waiters_.erase(it);
    waiter->granted_signal.notify_one();
    return;
  }
}

Error Pool::Exhausted() const {
  std::vector<std::string> users;
  for (const auto& [id, holder] : holders_) {
    if (users.size() < 5)
      users.push_back(fmt::format("{} (request {})", holder.user, holder.request_id));
  }
  return Error(ErrorKind::kResourceExhausted, "pool.exhausted",
               fmt::format("all {} sessions of the connection's pool are in use", limits_.max_size))
      .WithStage("pool")
      .WithHint(fmt::format("Held by: {}.", fmt::join(users, ", ")))
      .WithHint(
          "Raise pooling.maxSize if the system can take more sessions, or pooling.waitTimeout to "
          "wait longer.")
      .WithHint("Run long jobs with lane=background so that they leave room.");
}

Result<std::unique_ptr<Lease>> Pool::Acquire(const Context& context, Lane lane) {
  const auto start = steady_clock::now();
  {
    std::unique_lock lock(mutex_);
    if (closed_)
      return Unavailable("pool.closed", "the connection was changed or removed meanwhile");
    if (waiters_.empty() && HasPlace(lane)) {
      TakePlace(lane);
    } else {
      Waiter waiter;
      waiter.lane = lane;
      waiters_.push_back(&waiter);
      metrics_.PoolChange(type_, "waiting", 1);
      const auto until =
          std::min(context.deadline(), start + milliseconds(limits_.wait_timeout_ms));
      const auto ready = [&] { return waiter.granted || closed_; };
      waiter.granted_signal.wait_until(lock, context.stop_token(), until, ready);
      metrics_.PoolChange(type_, "waiting", -1);
      if (!waiter.granted) {
        waiters_.remove(&waiter);
        if (closed_)
          return Unavailable("pool.closed", "the connection was changed or removed meanwhile");
        if (context.stop_requested()) return Cancelled("the caller went away");
        return Exhausted();
      }
    }
  }
  metrics_.PoolWait(type_, steady_clock::now() - start);
  return Fill(context, lane);
}

Result<std::unique_ptr<connector::SessionHandle>> Pool::TryBorrow(const Context& context) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || !waiters_.empty() || !HasPlace(Lane::kBackground)) {
      return Error(ErrorKind::kResourceExhausted, "pool.exhausted", "no session is free right now");
    }
    TakePlace(Lane::kBackground);
  }
  NSTARX_TRY(auto lease, Fill(context, Lane::kBackground));
  return std::unique_ptr<connector::SessionHandle>(std::move(lease));
}

/// A place is taken; fills it with an idle session that still lives, or a new one. Gives the place
/// back on failure.
Result<std::unique_ptr<Lease>> Pool::Fill(const Context& context, Lane lane) {
  std::unique_ptr<Lease> lease(new Lease());
  lease->lane_ = lane;
  while (true) {
    Idle candidate;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) {
        if (login_failure_ && steady_clock::now() < login_failure_until_) {
          Error repeated = *login_failure_;
          ReleasePlace(lane);
          return repeated;
        }
        break;
      }
      candidate = std::move(idle_.back());
      idle_.pop_back();
    }
    const auto now = steady_clock::now();
    const bool too_old = limits_.max_lifetime_ms > 0 &&
                         now - candidate.opened > milliseconds(limits_.max_lifetime_ms);
    bool usable = !too_old && candidate.session->healthy();
    if (usable && (candidate.suspect || now - candidate.since > kCheckAfterIdle)) {
      usable = candidate.session->Ping(context.WithTimeout(kPingLimit)).has_value() &&
               candidate.session->healthy();
    }
    if (!usable) {
      candidate.session.reset();
      metrics_.PoolChange(type_, "open", -1);
      continue;
    }
    lease->session_ = std::move(candidate.session);
    lease->opened_ = candidate.opened;
    break;
  }
  if (lease->session_ == nullptr) {
    auto opened = opener_(context);
    metrics_.SessionOpened(type_, opened ? "ok" : opened.error().code());
    if (!opened) {
      const std::lock_guard lock(mutex_);
      if (IsLoginFailure(opened.error())) {
        login_failure_ = opened.error();
        login_failure_until_ = steady_clock::now() + kLoginGuard;
      }
      ReleasePlace(lane);
      return opened.error();
    }
    lease->session_ = *std::move(opened);
    lease->opened_ = steady_clock::now();
    metrics_.PoolChange(type_, "open", 1);
  }
  metrics_.PoolChange(type_, "in_use", 1);
  {
    const std::lock_guard lock(mutex_);
    login_failure_.reset();
    lease->holder_ = next_holder_++;
    holders_[lease->holder_] = {.user = context.principal().name,
                                .request_id = context.request_id(),
                                .lane = lane,
                                .since = steady_clock::now()};
  }
  lease->pool_ = shared_from_this();
  return lease;
}

void Pool::GiveBack(Lease* lease) {
  const bool reuse = !lease->discard_ && limits_.enabled && lease->session_->healthy();
  // Closing talks to the system: never under the lock.
  std::unique_ptr<connector::Session> dead;
  {
    const std::lock_guard lock(mutex_);
    holders_.erase(lease->holder_);
    if (reuse && !closed_) {
      idle_.push_back({.session = std::move(lease->session_),
                       .opened = lease->opened_,
                       .since = steady_clock::now()});
    } else {
      dead = std::move(lease->session_);
    }
    ReleasePlace(lease->lane_);
  }
  metrics_.PoolChange(type_, "in_use", -1);
  if (dead != nullptr) metrics_.PoolChange(type_, "open", -1);
}

void Pool::Close() {
  std::deque<Idle> dead;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    dead.swap(idle_);
    for (Waiter* waiter : waiters_) waiter->granted_signal.notify_one();
  }
  metrics_.PoolChange(type_, "open", -static_cast<int>(dead.size()));
}

void Pool::Reap() {
  std::vector<std::unique_ptr<connector::Session>> dead;
  {
    const std::lock_guard lock(mutex_);
    const auto now = steady_clock::now();
    while (!idle_.empty() && static_cast<int>(idle_.size()) + lent_ > limits_.min_size) {
      Idle& oldest = idle_.front();
      const bool idle_too_long = now - oldest.since > milliseconds(limits_.idle_timeout_ms);
      const bool too_old = limits_.max_lifetime_ms > 0 &&
                           now - oldest.opened > milliseconds(limits_.max_lifetime_ms);
      if (!idle_too_long && !too_old) break;
      dead.push_back(std::move(oldest.session));
      idle_.pop_front();
    }
  }
  if (!dead.empty()) metrics_.PoolChange(type_, "open", -static_cast<int>(dead.size()));
}

void Pool::SuspectIdle() {
  const std::lock_guard lock(mutex_);
  for (auto& idle : idle_) idle.suspect = true;
}

bool Pool::unused_for(steady_clock::duration time) const {
  const std::lock_guard lock(mutex_);
  return lent_ == 0 && idle_.empty() && steady_clock::now() - last_used_ > time;
}

json::object Pool::State() const {
  const std::lock_guard lock(mutex_);
  json::object out;
  out["open"] = static_cast<int64_t>(idle_.size()) + lent_;
  out["idle"] = static_cast<int64_t>(idle_.size());
  out["in_use"] = lent_;
  out["waiting"] = static_cast<int64_t>(waiters_.size());
  out["max"] = limits_.max_size;
  json::array holders;
  const auto now = steady_clock::now();
  for (const auto& [id, holder] : holders_) {
    json::object row;
    row["user"] = holder.user;
    row["request_id"] = holder.request_id;
    row["lane"] = holder.lane == Lane::kInteractive ? "interactive" : "background";
    row["since_ms"] = std::chrono::duration_cast<milliseconds>(now - holder.since).count();
    holders.push_back(std::move(row));
  }
  out["holders"] = std::move(holders);
  return out;
}

PoolSet::PoolSet(monitor::Metrics& metrics)
    : metrics_(metrics), reaper_([this](const std::stop_token& stop) { ReapLoop(stop); }) {}

PoolSet::~PoolSet() {
  reaper_.request_stop();
  reaper_.join();
  Close();
}

std::shared_ptr<Pool> PoolSet::For(const model::Connection& connection,
                                   const MakeOpener& make_opener) {
  {
    const std::shared_lock lock(mutex_);
    const auto found = pools_.find(connection.id);
    if (found != pools_.end() && found->second.version == connection.version)
      return found->second.pool;
  }
  std::shared_ptr<Pool> old;
  std::shared_ptr<Pool> out;
  {
    const std::unique_lock lock(mutex_);
    Entry& entry = pools_[connection.id];
    // A slow caller with an older row must not push out the newer pool; it just uses it.
    if (entry.pool != nullptr && entry.version >= connection.version) return entry.pool;
    old = std::move(entry.pool);
    entry.pool =
        std::make_shared<Pool>(connection.type, connection.pooling, make_opener(), metrics_);
    entry.version = connection.version;
    out = entry.pool;
  }
  if (old != nullptr) old->Close();
  return out;
}

std::shared_ptr<Pool> PoolSet::Find(std::string_view connection_id) const {
  const std::shared_lock lock(mutex_);
  const auto found = pools_.find(std::string(connection_id));
  return found == pools_.end() ? nullptr : found->second.pool;
}

void PoolSet::Drop(std::string_view connection_id) {
  std::shared_ptr<Pool> old;
  {
    const std::unique_lock lock(mutex_);
    const auto found = pools_.find(std::string(connection_id));
    if (found == pools_.end()) return;
    old = std::move(found->second.pool);
    pools_.erase(found);
  }
  old->Close();
}

void PoolSet::Close() {
  std::unordered_map<std::string, Entry> all;
  {
    const std::unique_lock lock(mutex_);
    all.swap(pools_);
  }
  for (auto& [id, entry] : all) entry.pool->Close();
}

void PoolSet::ReapLoop(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any tick;
  std::unique_lock lock(mutex);
  while (!tick.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; })) {
    if (stop.stop_requested()) return;
    std::vector<std::pair<std::string, std::shared_ptr<Pool>>> all;
    {
      const std::shared_lock reading(mutex_);
      for (const auto& [id, entry] : pools_) all.emplace_back(id, entry.pool);
    }
    for (const auto& [id, pool] : all) {
      pool->Reap();
      if (pool->unused_for(kForgetAfter)) Drop(id);
    }
  }
}

}  // namespace nstarx::pool
