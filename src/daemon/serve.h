#pragma once

#include "cli/serve_options.h"

namespace nstarx::daemon {

/// Builds every room in explicit order, serves until SIGTERM or SIGINT, takes everything down in
/// reverse. Returns the process's exit code; start-up errors go to standard error as code, sentence
/// and hints.
int Serve(const cli::ServeOptions& options);

}  // namespace nstarx::daemon
