#pragma once

#include <string_view>

#include "base/json.h"
#include "base/status.h"

namespace nstarx::connectors::snowflake {

/// What an answer says that has no success: its code, message and SQLSTATE. `text` is the
/// statement; empty while logging in.
Error FromFailure(const json::object& answer, std::string_view text);
/// An answer that is no answer of the protocol.
Error FromHttpFailure(int status, std::string_view path);

/// The session token has run out; the master token brings a new one.
bool IsExpired(std::string_view code);
/// The service knows the session no more.
bool IsGone(std::string_view code);

/// query.read_only
Error ReadOnly();
/// response.malformed
Error Malformed(std::string_view what);
/// query.undefined_table naming the path.
Error UndefinedTable(std::string_view path);
/// result.value_not_exact naming the column.
Error NotExact(std::string_view column, std::string_view why);

}  // namespace nstarx::connectors::snowflake
