#include "http/api.h"

#include "access/access.h"
#include "audit/journal.h"
#include "base/log.h"
#include "http/openapi.h"
#include "http/problem.h"
#include "monitor/metrics.h"

namespace nstarx::http {
namespace {

constexpr int64_t kJsonBytesMax = 1024 * 1024;
constexpr int64_t kUploadBytesMax = int64_t{1} << 42;  // S3's largest object is 5 TiB
constexpr auto kSlow = std::chrono::seconds(1);

bool IsJsonType(std::string_view content_type) {
  std::string_view essence = content_type.substr(0, content_type.find(';'));
  while (essence.ends_with(' ')) essence.remove_suffix(1);
  return SameToken(essence, "application/json") ||
         SameToken(essence, "application/merge-patch+json");
}

/// True when an Accept header lets JSON through; only what it names is looked at, not its weights.
bool AcceptsJson(std::string_view accept) {
  return accept.empty() || accept.find("*/*") != accept.npos ||
         accept.find("application/*") != accept.npos || accept.find("json") != accept.npos;
}

Error NotAcceptable(const Route& route) {
  Error error = InvalidArgument("request.not_acceptable",
                                "this operation answers in no format that Accept names");
  json::array known;
  if (!route.response_schema.empty()) known.emplace_back("application/json");
  for (const auto& media : route.response_media) known.emplace_back(media);
  error.WithDetail("available", known);
  error.WithHint(fmt::format("It can answer as {}.", json::serialize(known)));
  return error;
}

std::string KeyOf(const Request& request) { return std::string(request.Header("Idempotency-Key")); }

}  // namespace

std::unique_ptr<Application> MakeApi(const Services& services) {
  return std::make_unique<Api>(services);
}

Api::Api(const Services& services)
    : services_(services),
      table_(AllRoutes()),
      router_(table_),
      openapi_(json::serialize(OpenApiDocument(table_, schemas_))),
      idempotency_(services.store, services.clock) {}

BodyPlan Api::Plan(Request& request) {
  router_.Find(request);
  if (request.route == nullptr) return {};
  switch (request.route->body) {
    case BodyKind::kNone:
      return {};
    case BodyKind::kJson:
    case BodyKind::kUncheckedJson:
      return {BodyMode::kBuffered, kJsonBytesMax};
    case BodyKind::kBytes:
      return {BodyMode::kStreamed, kUploadBytesMax};
  }
  return {};
}

Response Api::Answer(Request& request, std::stop_token stop) {
  if (request.route == nullptr) {
    if (request.method == Method::kOptions && request.path == "*") return NoContent();
    if (!request.path_known) return Refuse(request, NoRoute(request));
    const std::string allowed = router_.AllowedMethods(request.path);
    if (request.method == Method::kOptions) {
      Response response = NoContent();
      response.With("Allow", allowed);
      return response;
    }
    Response response = Refuse(
        request,
        InvalidArgument("route.method_not_allowed",
                        fmt::format("this path does not understand {}", ToString(request.method)))
            .WithHint(fmt::format("It understands {}.", allowed)));
    response.With("Allow", allowed);
    return response;
  }
  auto response = Dispatch(request, std::move(stop));
  return response ? std::move(*response) : Refuse(request, response.error());
}

Response Api::Refuse(const Request& request, const Error& error) {
  return ProblemResponse(error, request.request_id);
}

Error Api::NoRoute(const Request& request) const {
  Error error = NotFound("route.not_found", "there is nothing at this path");
  const std::string suggestion = router_.Suggest(request.path);
  if (!suggestion.empty() && IsUtf8(suggestion)) {
    error.WithHint(fmt::format("Did you mean {}?", suggestion))
        .WithDetail("suggestion", suggestion);
  } else {
    error.WithHint("GET /openapi.json lists all operations.");
  }
  return error;
}

Result<Principal> Api::Authenticate(const Request& request) const {
  const Route& route = *request.route;
  const bool open =
      route.access == Access::kAnybody ||
      (route.access == Access::kLoopback && request.loopback && services_.metrics_open_on_loopback);
  if (open) {
    Principal nobody;
    nobody.remote_address = request.remote_address;
    return nobody;
  }
  return services_.callers.Authenticate(request.Header("Authorization"), request.remote_address);
}

Result<Response> Api::Dispatch(Request& request, std::stop_token stop) {
  const Route& route = *request.route;
  Call call(services_, request, route);
  call.openapi = openapi_;
  NSTARX_TRY(Principal principal, Authenticate(request));
  const bool needs_admin = route.access == Access::kAdmin ||
                           (route.access == Access::kLoopback && !principal.id.empty());
  const bool needs_audit = route.access == Access::kAudit;
  call.context = Context(std::move(principal), request.request_id)
                     .WithStop(std::move(stop))
                     .WithTimeout(route.timeout);
  if (needs_admin || needs_audit) {
    const auto permission = needs_audit ? access::Permission::kAudit : access::Permission::kAdmin;
    if (auto allowed = access::Require(call.context.principal(), permission, nullptr); !allowed) {
      services_.journal.Append(
          call.context,
          {.action = route.operation, .outcome = "denied", .code = allowed.error().code()});
      return allowed.error();
    }
  }
  for (const std::string_view raw : request.captures) {
    auto decoded = PercentDecode(raw, false);
    if (!decoded) {
      return InvalidArgument("request.malformed_target",
                             "the path has a broken escape, a NUL or is not UTF-8")
          .WithHint("Percent-encode the path's parts as UTF-8.");
    }
    call.captures.push_back(std::move(*decoded));
  }
  NSTARX_TRY(call.arguments, ReadArguments(route, request.query));
  if (!route.rows && !route.response_schema.empty() && !AcceptsJson(request.Header("Accept"))) {
    return NotAcceptable(route);
  }
  NSTARX_RETURN_IF_ERROR(ReadBody(call));
  return Run(call);
}

Status Api::ReadBody(Call& call) const {
  const Route& route = call.route;
  if (route.body != BodyKind::kJson && route.body != BodyKind::kUncheckedJson) return {};
  const std::string_view type = call.request.Header("Content-Type");
  if (!type.empty() && !IsJsonType(type)) {
    return InvalidArgument("request.unsupported_media_type", "this operation takes JSON")
        .WithHint("Send the body with Content-Type: application/json.");
  }
  NSTARX_TRY(json::value body, ParseJson(call.request.body));
  if (route.body == BodyKind::kJson) {
    NSTARX_RETURN_IF_ERROR(schemas_.Check(route.request_schema, body));
  } else if (!body.is_object()) {
    return InvalidArgument("config.wrong_type", "the body must be a JSON object")
        .WithHint("Send {\"name\": …, \"type\": …, \"configuration\": {…}}.");
  }
  call.body = std::move(body.get_object());
  return {};
}

Result<Response> Api::Run(Call& call) {
  const Route& route = call.route;
  if (!route.idempotent_key || !call.request.HasHeader("Idempotency-Key")) {
    return route.handler(call);
  }
  NSTARX_TRY(auto claim,
             idempotency_.Begin(call.context.principal().id, KeyOf(call.request), call.request));
  NSTARX_TRY(auto repeated, claim->Replay());
  if (repeated) return std::move(*repeated);
  auto made = route.handler(call);
  Response response = made ? std::move(*made) : Refuse(call.request, made.error());
  // The write is done; that its answer could not be kept must not make it look failed.
  if (auto kept = claim->Keep(response, route.shows_secret, call.request.request_id); !kept) {
    NSTARX_LOG(kWarning, "answer_not_kept",
               {{"request_id", call.request.request_id}, {"code", kept.error().code()}});
  }
  return response;
}

void Api::Finished(const Request& request, int status, std::chrono::nanoseconds took) {
  const std::string_view operation =
      request.route != nullptr ? std::string_view(request.route->operation) : "none";
  services_.metrics.HttpRequest(operation, status, took);
  const bool long_by_nature = request.route != nullptr && request.route->timeout > kSlow * 60;
  const bool slow = took > kSlow && !long_by_nature;
  if (status < 400 && !slow && !services_.log_requests) return;
  const auto level = status >= 500 ? log::Level::kWarning : log::Level::kInfo;
  log::Write(level, slow ? "slow_request" : "request",
             {{"request_id", request.request_id},
              {"operation", operation},
              {"method", ToString(request.method)},
              {"status", status},
              {"ms", static_cast<double>(took.count() / 1000) / 1000.0},
              {"remote", request.remote_address}});
}

}  // namespace nstarx::http
