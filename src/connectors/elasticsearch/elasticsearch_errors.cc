#include "connectors/elasticsearch/elasticsearch_errors.h"

#include <fmt/format.h>

namespace nstarx::connectors::elasticsearch {
namespace {

struct Row {
  std::string_view type;
  ErrorKind kind;
  std::string_view code;
};
constexpr Row kRows[] = {
    {"index_not_found_exception", ErrorKind::kNotFound, "query.undefined_table"},
    {"index_closed_exception", ErrorKind::kConflict, "query.index_closed"},
    {"resource_already_exists_exception", ErrorKind::kAlreadyExists, "ingest.table_exists"},
    {"invalid_index_name_exception", ErrorKind::kInvalidArgument, "query.invalid_name"},
    {"parsing_exception", ErrorKind::kInvalidArgument, "query.syntax_error"},
    {"x_content_parse_exception", ErrorKind::kInvalidArgument, "query.syntax_error"},
    {"json_parse_exception", ErrorKind::kInvalidArgument, "query.syntax_error"},
    {"named_object_not_found_exception", ErrorKind::kInvalidArgument, "query.syntax_error"},
    {"query_shard_exception", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"mapper_parsing_exception", ErrorKind::kInvalidArgument, "ingest.value_refused"},
    {"document_parsing_exception", ErrorKind::kInvalidArgument, "ingest.value_refused"},
    {"strict_dynamic_mapping_exception", ErrorKind::kInvalidArgument, "ingest.value_refused"},
    {"version_conflict_engine_exception", ErrorKind::kConflict, "ingest.conflict"},
    {"illegal_argument_exception", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"script_exception", ErrorKind::kInvalidArgument, "query.script_failed"},
    {"search_context_missing_exception", ErrorKind::kUnavailable, "query.cursor_expired"},
    {"task_cancelled_exception", ErrorKind::kCancelled, "query.cancelled"},
    {"timeout_exception", ErrorKind::kDeadlineExceeded, "query.timeout"},
    {"process_cluster_event_timeout_exception", ErrorKind::kDeadlineExceeded, "query.timeout"},
    {"query_phase_execution_exception", ErrorKind::kUnavailable, "query.failed"},
    {"circuit_breaking_exception", ErrorKind::kResourceExhausted, "query.out_of_memory"},
    {"es_rejected_execution_exception", ErrorKind::kResourceExhausted, "query.too_busy"},
    {"opensearch_rejected_execution_exception", ErrorKind::kResourceExhausted, "query.too_busy"},
    {"rejected_execution_exception", ErrorKind::kResourceExhausted, "query.too_busy"},
    {"cluster_block_exception", ErrorKind::kPermissionDenied, "query.index_blocked"},
    {"too_many_buckets_exception", ErrorKind::kResourceExhausted, "query.too_many_buckets"},
    {"master_not_discovered_exception", ErrorKind::kUnavailable, "service.unavailable"},
    {"cluster_manager_not_discovered_exception", ErrorKind::kUnavailable, "service.unavailable"},
    {"no_shard_available_action_exception", ErrorKind::kUnavailable, "service.unavailable"},
};

/// The type and reason that say most: the innermost cause of the first shard, else the outermost.
struct Cause {
  std::string type;
  std::string reason;
};

Cause CauseOf(const json::object& error) {
  const json::object* found = &error;
  if (const auto* roots = error.if_contains("root_cause"); roots && roots->is_array() &&
                                                           !roots->get_array().empty() &&
                                                           roots->get_array()[0].is_object()) {
    found = &roots->get_array()[0].get_object();
  }
  Cause cause{std::string(GetString(*found, "type")), std::string(GetString(*found, "reason"))};
  const json::object* inner = &error;
  for (int depth = 0; depth < 8; ++depth) {
    const auto* next = inner->if_contains("caused_by");
    if (next == nullptr || !next->is_object()) break;
    inner = &next->get_object();
  }
  const std::string_view reason = inner == &error ? "" : GetString(*inner, "reason");
  if (!reason.empty() && !cause.reason.contains(reason)) {
    cause.reason += fmt::format("{}{}", cause.reason.empty() ? "" : ": ", reason);
  }
  return cause;
}

Error Named(int status, const Cause& cause, std::string_view stage) {
  const auto make = [&](ErrorKind kind, std::string_view code) {
    Error error =
        Failed(kind, code,
               cause.reason.empty() ? fmt::format("The server answers with status {}", status)
                                    : cause.reason,
               stage);
    error.WithVendorCode(cause.type.empty() ? fmt::format("{}", status) : cause.type);
    return error;
  };
  if (status == 401) {
    return make(ErrorKind::kUnauthenticated, "login.wrong_password").WithStage("login");
  }
  for (const Row& row : kRows) {
    if (row.type != cause.type) continue;
    // A search whose time ran out is an illegal argument to nobody.
    if (cause.reason.contains("Time exceeded")) break;
    if (cause.reason.contains("no such index")) break;
    return make(row.kind, row.code);
  }
  if (cause.reason.contains("Time exceeded")) {
    return make(ErrorKind::kDeadlineExceeded, "query.timeout");
  }
  if (status == 403) return make(ErrorKind::kPermissionDenied, "query.no_privilege");
  if (status == 404) return make(ErrorKind::kNotFound, "query.undefined_table");
  if (status == 408 || status == 504) return make(ErrorKind::kDeadlineExceeded, "query.timeout");
  if (status == 413) return make(ErrorKind::kResourceExhausted, "query.request_too_large");
  if (status == 429) return make(ErrorKind::kResourceExhausted, "query.too_busy");
  if (status == 502 || status == 503) return make(ErrorKind::kUnavailable, "service.unavailable");
  if (status >= 300 && status < 400) return make(ErrorKind::kUnavailable, "response.malformed");
  if (status < 500) return make(ErrorKind::kInvalidArgument, "query.bad_value");
  return make(ErrorKind::kUnavailable, "query.failed");
}

}  // namespace

Error Failed(ErrorKind kind, std::string_view code, std::string message, std::string_view stage) {
  return Error(kind, std::string(code), std::move(message))
      .WithStage(stage)
      .WithConnector("elasticsearch");
}

Error FailureSaid(int status, const json::value& error, std::string_view stage) {
  if (error.is_object()) return Named(status, CauseOf(error.get_object()), stage);
  Cause cause;
  if (error.is_string()) cause.reason = error.get_string();
  return Named(status, cause, stage);
}

Error FailureOf(int status, std::string_view body, std::string_view stage) {
  boost::system::error_code broken;
  const json::value reply = json::parse(json::string_view(body.data(), body.size()), broken);
  if (!broken && reply.is_object()) {
    const json::object& answer = reply.get_object();
    if (const auto* error = answer.if_contains("error")) return FailureSaid(status, *error, stage);
    // The security plugins' and proxies' way.
    if (const auto* message = answer.if_contains("message"); message && message->is_string()) {
      return FailureSaid(status, *message, stage);
    }
  }
  return Named(status, {}, stage);
}

Status CheckWhole(std::string_view shards, bool timed_out) {
  if (timed_out) {
    return Failed(ErrorKind::kDeadlineExceeded, "query.timeout",
                  "The search ran out of its time; what it found until then is not all");
  }
  if (shards.empty()) return {};
  NSTARX_TRY(const json::value value, ReadReply(shards));
  if (!value.is_object()) return {};
  const json::object& counts = value.get_object();
  const int64_t failed = GetInt(counts, "failed", 0);
  if (failed == 0) return {};
  std::string why;
  if (const auto* failures = counts.if_contains("failures"); failures && failures->is_array() &&
                                                             !failures->get_array().empty() &&
                                                             failures->get_array()[0].is_object()) {
    const auto* reason = failures->get_array()[0].get_object().if_contains("reason");
    if (reason && reason->is_object()) why = ": " + CauseOf(reason->get_object()).reason;
  }
  return Failed(ErrorKind::kUnavailable, "query.partial_result",
                fmt::format("{} of {} shards failed{}", failed, GetInt(counts, "total", 0), why))
      .WithAction(Action::kRetry);
}

Result<json::value> ReadReply(std::string_view body) {
  json::parse_options options;
  options.max_depth = 256;
  boost::system::error_code broken;
  json::value value = json::parse(json::string_view(body.data(), body.size()), broken, {}, options);
  if (broken) {
    return Failed(ErrorKind::kUnavailable, "response.malformed", "The server's answer is not JSON");
  }
  return value;
}

}  // namespace nstarx::connectors::elasticsearch
