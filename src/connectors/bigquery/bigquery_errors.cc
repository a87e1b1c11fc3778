#include "connectors/bigquery/bigquery_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "connectors/sql_text/places.h"

namespace nstarx::connectors::bigquery {
namespace {

struct Row {
  std::string_view sign;  ///< a reason, or what a message says
  ErrorKind kind;
  std::string_view code;
  std::string_view stage = "query";
};

constexpr auto kInput = ErrorKind::kInvalidArgument;
constexpr auto kDenied = ErrorKind::kPermissionDenied;
constexpr auto kExhausted = ErrorKind::kResourceExhausted;
constexpr auto kAway = ErrorKind::kUnavailable;
constexpr auto kMissing = ErrorKind::kNotFound;

/// Of what has no reason of its own, or one for many things: what the message says, first match.
constexpr Row kPhrases[] = {
    {"User does not have bigquery.jobs.create permission", kDenied, "login.no_job_privilege"},
    {"has not been used in project", kDenied, "login.api_disabled", "login"},
    {"prohibited by organization's policy", kDenied, "login.service_perimeter", "login"},
    {"Not found: Project", kMissing, "login.project_not_found", "login"},
    {"not a valid project", kMissing, "login.project_not_found", "login"},
    {"without a filter over column", kInput, "query.partition_filter_required"},
    {"must be qualified with a dataset", kInput, "query.no_dataset"},
    {"exceeded limit for bytes billed", kExhausted, "query.bytes_limit"},
    {"custom quota", kExhausted, "quota.exceeded"},
    {"Syntax error", kInput, "query.syntax_error"},
    {"Unrecognized name", kMissing, "query.undefined_column"},
    {"not found inside", kMissing, "query.undefined_column"},
    {"Function not found", kMissing, "query.undefined_function"},
    {"No matching signature", kMissing, "query.undefined_function"},
    {"Query parameter", kInput, "query.parameter_count"},
    {"query parameters", kInput, "query.parameter_count"},
    {"ivision by zero", kInput, "query.bad_value"},
    {"Bad int64 value", kInput, "query.bad_value"},
    {"Bad double value", kInput, "query.bad_value"},
    {"Bad bool value", kInput, "query.bad_value"},
    {"Could not cast", kInput, "query.bad_value"},
    {"Invalid NUMERIC value", kInput, "query.bad_value"},
    {"Invalid BIGNUMERIC value", kInput, "query.bad_value"},
    {"Invalid date", kInput, "query.bad_value"},
    {"Invalid timestamp", kInput, "query.bad_value"},
    {"nvalid datetime", kInput, "query.bad_value"},
    {"overflow", kInput, "query.bad_value"},
    {"Required field", kInput, "query.constraint_violation"},
    {"cannot be null", kInput, "query.constraint_violation"},
    {"Could not serialize access", ErrorKind::kConflict, "query.write_conflict"},
    {"due to concurrent update", ErrorKind::kConflict, "query.write_conflict"},
    {"Not found: Job", kMissing, "query.result_gone"},
};

constexpr Row kReasons[] = {
    {"notFound", kMissing, "query.undefined_table"},
    {"accessDenied", kDenied, "query.no_privilege"},
    {"accessNotConfigured", kDenied, "login.api_disabled", "login"},
    {"authError", ErrorKind::kUnauthenticated, "login.token_refused", "login"},
    {"insufficientPermissions", kDenied, "login.scope_missing", "login"},
    {"ACCESS_TOKEN_SCOPE_INSUFFICIENT", kDenied, "login.scope_missing", "login"},
    {"billingNotEnabled", kDenied, "login.billing_disabled", "login"},
    {"billingTierLimitExceeded", kExhausted, "query.bytes_limit"},
    {"bytesBilledLimitExceeded", kExhausted, "query.bytes_limit"},
    {"blocked", kDenied, "login.project_blocked", "login"},
    {"duplicate", ErrorKind::kAlreadyExists, "query.already_exists"},
    {"invalidQuery", kInput, "query.failed"},
    {"invalid", kInput, "query.failed"},
    {"badRequest", kInput, "query.failed"},
    {"notImplemented", ErrorKind::kUnimplemented, "query.not_supported"},
    {"quotaExceeded", kExhausted, "quota.exceeded"},
    {"rateLimitExceeded", kAway, "service.busy"},
    {"userRateLimitExceeded", kAway, "service.busy"},
    {"jobRateLimitExceeded", kAway, "service.busy"},
    {"tableUnavailable", kAway, "service.unavailable"},
    {"resourceInUse", ErrorKind::kConflict, "query.write_conflict"},
    {"resourcesExceeded", kExhausted, "query.out_of_resources"},
    {"responseTooLarge", kExhausted, "query.result_too_large"},
    {"stopped", ErrorKind::kCancelled, "query.cancelled"},
    {"timeout", ErrorKind::kDeadlineExceeded, "query.timeout"},
    {"backendError", kAway, "service.unavailable"},
    {"jobBackendError", kAway, "service.unavailable"},
    {"internalError", kAway, "service.unavailable"},
    {"jobInternalError", kAway, "service.unavailable"},
};

bool Says(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Row ByStatus(int status) {
  if (status == 401) return {"", ErrorKind::kUnauthenticated, "login.token_refused", "login"};
  if (status == 403) return {"", kDenied, "query.no_privilege"};
  if (status == 404) return {"", kMissing, "query.undefined_table"};
  if (status == 408 || status == 429) return {"", kAway, "service.busy"};
  if (status == 409) return {"", ErrorKind::kAlreadyExists, "query.already_exists"};
  if (status == 499) return {"", ErrorKind::kCancelled, "query.cancelled"};
  if (status >= 500) return {"", kAway, "service.unavailable"};
  return {"", kInput, "query.failed"};
}

Row FindRow(const Failure& failure) {
  if (failure.http_status != 401 && failure.reason != "stopped") {
    // Of a statement's own failure the message may repeat any text of the statement.
    const bool own = failure.reason == "invalidQuery";
    for (const Row& row : kPhrases) {
      if (own && (row.stage == "login" || row.code == "query.result_gone")) continue;
      if (Says(failure.message, row.sign)) return row;
    }
  }
  const auto* row = std::ranges::find(kReasons, failure.reason, &Row::sign);
  return row == std::end(kReasons) ? ByStatus(failure.http_status) : *row;
}

/// "… at [2:15]": line and column from 1. The place in the statement, from 1.
std::optional<int64_t> PositionOf(std::string_view message, std::string_view text) {
  const size_t at = message.rfind(" at [");
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = message.substr(at + 5);
  int64_t line = 0;
  int64_t column = 0;
  const auto first = std::from_chars(rest.data(), rest.data() + rest.size(), line);
  if (first.ec != std::errc() || first.ptr == rest.data() + rest.size() || *first.ptr != ':') {
    return std::nullopt;
  }
  const auto second = std::from_chars(first.ptr + 1, rest.data() + rest.size(), column);
  if (second.ec != std::errc()) return std::nullopt;
  return sql_text::PlaceOf(text, line, column - 1);
}

/// Cut between characters.
std::string Cut(std::string_view text, size_t most) {
  if (text.size() > most) {
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  }
  return std::string(text.substr(0, most));
}

Error Make(ErrorKind kind, std::string_view code, std::string message) {
  return Error(kind, std::string(code), std::move(message))
      .WithStage("query")
      .WithConnector("bigquery");
}

}  // namespace

Failure ReadErrorProto(const json::object& proto) {
  return {.http_status = 0,
          .reason = std::string(GetString(proto, "reason")),
          .message = std::string(GetString(proto, "message"))};
}

Failure ReadFailure(int http_status, std::string_view body) {
  Failure out{.http_status = http_status, .reason = {}, .message = {}};
  const Result<json::value> document = ParseJson(body);
  const auto* object = document ? document->if_object() : nullptr;
  const auto* found = object ? object->if_contains("error") : nullptr;
  const auto* error = found ? found->if_object() : nullptr;
  if (error == nullptr) return out;
  out.message = GetString(*error, "message");
  const auto read = [&](std::string_view list) {
    const auto* each = error->if_contains(list);
    if (!out.reason.empty() || each == nullptr || !each->is_array()) return;
    for (const auto& item : each->get_array()) {
      if (!out.reason.empty() || !item.is_object()) continue;
      out.reason = GetString(item.get_object(), "reason");
    }
  };
  read("errors");
  read("details");
  return out;
}

Error FromFailure(const Failure& failure, std::string_view text) {
  const Row row = FindRow(failure);
  std::string message = Cut(failure.message, 1000);
  if (row.code == "login.token_refused") message = "The service does not accept the access token";
  if (message.empty()) message = fmt::format("BigQuery gives no reason");
  Error error = Make(row.kind, row.code, std::move(message)).WithStage(row.stage);
  error.WithVendorCode(failure.reason.empty() ? fmt::format("HTTP {}", failure.http_status)
                                              : Cut(failure.reason, 60));
  if (const auto position = PositionOf(failure.message, text)) {
    error.WithDetail("position", *position);
  }
  if (row.kind == kAway) error.WithAction(Action::kRetry);
  return error;
}

bool IsPassing(const Failure& failure) {
  const Row row = FindRow(failure);
  return row.code == "service.busy" || row.code == "service.unavailable";
}

Error ReadOnly(std::string_view statement_type) {
  if (statement_type.empty()) {
    return Make(kDenied, "query.read_only",
                "The connection is read-only: this statement is not known to only read");
  }
  return Make(kDenied, "query.read_only",
              fmt::format("The connection is read-only, and BigQuery calls this statement {}",
                          Cut(statement_type, 60)));
}

Error Malformed(std::string_view what) {
  return Make(kAway, "response.malformed",
              fmt::format("The answer is not that of BigQuery: {}", what));
}

Error UndefinedTable(std::string_view path) {
  return Make(kMissing, "query.undefined_table", fmt::format("Nothing is at '{}'", Cut(path, 300)));
}

Error NotExact(std::string_view column, std::string_view why) {
  return Make(kInput, "result.value_not_exact",
              fmt::format("Column '{}': {}", Cut(column, 200), why))
      .WithDetail("column", Cut(column, 200));
}

}  // namespace nstarx::connectors::bigquery
