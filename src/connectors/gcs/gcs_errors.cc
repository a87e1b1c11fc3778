#include "connectors/gcs/gcs_errors.h"

#include "base/json.h"

namespace nstarx::connectors::gcs {
namespace {

struct Row {
  ErrorKind kind;
  std::string_view code;
  std::string_view stage;
  std::string_view text;
};

constexpr auto kLogin = ErrorKind::kUnauthenticated;
constexpr auto kDenied = ErrorKind::kPermissionDenied;
constexpr auto kBusy = ErrorKind::kUnavailable;
constexpr auto kInput = ErrorKind::kInvalidArgument;

constexpr std::pair<std::string_view, Row> kReasons[] = {
    {"userProjectMissing",
     {kInput, "bucket.requester_pays", "login", "The bucket wants the requester to pay"}},
    {"accountDisabled",
     {kDenied, "bucket.billing_disabled", "login", "The bucket's project has no billing"}},
    {"retentionPolicyNotMet",
     {ErrorKind::kConflict, "object.immutable", "query", "A retention policy protects the object"}},
    {"objectUnderActiveHold",
     {ErrorKind::kConflict, "object.immutable", "query", "A hold protects the object"}},
    {"rateLimitExceeded", {kBusy, "service.busy", "query", "The service asks to slow down"}},
    {"userRateLimitExceeded", {kBusy, "service.busy", "query", "The service asks to slow down"}},
    {"uploadTooLarge",
     {kInput, "object.too_large", "query", "The object is larger than the service allows"}},
};

Row ByStatus(const GcsFailure& failure, bool anonymous) {
  switch (failure.http_status) {
    case 401:
      if (anonymous) {
        return {kLogin, "login.anonymous_refused", "login", "The bucket is not public"};
      }
      return {kLogin, "login.token_refused", "login",
              "The service does not accept the access token"};
    case 403:
      return {kDenied, "object.no_privilege", "query", "The login may not do this"};
    case 404:
      if (failure.message.find("bucket does not exist") != std::string::npos) {
        return {ErrorKind::kNotFound, "bucket.not_found", "login", "The bucket does not exist"};
      }
      return {ErrorKind::kNotFound, "object.not_found", "query", "No object has this key"};
    case 412:
      return {ErrorKind::kConflict, "object.changed", "query", "The object was changed meanwhile"};
    case 416:
      return {kInput, "object.invalid_range", "query", "The range lies outside of the object"};
    case 413:
      return {kInput, "object.too_large", "query", "The object is larger than the service allows"};
    case 408:
    case 429:
      return {kBusy, "service.busy", "query", "The service asks to slow down"};
    default:
      break;
  }
  if (failure.http_status >= 500) {
    return {kBusy, "service.unavailable", "query", "The service failed inside"};
  }
  if (failure.message.find("requester pays") != std::string::npos) {
    return {kInput, "bucket.requester_pays", "login", "The bucket wants the requester to pay"};
  }
  return {kInput, "service.error", "query", "The service refused the request"};
}

}  // namespace

GcsFailure ReadFailure(int http_status, std::string_view body) {
  GcsFailure failure{.http_status = http_status, .reason = {}, .message = {}};
  const Result<json::value> document = ParseJson(body);
  const json::object* object = document ? document->if_object() : nullptr;
  const json::value* error = object ? object->if_contains("error") : nullptr;
  if (error == nullptr || !error->is_object()) {
    if (IsUtf8(body)) failure.message = body.substr(0, 300);
    return failure;
  }
  failure.message = GetString(error->get_object(), "message");
  const json::value* errors = error->get_object().if_contains("errors");
  if (errors != nullptr && errors->is_array() && !errors->get_array().empty() &&
      errors->get_array()[0].is_object()) {
    failure.reason = GetString(errors->get_array()[0].get_object(), "reason");
  }
  return failure;
}

Error FromGcsFailure(const GcsFailure& failure, std::string_view subject, bool anonymous) {
  Row row = ByStatus(failure, anonymous);
  for (const auto& [reason, known] : kReasons) {
    if (reason == failure.reason) row = known;
  }
  std::string message(row.text);
  if (!subject.empty()) message += fmt::format(": {}", subject);
  if (row.kind != kLogin && row.code != "object.not_found" && !failure.message.empty() &&
      failure.message.size() <= 500) {
    message += fmt::format(" ({})", failure.message);
  }
  Error error(row.kind, std::string(row.code), std::move(message));
  error.WithStage(row.stage);
  error.WithVendorCode(failure.reason.empty() || failure.reason.size() > 100
                           ? fmt::format("HTTP {}", failure.http_status)
                           : failure.reason);
  if (row.kind == kBusy) error.WithAction(Action::kRetry);
  return error;
}

}  // namespace nstarx::connectors::gcs
