#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace nstarx::model {

/// One stage of a connection test: resolve, tunnel, tcp, tls, login, privileges, query, latency,
/// discovery.
struct TestStage {
  std::string stage;
  std::string status = "skipped";  ///< ok | failed | skipped
  double ms = 0;
  json::object facts;
  std::string code;    ///< on failure
  std::string detail;  ///< on failure, or why it was skipped
  std::vector<std::string> hints;
};

struct TestReport {
  std::string status = "ok";  ///< ok | failed
  std::vector<TestStage> stages;
};

json::object ToJson(const TestReport& report);
/// A failed stage from an error.
TestStage FailedStage(std::string stage, const Error& error, double ms);

}  // namespace nstarx::model
