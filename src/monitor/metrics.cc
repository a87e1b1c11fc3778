#include "monitor/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <shared_mutex>

namespace nstarx::monitor {
namespace {

const prometheus::Histogram::BucketBoundaries kSeconds = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25,   0.5,     1,      2.5,   5,      10,    30,   60,    300};

double SecondsOf(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

/// One metric per distinct label values, found again without the family's lock and label map.
template <class Metric>
class Children {
 public:
  template <class Make>
  Metric& Get(std::string_view a, std::string_view b, const Make& make) {
    const std::pair<std::string_view, std::string_view> key(a, b);
    {
      const std::shared_lock lock(mutex_);
      const auto found = rows_.find(key);
      if (found != rows_.end()) return *found->second;
    }
    const std::unique_lock lock(mutex_);
    auto [row, fresh] = rows_.try_emplace({std::string(a), std::string(b)}, nullptr);
    if (fresh) row->second = &make();
    return *row->second;
  }

 private:
  struct Less {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return std::pair<std::string_view, std::string_view>(a) <
             std::pair<std::string_view, std::string_view>(b);
    }
  };
  std::shared_mutex mutex_;
  std::map<std::pair<std::string, std::string>, Metric*, Less> rows_;  ///< guarded by mutex_
};

}  // namespace

struct Metrics::Impl {
  using CounterFamily = prometheus::Family<prometheus::Counter>;
  using GaugeFamily = prometheus::Family<prometheus::Gauge>;
  using HistogramFamily = prometheus::Family<prometheus::Histogram>;

  CounterFamily& Counters(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  HistogramFamily& Histograms(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }
  GaugeFamily& Gauges(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  }

  prometheus::Registry registry;
  CounterFamily& http_requests =
      Counters("nstarx_http_requests_total", "HTTP requests by operation and status.");
  HistogramFamily& http_seconds =
      Histograms("nstarx_http_request_seconds", "Time to answer an HTTP request.");
  CounterFamily& queries =
      Counters("nstarx_queries_total", "Statements and other uses by type and outcome.");
  HistogramFamily& query_seconds =
      Histograms("nstarx_query_seconds", "Time of a use from admission to its last row.");
  CounterFamily& query_rows = Counters("nstarx_query_rows_total", "Rows that uses returned.");
  CounterFamily& query_bytes =
      Counters("nstarx_query_bytes_total", "Bytes of Arrow data that uses returned.");
  GaugeFamily& pool_sessions = Gauges("nstarx_pool_sessions", "Sessions in pools by state.");
  HistogramFamily& pool_wait =
      Histograms("nstarx_pool_wait_seconds", "Time a caller waited for a session's place.");
  CounterFamily& sessions_opened =
      Counters("nstarx_sessions_opened_total", "Sessions opened by outcome.");
  CounterFamily& tests =
      Counters("nstarx_connection_tests_total", "Staged connection tests by status.");
  CounterFamily& driver_changes =
      Counters("nstarx_driver_changes_total", "Changes of drivers by action and outcome.");
  prometheus::Gauge& connections = Gauges("nstarx_connections", "Registered connections.").Add({});
  prometheus::Gauge& resident =
      Gauges("process_resident_memory_bytes", "Resident memory of the process.").Add({});
  prometheus::Gauge& cpu = Gauges("process_cpu_seconds_total", "CPU time of the process.").Add({});
  prometheus::Gauge& files = Gauges("process_open_fds", "Open file descriptors.").Add({});
  prometheus::Gauge& started =
      Gauges("process_start_time_seconds", "Start of the process since the epoch.").Add({});

  Children<prometheus::Counter> http_requests_rows;
  Children<prometheus::Histogram> http_seconds_rows;
  Children<prometheus::Counter> queries_rows;
  Children<prometheus::Histogram> query_seconds_rows;
  Children<prometheus::Counter> query_rows_rows;
  Children<prometheus::Counter> query_bytes_rows;
  Children<prometheus::Gauge> pool_sessions_rows;
  Children<prometheus::Histogram> pool_wait_rows;
  Children<prometheus::Counter> sessions_opened_rows;
  Children<prometheus::Counter> tests_rows;
  Children<prometheus::Counter> driver_changes_rows;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) { impl_->started.SetToCurrentTime(); }
Metrics::~Metrics() = default;

void Metrics::HttpRequest(std::string_view operation, int status, std::chrono::nanoseconds took) {
  const std::string code = std::to_string(status);
  impl_->http_requests_rows
      .Get(operation, code,
           [&]() -> prometheus::Counter& {
             return impl_->http_requests.Add(
                 {{"operation", std::string(operation)}, {"status", code}});
           })
      .Increment();
  impl_->http_seconds_rows
      .Get(operation, "",
           [&]() -> prometheus::Histogram& {
             return impl_->http_seconds.Add({{"operation", std::string(operation)}}, kSeconds);
           })
      .Observe(SecondsOf(took));
}

void Metrics::Query(std::string_view type, std::string_view outcome, std::chrono::nanoseconds took,
                    int64_t rows, int64_t bytes) {
  const auto labels = [&] { return prometheus::Labels{{"type", std::string(type)}}; };
  impl_->queries_rows
      .Get(type, outcome,
           [&]() -> prometheus::Counter& {
             return impl_->queries.Add(
                 {{"type", std::string(type)}, {"outcome", std::string(outcome)}});
           })
      .Increment();
  impl_->query_seconds_rows
      .Get(type, "",
           [&]() -> prometheus::Histogram& { return impl_->query_seconds.Add(labels(), kSeconds); })
      .Observe(SecondsOf(took));
  if (rows > 0) {
    impl_->query_rows_rows
        .Get(type, "", [&]() -> prometheus::Counter& { return impl_->query_rows.Add(labels()); })
        .Increment(static_cast<double>(rows));
  }
  if (bytes > 0) {
    impl_->query_bytes_rows
        .Get(type, "", [&]() -> prometheus::Counter& { return impl_->query_bytes.Add(labels()); })
        .Increment(static_cast<double>(bytes));
  }
}

void Metrics::PoolChange(std::string_view type, std::string_view state, int delta) {
  if (delta == 0) return;
  impl_->pool_sessions_rows
      .Get(type, state,
           [&]() -> prometheus::Gauge& {
             return impl_->pool_sessions.Add(
                 {{"type", std::string(type)}, {"state", std::string(state)}});
           })
      .Increment(delta);
}

void Metrics::PoolWait(std::string_view type, std::chrono::nanoseconds took) {
  impl_->pool_wait_rows
      .Get(type, "",
           [&]() -> prometheus::Histogram& {
             return impl_->pool_wait.Add({{"type", std::string(type)}}, kSeconds);
           })
      .Observe(SecondsOf(took));
}

void Metrics::SessionOpened(std::string_view type, std::string_view outcome) {
  impl_->sessions_opened_rows
      .Get(type, outcome,
           [&]() -> prometheus::Counter& {
             return impl_->sessions_opened.Add(
                 {{"type", std::string(type)}, {"outcome", std::string(outcome)}});
           })
      .Increment();
}

void Metrics::ConnectionTest(std::string_view type, std::string_view status) {
  impl_->tests_rows
      .Get(
          type, status,
          [&]() -> prometheus::Counter& {
            return impl_->tests.Add({{"type", std::string(type)}, {"status", std::string(status)}});
          })
      .Increment();
}

void Metrics::DriverChange(std::string_view action, std::string_view outcome) {
  impl_->driver_changes_rows
      .Get(action, outcome,
           [&]() -> prometheus::Counter& {
             return impl_->driver_changes.Add(
                 {{"action", std::string(action)}, {"outcome", std::string(outcome)}});
           })
      .Increment();
}

void Metrics::SetConnections(int64_t count) { impl_->connections.Set(static_cast<double>(count)); }

std::string Metrics::Render() const {
  if (std::FILE* file = std::fopen("/proc/self/statm", "r"); file != nullptr) {
    long total = 0;
    long resident = 0;
    if (std::fscanf(file, "%ld %ld", &total, &resident) == 2) {
      impl_->resident.Set(static_cast<double>(resident) *
                          static_cast<double>(sysconf(_SC_PAGESIZE)));
    }
    std::fclose(file);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  impl_->cpu.Set(static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
  std::error_code error;
  const auto files = std::filesystem::directory_iterator("/proc/self/fd", error);
  if (!error) impl_->files.Set(static_cast<double>(std::distance(begin(files), end(files))));
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace nstarx::monitor
