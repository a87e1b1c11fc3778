#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "http/message.h"

namespace nstarx::http {

struct HeadFacts {
  std::string_view request_id;
  bool http11 = true;
  bool keep_alive = true;
  bool chunked = false;
  std::optional<int64_t> length;
};

/// The status line and header fields of an answer, with the empty line. Control characters in
/// values become spaces.
std::string ResponseHead(const Response& response, const HeadFacts& facts);

/// What ends a chunked body: the last chunk, and the trailer `nstarx-error` (the percent-encoded
/// problem document) when the stream failed.
std::string ChunkedEnd(const std::optional<Error>& failure, std::string_view request_id);

/// The request's id: the client's when it is 1-128 characters of [A-Za-z0-9._:-], else a new one.
std::string RequestIdOf(std::string_view sent);

/// "Mon, 23 Nov 2026 07:00:00 GMT"
std::string HttpDate(int64_t unix_seconds);

}  // namespace nstarx::http
