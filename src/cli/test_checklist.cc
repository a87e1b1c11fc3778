#include "cli/test_checklist.h"

#include <fmt/format.h>

#include "cli/session.h"
#include "cli/table.h"

namespace nstarx::cli {
namespace {

const json::array& Stages(const json::object& report) {
  static const json::array none;
  const json::value* stages = report.if_contains("stages");
  return stages != nullptr && stages->is_array() ? stages->get_array() : none;
}

std::string Facts(const json::object& stage) {
  const json::value* facts = stage.if_contains("facts");
  if (facts == nullptr || !facts->is_object()) return "";
  std::string text;
  for (const auto& [key, value] : facts->get_object()) {
    const std::string cell = CellText(CellOf(value), 48);
    if (cell.empty() || cell == "[]" || cell == "{}") continue;
    text += (text.empty() ? "" : "  ") + std::string(key) + "=" + cell;
  }
  return text;
}

double Milliseconds(const json::object& stage) {
  const json::value* ms = stage.if_contains("ms");
  return ms != nullptr && ms->is_number() ? ms->to_number<double>() : 0;
}

}  // namespace

std::string TestChecklist(const Console& console, const json::object& report) {
  std::string text;
  for (const json::value& item : Stages(report)) {
    if (!item.is_object()) continue;
    const json::object& stage = item.get_object();
    const std::string_view status = GetString(stage, "status");
    const bool failed = status == "failed";
    const std::string mark = status == "ok" ? console.Paint(Tone::kGood, "✓")
                             : failed       ? console.Paint(Tone::kBad, "✗")
                                            : console.Paint(Tone::kDim, "–");
    const std::string time =
        status == "skipped" ? "" : fmt::format("{:.1f} ms", Milliseconds(stage));
    std::string line =
        fmt::format("{} {:<10} {:>10}", mark, CellText(GetString(stage, "stage")), time);
    const std::string facts = Facts(stage);
    if (!facts.empty()) line += "  " + console.Paint(Tone::kDim, facts);
    if (!failed && !GetString(stage, "detail").empty()) {
      line += "  " + console.Paint(Tone::kDim, CellText(GetString(stage, "detail")));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (!failed) continue;
    text += fmt::format("    {}: {}\n",
                        console.Paint(Tone::kBold, CellText(GetString(stage, "code", "failed"))),
                        CellText(GetString(stage, "detail")));
    if (const json::value* hints = stage.if_contains("hints"); hints && hints->is_array()) {
      for (const json::value& hint : hints->get_array())
        text += "    • " + CellText(CellOf(hint)) + "\n";
    }
  }
  const bool good = GetString(report, "status") == "ok";
  return text +
         (good ? console.Paint(Tone::kGood, "The connection works.")
               : console.Paint(Tone::kBad, "The connection does not work yet.")) +
         "\n";
}

std::string FailedStage(const json::object& report) {
  for (const json::value& item : Stages(report)) {
    if (item.is_object() && GetString(item.get_object(), "status") == "failed") {
      return std::string(GetString(item.get_object(), "stage"));
    }
  }
  return "";
}

}  // namespace nstarx::cli
