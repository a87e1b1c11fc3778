#pragma once

#include <vector>

#include "cli/command.h"
#include "cli/http_client.h"
#include "cli/session.h"

namespace nstarx::cli {

/// Sends a request whose answer is rows and prints them as the arguments say.
Result<int> PrintAnswer(Session& session, Api& api, const Arguments& arguments, Request request);

/// `--format` and `--output` of commands whose answer is rows.
std::vector<Option> RowOptions();

}  // namespace nstarx::cli
