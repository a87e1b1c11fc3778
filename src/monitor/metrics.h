#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace nstarx::monitor {

/// The program's counters, gauges and histograms, shown at GET /metrics in Prometheus' text format.
/// Names are fixed here and nowhere else. Thread-safe; an observation on the hot path costs an
/// atomic add.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  /// nstarx_http_requests_total{operation,status}, nstarx_http_request_seconds{operation}
  void HttpRequest(std::string_view operation, int status, std::chrono::nanoseconds took);
  /// nstarx_queries_total{type,outcome}, nstarx_query_seconds{type}, nstarx_query_rows_total{type},
  /// nstarx_query_bytes_total{type}
  void Query(std::string_view type, std::string_view outcome, std::chrono::nanoseconds took,
             int64_t rows, int64_t bytes);
  /// nstarx_pool_sessions{type,state}: change of a gauge. state: open | in_use | waiting
  void PoolChange(std::string_view type, std::string_view state, int delta);
  /// nstarx_pool_wait_seconds{type}
  void PoolWait(std::string_view type, std::chrono::nanoseconds took);
  /// nstarx_sessions_opened_total{type,outcome}
  void SessionOpened(std::string_view type, std::string_view outcome);
  /// nstarx_connection_tests_total{type,status}
  void ConnectionTest(std::string_view type, std::string_view status);
  /// nstarx_driver_changes_total{action,outcome}
  void DriverChange(std::string_view action, std::string_view outcome);
  /// nstarx_connections
  void SetConnections(int64_t count);

  /// The exposition, also process_* (resident memory, cpu seconds, open fds, start time).
  std::string Render() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nstarx::monitor
