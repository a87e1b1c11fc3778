#pragma once

#include <string_view>

#include "base/json.h"
#include "base/status.h"

namespace nstarx::connectors::elasticsearch {

/// The error of an answer of 300 or more. `body` is the server's own JSON, or whatever answered.
Error FailureOf(int status, std::string_view body, std::string_view stage);

/// The error that one member "error" says: an object, or text alone.
Error FailureSaid(int status, const json::value& error, std::string_view stage);

/// query.partial_result when shards failed or the time ran out; OK when the answer is whole.
/// `shards` is the text of the answer's "_shards".
Status CheckWhole(std::string_view shards, bool timed_out);

/// What does not change: the connector's name and the stage.
Error Failed(ErrorKind kind, std::string_view code, std::string message,
             std::string_view stage = "query");

/// A JSON answer, at most 256 deep. response.malformed.
Result<json::value> ReadReply(std::string_view body);

}  // namespace nstarx::connectors::elasticsearch
