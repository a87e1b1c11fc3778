#pragma once

#include <memory>

#include "base/context.h"
#include "connector/connector.h"
#include "registry/registry.h"

namespace nstarx::gateway {

/// Dials the endpoints in order until one answers and logs in; the first endpoint's error when none
/// does. An error that another endpoint can't mend (wrong password, unknown database) ends the
/// round at once.
Result<std::unique_ptr<connector::Session>> OpenSession(
    const Context& context, const registry::ResolvedConnection& resolved);

}  // namespace nstarx::gateway
