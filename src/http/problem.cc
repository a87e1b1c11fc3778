#include "http/problem.h"

#include "base/error_table.h"
#include "base/json.h"

namespace nstarx::http {
namespace {

struct OwnStatus {
  std::string_view code;
  int status;
  std::string_view title;
};

// What HTTP has a finer status for than the kind of the error.
constexpr OwnStatus kOwnStatuses[] = {
    {"route.method_not_allowed", 405, "Method not allowed"},
    {"request.not_acceptable", 406, "Not acceptable"},
    {"request.timeout", 408, "Request not complete in time"},
    {"idempotency.key_reused", 409, "Idempotency key reused"},
    {"idempotency.in_progress", 409, "Request already running"},
    {"idempotency.key_shown_once", 409, "API key already issued"},
    {"request.body_too_large", 413, "Body too large"},
    {"request.target_too_long", 414, "Target too long"},
    {"request.unsupported_media_type", 415, "Unsupported media type"},
    {"request.range_not_satisfiable", 416, "Range not satisfiable"},
    {"request.expectation_failed", 417, "Expectation failed"},
    {"request.header_too_large", 431, "Header too large"},
    {"server.busy", 503, "Server busy"},
    {"server.not_ready", 503, "Server not ready"},
    {"server.stopping", 503, "Server stopping"},
    {"request.unsupported_version", 505, "HTTP version not supported"},
};

const OwnStatus* FindOwn(std::string_view code) {
  for (const OwnStatus& row : kOwnStatuses) {
    if (row.code == code) return &row;
  }
  return nullptr;
}

}  // namespace

int StatusOf(const Error& error) {
  const OwnStatus* own = FindOwn(error.code());
  return own != nullptr ? own->status : RowOf(error.kind()).http_status;
}

json::object ProblemDocument(const Error& error, std::string_view request_id) {
  const OwnStatus* own = FindOwn(error.code());
  json::object out;
  out["type"] = "/errors/" + error.code();
  out["title"] = own != nullptr ? own->title : RowOf(error.kind()).title;
  out["status"] = StatusOf(error);
  for (auto& [key, value] : error.ToJson()) out[key] = std::move(value);
  out["request_id"] = request_id;
  return out;
}

Response ProblemResponse(const Error& error, std::string_view request_id) {
  Response response;
  response.status = StatusOf(error);
  response.content_type = "application/problem+json";
  response.body = json::serialize(ProblemDocument(error, request_id));
  if (response.status == 401) response.With("WWW-Authenticate", "Bearer realm=\"nstarx\"");
  if (response.status == 429 || response.status == 503) response.With("Retry-After", "1");
  return response;
}

}  // namespace nstarx::http
