#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>
#include <thread>

#include "base/id.h"
#include "store/sqlite/sqlite_store.h"

namespace nstarx::store {
namespace {

using Steady = std::chrono::steady_clock;

model::Connection Numbered(int i) {
  static constexpr std::array<std::string_view, 8> kTypes = {
      "postgresql", "mysql", "s3", "sqlite", "kafka", "mongodb", "snowflake", "redis"};
  static constexpr std::array<std::string_view, 6> kWords = {"orders",  "billing", "clicks",
                                                             "tickets", "stock",   "payroll"};
  std::mt19937 random(static_cast<unsigned>(i));
  model::Connection c;
  c.id = NewId("con");
  c.name = fmt::format("{}-{}-{:06}", kWords[random() % 6], kTypes[random() % 8], i);
  c.type = kTypes[random() % 8];
  c.configuration["host"] = fmt::format("db{}.example.com", i);
  c.configuration["port"] = 5432;
  c.configuration["database"] = kWords[random() % 6];
  c.authentication.type = "basic";
  c.authentication.fields["username"] = "reader";
  c.metadata.owner = fmt::format("user{}", random() % 1000);
  c.metadata.owner_id = "usr_" + c.metadata.owner;
  c.metadata.created = TimePoint(std::chrono::milliseconds(1'790'000'000'000 + i));
  c.metadata.modified = c.metadata.created;
  c.metadata.tags = {random() % 2 == 0 ? "prod" : "test", fmt::format("team-{}", random() % 200)};
  c.metadata.description = fmt::format("{} of region {} for department {}", kWords[random() % 6],
                                       random() % 50, random() % 300);
  c.sharing.scope = random() % 10 == 0 ? "organization" : random() % 3 == 0 ? "team" : "private";
  if (c.sharing.scope == "team") c.sharing.team = fmt::format("team-{}", random() % 200);
  return c;
}

/// A store of so many connections in a folder of its own, removed at exit.
class FilledStore {
 public:
  explicit FilledStore(int count) {
    std::string pattern = (std::filesystem::temp_directory_path() / "nstarx-bench-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    path_ = root_ + "/store.db";
    store_ = std::move(*OpenSqliteStore(path_));
    const auto begun = Steady::now();
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < 32; ++t) {
        threads.emplace_back([&, t] {
          for (int i = t; i < count; i += 32) {
            if (!store_->CreateConnection(Numbered(i), {}, "bench")) std::abort();
          }
        });
      }
    }
    const double seconds = std::chrono::duration<double>(Steady::now() - begun).count();
    std::fprintf(stderr, "%d durable creates from 32 threads: %.1f s, %.0f/s\n", count, seconds,
                 count / seconds);
  }
  ~FilledStore() {
    store_.reset();
    std::filesystem::remove_all(root_);
  }
  Store& store() { return *store_; }
  const std::string& path() const { return path_; }
  void Close() { store_.reset(); }

 private:
  std::string root_;
  std::string path_;
  std::unique_ptr<Store> store_;
};

FilledStore& Large() {
  static FilledStore filled(100'000);
  return filled;
}

/// Runs the filter again and again, reports p50 and p95 in milliseconds.
void Measure(benchmark::State& state, const std::function<ConnectionFilter(unsigned)>& make) {
  Store& store = Large().store();
  std::vector<double> ms;
  unsigned round = 0;
  size_t rows = 0;
  for (auto step : state) {
    const ConnectionFilter filter = make(round++);
    const auto begun = Steady::now();
    const auto page = store.ListConnections(filter);
    ms.push_back(std::chrono::duration<double, std::milli>(Steady::now() - begun).count());
    if (!page) state.SkipWithError(page.error().ToString().c_str());
    rows += page ? page->items.size() : 0;
  }
  std::ranges::sort(ms);
  state.counters["p50_ms"] = ms[ms.size() / 2];
  state.counters["p95_ms"] = ms[ms.size() * 95 / 100];
  state.counters["rows"] = static_cast<double>(rows) / static_cast<double>(ms.size());
}

const Principal kSomeone{
    .id = "usr_user7", .name = "user7", .role = Role::kUser, .teams = {"team-7", "team-8"}};

void BM_List(benchmark::State& state) {
  Measure(state, [](unsigned) { return ConnectionFilter{}; });
}
void BM_ListByModified(benchmark::State& state) {
  Measure(state, [](unsigned) { return ConnectionFilter{.sort = "-modified"}; });
}
void BM_DeepPage(benchmark::State& state) {
  ConnectionFilter filter{.sort = "name", .limit = 1000};
  for (int i = 0; i < 60; ++i) filter.cursor = Large().store().ListConnections(filter)->next;
  filter.limit = 100;
  Measure(state, [&](unsigned) { return filter; });
}
void BM_Type(benchmark::State& state) {
  Measure(state, [](unsigned) { return ConnectionFilter{.type = "s3"}; });
}
void BM_RareTag(benchmark::State& state) {
  Measure(state,
          [](unsigned i) { return ConnectionFilter{.tag = fmt::format("team-{}", i % 200)}; });
}
void BM_TypeAndRareTag(benchmark::State& state) {
  Measure(state, [](unsigned i) {
    return ConnectionFilter{.type = "mysql", .tag = fmt::format("team-{}", i % 200)};
  });
}
void BM_Visible(benchmark::State& state) {
  Measure(state, [](unsigned) { return ConnectionFilter{.visible_to = &kSomeone}; });
}
void BM_VisibleTypeTag(benchmark::State& state) {
  Measure(state, [](unsigned) {
    return ConnectionFilter{.type = "redis", .tag = "prod", .visible_to = &kSomeone};
  });
}
void BM_SearchOne(benchmark::State& state) {
  Measure(state,
          [](unsigned i) { return ConnectionFilter{.query = fmt::format("{:06}", i * 37)}; });
}
void BM_SearchCommon(benchmark::State& state) {
  Measure(state, [](unsigned) { return ConnectionFilter{.query = "Orders"}; });
}
void BM_SearchSome(benchmark::State& state) {
  Measure(state, [](unsigned i) {
    return ConnectionFilter{.query = fmt::format("department {}", 100 + i % 200)};
  });
}
void BM_SearchNone(benchmark::State& state) {
  Measure(state, [](unsigned) { return ConnectionFilter{.query = "zebra"}; });
}
void BM_SearchTwoLetters(benchmark::State& state) {
  Measure(state, [](unsigned) { return ConnectionFilter{.query = "ck"}; });
}
void BM_SearchVisible(benchmark::State& state) {
  Measure(state,
          [](unsigned) { return ConnectionFilter{.query = "billing", .visible_to = &kSomeone}; });
}

void BM_GetByName(benchmark::State& state) {
  Store& store = Large().store();
  const std::string name = store.ListConnections({})->items.front().name;
  for (auto step : state) benchmark::DoNotOptimize(store.GetConnection(name));
}

/// Opening a store of 10,000 and reading the first page: the store's share of the start.
void BM_OpenTenThousand(benchmark::State& state) {
  static FilledStore filled(10'000);
  filled.Close();
  for (auto step : state) {
    auto store = OpenSqliteStore(filled.path());
    benchmark::DoNotOptimize((*store)->ListConnections({}));
  }
}

BENCHMARK(BM_List)->MinTime(0.3);
BENCHMARK(BM_ListByModified)->MinTime(0.3);
BENCHMARK(BM_DeepPage)->MinTime(0.3);
BENCHMARK(BM_Type)->MinTime(0.3);
BENCHMARK(BM_RareTag)->MinTime(0.3);
BENCHMARK(BM_TypeAndRareTag)->MinTime(0.3);
BENCHMARK(BM_Visible)->MinTime(0.3);
BENCHMARK(BM_VisibleTypeTag)->MinTime(0.3);
BENCHMARK(BM_SearchOne)->MinTime(0.3);
BENCHMARK(BM_SearchCommon)->MinTime(0.3);
BENCHMARK(BM_SearchSome)->MinTime(0.3);
BENCHMARK(BM_SearchNone)->MinTime(0.3);
BENCHMARK(BM_SearchTwoLetters)->MinTime(0.3);
BENCHMARK(BM_SearchVisible)->MinTime(0.3);
BENCHMARK(BM_GetByName);
BENCHMARK(BM_OpenTenThousand)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace nstarx::store
