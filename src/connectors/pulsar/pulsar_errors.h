#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::pulsar {

/// An error of this connector.
Error Failed(ErrorKind kind, std::string_view code, std::string message,
             std::string_view stage = "query");

/// The error of a result of the client library.
Error MapResult(int result, std::string_view what);

/// The error of a broker that refuses to log us in (ServerError and its message).
Error MapRefusal(int server_error, std::string_view message);

/// The error of an HTTP status of the admin API with the reason that it gave; 404 is
/// admin.not_found, which callers replace by what was asked for.
Error MapStatus(int status, std::string_view body);

Error UnknownTopic(std::string_view topic);

}  // namespace nstarx::connectors::pulsar
