#pragma once

#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::redis {

/// An error reply ("WRONGTYPE Operation against …") as ours. `stage` is login or query.
Error MapError(std::string_view reply, std::string_view stage = "query");

/// connection.lost, to be tried again.
Error ConnectionLost(std::string_view why);

/// An error of the stage query.
Error QueryError(ErrorKind kind, std::string code, std::string message);

/// What the server's silence or first bytes during login mean, given whether we speak TLS.
Error ExplainFirstAnswer(Error found, std::string_view first_bytes, bool uses_tls);

}  // namespace nstarx::connectors::redis
