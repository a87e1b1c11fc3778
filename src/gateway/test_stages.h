#pragma once

#include "base/context.h"
#include "model/test_report.h"
#include "registry/registry.h"

namespace nstarx::gateway {

/// Runs resolve → tunnel → tcp → tls → login → privileges → query → latency → discovery against the
/// system, each stage with its own deadline inside the context's. A failed stage skips the rest,
/// except missing privileges.
model::TestReport RunStagedTest(const Context& context,
                                const registry::ResolvedConnection& resolved);

}  // namespace nstarx::gateway
