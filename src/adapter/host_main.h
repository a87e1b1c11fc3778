#pragma once

#include <string_view>

namespace nstarx::adapter {

/// The mode of the program that is an adapter host; nobody calls it by hand.
constexpr std::string_view kHostMode = "adapter-host";
/// The socket it finds itself with.
constexpr int kHostSocket = 3;

/// Serves the requests that come over the socket until it closes; the exit code.
int RunHost();

}  // namespace nstarx::adapter
