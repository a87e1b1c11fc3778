#pragma once

#include <functional>

#include "cli/serve_options.h"

namespace nstarx::cli {

/// Starts the server in this process and returns its exit code; given by the daemon.
using ServeCommand = std::function<int(const ServeOptions&)>;

/// The whole program: parses the command line, runs the command, prints what came of it. Returns
/// the exit code, see `nstarx help exit-codes`.
int Run(int argc, char** argv, const ServeCommand& serve);

}  // namespace nstarx::cli
