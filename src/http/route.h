#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "http/message.h"
#include "http/services.h"

namespace nstarx::http {

class Call;

enum class ParameterType { kText, kInteger, kBoolean, kTime };

/// One query parameter: what is checked is what the OpenAPI document says.
struct Parameter {
  std::string name;
  ParameterType type = ParameterType::kText;
  std::string description;
  bool required = false;
  std::optional<std::string> default_value;
  std::optional<int64_t> minimum;
  std::optional<int64_t> maximum;
  std::vector<std::string> values;  ///< the only ones, when any
  size_t length_max = 1024;         ///< characters of a text
};

enum class Access {
  kKey,       ///< any caller with a valid key; rooms below decide further
  kAdmin,     ///< access::Permission::kAdmin
  kAudit,     ///< access::Permission::kAudit: the journal
  kAnybody,   ///< no key
  kLoopback,  ///< no key from this machine (if so configured), kAdmin from elsewhere
};

enum class BodyKind {
  kNone,
  kJson,           ///< an object, checked against `request_schema`
  kUncheckedJson,  ///< an object that a room below checks, with codes of its own
  kBytes,          ///< streamed into the handler
};

using Handler = Result<Response> (*)(Call& call);

/// One row of the table that both routes requests and makes the OpenAPI document.
struct Route {
  Method method = Method::kGet;
  std::string path;       ///< "/connections/{ref}/objects/{key...}"; a capture is never empty
  std::string operation;  ///< stable operationId
  std::string tag;
  std::string summary;
  std::string description = {};
  std::string permission = {};  ///< who may, in words
  Access access = Access::kKey;
  std::vector<Parameter> parameters = {};
  BodyKind body = BodyKind::kNone;
  std::string request_schema = {};                 ///< component
  std::vector<std::string> request_media = {};     ///< of kBytes
  std::vector<std::string> request_examples = {};  ///< JSON texts
  int success = 200;
  std::string response_schema = {};              ///< component; empty: no body or not JSON
  std::vector<std::string> response_media = {};  ///< beside or instead of JSON
  bool rows = false;            ///< answers rows: content negotiation is the handler's
  bool idempotent_key = false;  ///< honours Idempotency-Key
  bool shows_secret = false;    ///< its answer is never kept for a repeat
  bool preconditions = false;   ///< has an ETag: If-Match, If-None-Match
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
  Handler handler = nullptr;
};

/// Query parameters by name, decoded, each at most once.
using Arguments = std::vector<std::pair<std::string, std::string>>;

/// What a handler gets: the checked request and the rooms it may call.
class Call {
 public:
  Call(const Services& services_in, Request& request_in, const Route& route_in)
      : services(services_in), request(request_in), route(route_in) {}

  const Services& services;
  Request& request;
  const Route& route;
  Context context;
  std::vector<std::string> captures;  ///< decoded
  std::vector<std::pair<std::string, std::string>>
      arguments;  ///< decoded query, defaults filled in
  json::object body;
  std::string_view openapi;  ///< the document of all routes, as text

  /// The decoded path segment of the first, second … capture.
  const std::string& capture(size_t index) const { return captures[index]; }
  /// The argument as text; empty when absent.
  std::string_view Text(std::string_view name) const;
  bool Has(std::string_view name) const;
  int64_t Integer(std::string_view name, int64_t fallback) const;
  bool Boolean(std::string_view name) const;
  std::optional<TimePoint> Time(std::string_view name) const;
};

/// Reads and checks the query string against the route's parameters: request.unknown_parameter,
/// request.repeated_parameter, request.missing_parameter, request.invalid_parameter.
Result<Arguments> ReadArguments(const Route& route, std::string_view query);

Response JsonResponse(int status, const json::value& value);
Response NoContent();

// The rows of the table, by resource.
void AddConnectionRoutes(std::vector<Route>& table);
void AddDataRoutes(std::vector<Route>& table);
void AddStreamRoutes(std::vector<Route>& table);
void AddMetadataRoutes(std::vector<Route>& table);
void AddObjectRoutes(std::vector<Route>& table);
void AddTemplateRoutes(std::vector<Route>& table);
void AddDriverRoutes(std::vector<Route>& table);
void AddCallerRoutes(std::vector<Route>& table);
void AddSystemRoutes(std::vector<Route>& table);
std::vector<Route> AllRoutes();

}  // namespace nstarx::http
