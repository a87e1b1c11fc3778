#pragma once

#include <string>

#include "base/json.h"
#include "cli/console.h"

namespace nstarx::cli {

/// A staged test report as a checklist: ✓ ✗ – with milliseconds, facts, and hints under a failure.
std::string TestChecklist(const Console& console, const json::object& report);
/// The first failed stage's name, or empty.
std::string FailedStage(const json::object& report);

}  // namespace nstarx::cli
