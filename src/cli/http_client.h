#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace nstarx::cli {

struct Request {
  std::string method = "GET";
  std::string path;                                        ///< already encoded, begins with a slash
  std::vector<std::pair<std::string, std::string>> query;  ///< empty values are left out
  std::string body;
  std::string content_type = "application/json";  ///< sent when there is a body or `upload`
  std::string accept = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  /// Fills a buffer with the next bytes of a streamed body, 0 at the end.
  std::function<Result<size_t>(std::span<char>)> upload;
  int64_t upload_size = -1;  ///< when known
  /// Until the whole answer is there; 0: none, but a connection must stand within 10 s.
  std::chrono::milliseconds timeout = std::chrono::minutes(2);
};

struct Answer {
  long status = 0;
  std::map<std::string, std::string, std::less<>> headers;  ///< lower-case names, trailers too
  std::string body;                                         ///< empty when it went to a sink
};

/// Takes a piece of a streamed body; an error ends the transfer and is returned by Stream.
using Sink = std::function<Status(std::string_view)>;

/// What commands need of a server; a fake in tests.
class Api {
 public:
  virtual ~Api() = default;
  /// Errors: a problem document as the Error it describes, client.* when no answer came.
  virtual Result<Answer> Send(const Request& request) = 0;
  /// Like Send, with the body of a good answer going to `sink`. A failure in mid-stream (trailer
  /// nstarx-error) is an error too.
  virtual Result<Answer> Stream(const Request& request, const Sink& sink) = 0;

  /// The JSON of the answer to `method path`, null for an empty one.
  Result<json::value> Call(std::string_view method, std::string path, const json::value& body = {},
                           std::chrono::milliseconds timeout = std::chrono::minutes(2));
  /// Call for answers that are objects.
  Result<json::object> Get(std::string path,
                           std::vector<std::pair<std::string, std::string>> query = {});
};

struct ServerAddress {
  std::string url;      ///< without a slash at the end
  std::string api_key;  ///< may be empty
  std::string ca_file;  ///< PEM bundle to trust instead of the system's, or empty
};

/// HTTP with one kept-alive connection. Not thread-safe.
std::unique_ptr<Api> MakeHttpClient(ServerAddress address);

std::string PercentDecode(std::string_view text);
/// The error that a problem document describes.
Error ErrorFromProblem(const json::value& problem, long status);

}  // namespace nstarx::cli
