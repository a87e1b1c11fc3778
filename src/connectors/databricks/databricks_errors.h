#pragma once

#include <string_view>

#include "base/json.h"
#include "base/status.h"

namespace nstarx::connectors::databricks {

/// What the service says about a statement: error_code of the API, the message with its
/// [ERROR_CONDITION], and the SQLSTATE if it is given beside them. `text` is the statement, for the
/// position.
Error FromStatementError(std::string_view error_code, std::string_view message,
                         std::string_view sqlstate, std::string_view text);

/// An answer other than 200: {"error_code", "message"}.
Error FromHttpFailure(int status, std::string_view body, std::string_view text);

Error ReadOnly(std::string_view what);
Error Malformed(std::string_view what);

}  // namespace nstarx::connectors::databricks
