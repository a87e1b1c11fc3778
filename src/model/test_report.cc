#include "model/test_report.h"

#include <cmath>

namespace nstarx::model {

json::object ToJson(const TestReport& report) {
  json::object out;
  out["status"] = report.status;
  json::array stages;
  for (const auto& stage : report.stages) {
    json::object row;
    row["stage"] = stage.stage;
    row["status"] = stage.status;
    row["ms"] = std::round(stage.ms * 1000) / 1000;
    row["facts"] = stage.facts;
    if (!stage.code.empty()) row["code"] = stage.code;
    if (!stage.detail.empty()) row["detail"] = stage.detail;
    json::array hints;
    for (const auto& hint : stage.hints) hints.emplace_back(hint);
    row["hints"] = std::move(hints);
    stages.push_back(std::move(row));
  }
  out["stages"] = std::move(stages);
  return out;
}

TestStage FailedStage(std::string stage, const Error& error, double ms) {
  TestStage row;
  row.stage = std::move(stage);
  row.status = "failed";
  row.ms = ms;
  row.code = error.code();
  row.detail = error.message();
  row.hints = error.hints();
  return row;
}

}  // namespace nstarx::model
