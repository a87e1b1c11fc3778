#pragma once

#include "base/status.h"
#include "cli/serve_options.h"
#include "drivers/catalogue.h"

namespace nstarx::daemon {

/// Where drivers come from, by flags, else by the environment (lists separated by commas).
/// driver.malformed_location, driver.malformed_key.
Result<drivers::Sources> DriverSourcesOf(const cli::ServeOptions& options);

}  // namespace nstarx::daemon
