#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "connector/facets.h"
#include "result/encode.h"

namespace nstarx::http {

struct Route;

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };
std::string_view ToString(Method method);
Method ParseMethod(std::string_view text);

/// Case-insensitive comparison of header names and tokens (ASCII).
bool SameToken(std::string_view a, std::string_view b);
/// `text` with %XX undone (and '+' as a space when `plus_is_space`); nothing on a broken escape, a
/// NUL or what is not UTF-8 then.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);
/// Characters of well-formed UTF-8.
size_t CountCharacters(std::string_view text);

struct HeaderField {
  std::string_view name;
  std::string_view value;
};

/// How the server takes a request's body before or while the handler runs.
enum class BodyMode {
  kNone,      ///< none expected: a small one is read and dropped
  kBuffered,  ///< whole, up to a limit, before the handler runs
  kStreamed,  ///< pulled by the handler through `Request::stream`
};

struct BodyPlan {
  BodyMode mode = BodyMode::kNone;
  int64_t max_bytes = 0;
};

/// One request as the routes see it. The views point into the connection's buffer and live until
/// the answer is complete.
struct Request {
  Method method = Method::kOther;
  std::string_view target;  ///< as sent
  std::string_view path;    ///< of the target, not decoded
  std::string_view query;   ///< of the target, not decoded, without '?'
  std::vector<HeaderField> headers;
  std::string body;                         ///< with BodyMode::kBuffered
  connector::ByteStream* stream = nullptr;  ///< with BodyMode::kStreamed
  std::optional<int64_t> content_length;    ///< of the body, when the sender said it
  std::string remote_address;               ///< without port
  std::string request_id;                   ///< the sender's when sane, else a new one
  bool loopback = false;                    ///< the peer is on this machine
  bool tls = false;
  // What the router found; set by Application::Plan.
  const Route* route = nullptr;
  std::vector<std::string_view> captures;  ///< raw path segments of the route's {names}
  bool path_known = false;                 ///< some route has this path (405 instead of 404)

  /// The first field of that name, or empty.
  std::string_view Header(std::string_view name) const;
  bool HasHeader(std::string_view name) const;
};

/// One answer: a text, or a stream of chunks.
struct Response {
  int status = 200;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::unique_ptr<result::ChunkSource> stream;
  std::optional<int64_t> length;  ///< Content-Length of `stream`, or of what HEAD does not send
  Context stream_context;         ///< deadline and stop of `stream`
  bool live = false;  ///< `stream` goes out from its first chunk on; nothing is gathered before

  Response& With(std::string_view name, std::string value) {
    headers.emplace_back(name, std::move(value));
    return *this;
  }
};

/// The reason phrase of a status.
std::string_view ReasonOf(int status);

}  // namespace nstarx::http
