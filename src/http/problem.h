#pragma once

#include <string_view>

#include "base/status.h"
#include "http/message.h"

namespace nstarx::http {

/// The HTTP status of an error: a few codes of the edge have their own (413, 405 …), all others
/// that of their kind in base/error_table.h.
int StatusOf(const Error& error);

/// RFC 9457: {"type","title","status","detail","code","stage","hints","action","request_id", …}.
json::object ProblemDocument(const Error& error, std::string_view request_id);

/// The problem document as an answer, with the headers that belong to it (WWW-Authenticate,
/// Retry-After).
Response ProblemResponse(const Error& error, std::string_view request_id);

}  // namespace nstarx::http
