#include "pool/pool.h"

#include <gtest/gtest.h>

#include <atomic>

namespace nstarx::pool {
namespace {

struct Counts {
  std::atomic<int> open = 0;
  std::atomic<int> opened = 0;
  std::atomic<int> pings = 0;
  std::atomic<bool> alive = true;
};

class FakeSession final : public connector::Session {
 public:
  explicit FakeSession(Counts& counts) : counts_(counts) {
    ++counts_.open;
    ++counts_.opened;
  }
  ~FakeSession() override { --counts_.open; }
  Status Ping(const Context&) override {
    ++counts_.pings;
    if (!counts_.alive) return Unavailable("connection.lost", "gone");
    return {};
  }
  bool healthy() const override { return healthy_; }
  bool healthy_ = true;

 private:
  Counts& counts_;
};

struct Fixture {
  Counts counts;
  monitor::Metrics metrics;
  std::shared_ptr<Pool> Make(int max, int wait_ms = 50) {
    model::Pooling limits;
    limits.max_size = max;
    limits.wait_timeout_ms = wait_ms;
    return std::make_shared<Pool>(
        "fake", limits,
        [this](const Context&) -> Result<std::unique_ptr<connector::Session>> {
          return std::unique_ptr<connector::Session>(new FakeSession(counts));
        },
        metrics);
  }
};

TEST(PoolTest, ReusesAndBounds) {
  Fixture fixture;
  auto pool = fixture.Make(2);
  {
    auto a = pool->Acquire({}, Lane::kInteractive);
    auto b = pool->Acquire({}, Lane::kInteractive);
    ASSERT_TRUE(a && b);
    const auto c = pool->Acquire({}, Lane::kInteractive);
    ASSERT_FALSE(c);
    EXPECT_EQ(c.error().code(), "pool.exhausted");
    EXPECT_EQ(pool->State().at("in_use").as_int64(), 2);
  }
  ASSERT_TRUE(pool->Acquire({}, Lane::kInteractive));
  EXPECT_EQ(fixture.counts.opened, 2);
}

TEST(PoolTest, BackgroundLeavesRoom) {
  Fixture fixture;
  auto pool = fixture.Make(4);
  std::vector<std::unique_ptr<Lease>> held;
  for (int i = 0; i < 3; ++i) held.push_back(*pool->Acquire({}, Lane::kBackground));
  EXPECT_FALSE(pool->Acquire({}, Lane::kBackground));
  EXPECT_FALSE(pool->TryBorrow({}));
  EXPECT_TRUE(pool->Acquire({}, Lane::kInteractive));
}

TEST(PoolTest, UnhealthyAndDiscardedAreClosed) {
  Fixture fixture;
  auto pool = fixture.Make(2);
  {
    auto lease = *pool->Acquire({}, Lane::kInteractive);
    lease->Discard();
  }
  EXPECT_EQ(fixture.counts.open, 0);
  {
    auto lease = *pool->Acquire({}, Lane::kInteractive);
    static_cast<FakeSession&>(lease->session()).healthy_ = false;
  }
  EXPECT_EQ(fixture.counts.open, 0);
}

TEST(PoolTest, SuspectSessionsArePingedAndReplaced) {
  Fixture fixture;
  auto pool = fixture.Make(2);
  pool->Acquire({}, Lane::kInteractive).value().reset();
  pool->SuspectIdle();
  fixture.counts.alive = false;
  auto lease = pool->Acquire({}, Lane::kInteractive);
  ASSERT_TRUE(lease);
  EXPECT_EQ(fixture.counts.pings, 1);
  EXPECT_EQ(fixture.counts.opened, 2);
}

TEST(PoolTest, CloseDrains) {
  Fixture fixture;
  auto pool = fixture.Make(2);
  auto lease = *pool->Acquire({}, Lane::kInteractive);
  pool->Close();
  EXPECT_EQ(pool->Acquire({}, Lane::kInteractive).error().code(), "pool.closed");
  EXPECT_EQ(fixture.counts.open, 1);
  lease.reset();
  EXPECT_EQ(fixture.counts.open, 0);
}

TEST(PoolTest, WrongPasswordIsNotTriedAgainAtOnce) {
  Fixture fixture;
  int tries = 0;
  auto pool = std::make_shared<Pool>(
      "fake", model::Pooling{},
      [&](const Context&) -> Result<std::unique_ptr<connector::Session>> {
        ++tries;
        return Error(ErrorKind::kUnavailable, "login.wrong_password", "no");
      },
      fixture.metrics);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(pool->Acquire({}, Lane::kInteractive).error().code(), "login.wrong_password");
  EXPECT_EQ(tries, 1);
  EXPECT_EQ(pool->State().at("in_use").as_int64(), 0);
}

TEST(PoolTest, ManyThreadsNeverExceedTheMaximum) {
  Fixture fixture;
  auto pool = fixture.Make(3, 5000);
  std::atomic<int> most = 0;
  std::atomic<int> now = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 200; ++round) {
          auto lease = pool->Acquire({}, Lane::kInteractive);
          ASSERT_TRUE(lease) << lease.error().ToString();
          const int seen = ++now;
          int before = most;
          while (seen > before && !most.compare_exchange_weak(before, seen)) {
          }
          --now;
        }
      });
    }
  }
  EXPECT_LE(most, 3);
  EXPECT_LE(fixture.counts.opened, 3);
}

TEST(PoolTest, AWaiterThatStopsLeavesTheQueue) {
  Fixture fixture;
  auto pool = fixture.Make(1, 60'000);
  auto held = *pool->Acquire({}, Lane::kInteractive);
  std::stop_source stop;
  Result<std::unique_ptr<Lease>> waited = Cancelled("");
  {
    std::jthread waiter(
        [&] { waited = pool->Acquire(Context().WithStop(stop.get_token()), Lane::kInteractive); });
    stop.request_stop();
  }
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code(), "query.cancelled");
  held.reset();
  EXPECT_TRUE(pool->Acquire({}, Lane::kInteractive));
}

TEST(PoolSetTest, ANewVersionReplacesThePool) {
  Fixture fixture;
  PoolSet set(fixture.metrics);
  model::Connection connection;
  connection.id = "con_1";
  const auto opener = [&]() -> Opener {
    return [&](const Context&) -> Result<std::unique_ptr<connector::Session>> {
      return std::unique_ptr<connector::Session>(new FakeSession(fixture.counts));
    };
  };
  auto first = set.For(connection, opener);
  EXPECT_EQ(set.For(connection, opener), first);
  auto lease = *first->Acquire({}, Lane::kInteractive);
  connection.version = 2;
  auto second = set.For(connection, opener);
  EXPECT_NE(second, first);
  EXPECT_TRUE(lease->session().healthy());
  lease.reset();
  EXPECT_EQ(fixture.counts.open, 0);
}

}  // namespace
}  // namespace nstarx::pool
