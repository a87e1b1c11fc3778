#include "monitor/metrics.h"

#include <gtest/gtest.h>

namespace nstarx::monitor {
namespace {

TEST(MetricsTest, ShowsWhatWasObserved) {
  Metrics metrics;
  metrics.HttpRequest("queryConnection", 200, std::chrono::milliseconds(3));
  metrics.Query("postgresql", "ok", std::chrono::milliseconds(2), 10, 1000);
  metrics.PoolChange("postgresql", "open", 2);
  metrics.PoolChange("postgresql", "open", -1);
  metrics.SetConnections(7);
  const std::string text = metrics.Render();
  EXPECT_NE(text.find("nstarx_http_requests_total{operation=\"queryConnection\",status=\"200\"} 1"),
            std::string::npos);
  EXPECT_NE(text.find("nstarx_query_rows_total{type=\"postgresql\"} 10"), std::string::npos);
  EXPECT_NE(text.find("nstarx_pool_sessions{state=\"open\",type=\"postgresql\"} 1"),
            std::string::npos);
  EXPECT_NE(text.find("nstarx_connections 7"), std::string::npos);
  EXPECT_NE(text.find("process_resident_memory_bytes"), std::string::npos);
}

}  // namespace
}  // namespace nstarx::monitor
