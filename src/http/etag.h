#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "http/message.h"

namespace nstarx::http {

/// The entity tag of a version: "\"3\"".
std::string TagOf(int64_t version);
/// True when a list of entity tags (If-None-Match) names `tag`, weakly compared, or is "*".
bool NamesTag(std::string_view list, std::string_view tag);
/// The version that If-Match asks for; 0 without the field or with "*"; connection.version_conflict
/// for what is no version of ours.
Result<int64_t> ExpectedVersion(const Request& request);

}  // namespace nstarx::http
