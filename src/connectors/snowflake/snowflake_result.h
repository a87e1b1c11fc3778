#pragma once

#include <memory>

#include "base/json.h"
#include "connector/facets.h"
#include "connectors/snowflake/snowflake_account.h"

namespace nstarx::connectors::snowflake {

/// The rows of an answer's data: what came with it, then what lies behind links. A statement that
/// changes rows gives their number only.
Result<std::unique_ptr<connector::BatchStream>> OpenResult(
    const Context& context, const std::shared_ptr<const Account>& account, json::object data);

/// The rows of one part of a result in JSON. response.malformed
Result<json::array> ReadRows(std::string part);

/// What a compressed or plain text is; response.malformed above `most` bytes.
Result<std::string> Unpack(std::string packed, size_t most);

}  // namespace nstarx::connectors::snowflake
