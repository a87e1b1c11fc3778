#include "connectors/databricks/databricks_errors.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "connectors/sql_text/places.h"

namespace nstarx::connectors::databricks {
namespace {

struct Row {
  std::string_view condition;  ///< an error condition begins with it
  ErrorKind kind;
  std::string_view code;
};

constexpr Row kConditions[] = {
    {"PARSE_", ErrorKind::kInvalidArgument, "query.syntax_error"},
    {"TABLE_OR_VIEW_NOT_FOUND", ErrorKind::kNotFound, "query.undefined_table"},
    {"SCHEMA_NOT_FOUND", ErrorKind::kNotFound, "query.undefined_schema"},
    {"NO_SUCH_CATALOG_EXCEPTION", ErrorKind::kNotFound, "query.undefined_schema"},
    {"CATALOG_NOT_FOUND", ErrorKind::kNotFound, "query.undefined_schema"},
    {"UNRESOLVED_COLUMN", ErrorKind::kNotFound, "query.undefined_column"},
    {"UNRESOLVED_ROUTINE", ErrorKind::kNotFound, "query.undefined_function"},
    {"INSUFFICIENT_PERMISSIONS", ErrorKind::kPermissionDenied, "query.no_privilege"},
    {"UNBOUND_SQL_PARAMETER", ErrorKind::kInvalidArgument, "query.parameter_count"},
    {"TABLE_OR_VIEW_ALREADY_EXISTS", ErrorKind::kAlreadyExists, "query.already_exists"},
    {"DIVIDE_BY_ZERO", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"CAST_", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"DATATYPE_MISMATCH", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"ARITHMETIC_OVERFLOW", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"NUMERIC_VALUE_OUT_OF_RANGE", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"DELTA_CONCURRENT", ErrorKind::kConflict, "query.write_conflict"},
};

/// What engines behind compatible services write instead of a condition.
constexpr Row kPhrases[] = {
    {"Parser Error", ErrorKind::kInvalidArgument, "query.syntax_error"},
    {"Catalog Error: Table with name", ErrorKind::kNotFound, "query.undefined_table"},
    {"does not have permission", ErrorKind::kPermissionDenied, "query.no_privilege"},
};

constexpr Row kApiCodes[] = {
    {"PERMISSION_DENIED", ErrorKind::kPermissionDenied, "query.no_privilege"},
    {"REQUEST_LIMIT_EXCEEDED", ErrorKind::kResourceExhausted, "service.busy"},
    {"RESOURCE_EXHAUSTED", ErrorKind::kResourceExhausted, "service.busy"},
    {"TEMPORARILY_UNAVAILABLE", ErrorKind::kUnavailable, "service.unavailable"},
    {"SERVICE_UNDER_MAINTENANCE", ErrorKind::kUnavailable, "service.unavailable"},
    {"DEADLINE_EXCEEDED", ErrorKind::kDeadlineExceeded, "query.timeout"},
    {"CANCELLED", ErrorKind::kCancelled, "query.cancelled"},
};

bool Says(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// "[TABLE_OR_VIEW_NOT_FOUND] The table …" or "[UNRESOLVED_COLUMN.WITH_SUGGESTION] …".
std::string_view ConditionOf(std::string_view message) {
  const size_t begin = message.find('[');
  if (begin == std::string_view::npos) return {};
  const size_t end = message.find(']', begin);
  if (end == std::string_view::npos) return {};
  const std::string_view inside = message.substr(begin + 1, end - begin - 1);
  constexpr std::string_view kSigns = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
  return inside.size() > 3 && inside.find_first_not_of(kSigns) == std::string_view::npos
             ? inside
             : std::string_view();
}

/// "(line 1, pos 9)": lines from 1, characters from 0. The place in the statement, from 1.
std::optional<int64_t> PositionOf(std::string_view message, std::string_view text) {
  const size_t at = message.rfind("(line ");
  if (at == std::string_view::npos) return std::nullopt;
  const auto line = sql_text::NumberBehind(message.substr(at), "(line ");
  const auto column = sql_text::NumberBehind(message.substr(at), ", pos ");
  if (!line || !column) return std::nullopt;
  return sql_text::PlaceOf(text, *line, *column);
}

std::string SqlstateIn(std::string_view message) {
  const size_t at = message.rfind("SQLSTATE: ");
  if (at == std::string_view::npos) return {};
  const std::string_view state = message.substr(at + 10, 5);
  constexpr std::string_view kSigns = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  return state.size() == 5 && state.find_first_not_of(kSigns) == std::string_view::npos
             ? std::string(state)
             : std::string();
}

Error Make(ErrorKind kind, std::string_view code, std::string_view message) {
  return Error(kind, std::string(code),
               message.empty() ? std::string("Databricks gives no reason")
                               : std::string(message.substr(0, 1000)))
      .WithStage("query")
      .WithConnector("databricks");
}

Error OfMessage(std::string_view error_code, std::string_view message, std::string_view condition) {
  for (const Row& row : kConditions) {
    if (condition.starts_with(row.condition)) return Make(row.kind, row.code, message);
  }
  for (const Row& row : kPhrases) {
    if (Says(message, row.condition)) return Make(row.kind, row.code, message);
  }
  if (Says(message, "arehouse") || Says(message, "endpoint")) {
    if (Says(message, "not found") || Says(message, "does not exist") ||
        Says(message, "not a valid endpoint id")) {
      return Make(ErrorKind::kNotFound, "warehouse.not_found", message);
    }
    if (Says(message, "stopped") || Says(message, "is not running")) {
      return Make(ErrorKind::kUnavailable, "warehouse.stopped", message);
    }
  }
  for (const Row& row : kApiCodes) {
    if (error_code == row.condition) return Make(row.kind, row.code, message);
  }
  return Make(ErrorKind::kInvalidArgument, "query.failed", message);
}

}  // namespace

Error FromStatementError(std::string_view error_code, std::string_view message,
                         std::string_view sqlstate, std::string_view text) {
  const std::string_view condition = ConditionOf(message);
  Error error = OfMessage(error_code, message, condition);
  error.WithVendorCode(std::string(condition.empty() ? error_code : condition).substr(0, 100));
  std::string state(sqlstate);
  if (state.empty()) state = SqlstateIn(message);
  if (!state.empty()) error.WithSqlstate(state.substr(0, 5));
  if (const auto position = PositionOf(message, text)) error.WithDetail("position", *position);
  return error;
}

Error FromHttpFailure(int status, std::string_view body, std::string_view text) {
  const Result<json::value> document = ParseJson(body);
  const auto* object = document ? document->if_object() : nullptr;
  const std::string error_code(object ? GetString(*object, "error_code") : std::string_view());
  const std::string message(object ? GetString(*object, "message") : std::string_view());
  const std::string vendor =
      error_code.empty() ? fmt::format("HTTP {}", status) : error_code.substr(0, 100);
  if (status == 401 || (status == 403 && Says(message, "nvalid access token"))) {
    const bool old = Says(message, "expired");
    return Error(ErrorKind::kUnauthenticated, old ? "login.token_expired" : "login.token_refused",
                 old ? "The access token has run out" : "Databricks refuses the access token")
        .WithStage("login")
        .WithConnector("databricks")
        .WithVendorCode(vendor);
  }
  if (status == 429) return Make(ErrorKind::kResourceExhausted, "service.busy", message);
  if (status >= 500 && status != 501) {
    return Make(ErrorKind::kUnavailable, "service.unavailable", message).WithVendorCode(vendor);
  }
  if (status == 403 && ConditionOf(message).empty()) {
    return Make(ErrorKind::kPermissionDenied, "query.no_privilege", message).WithVendorCode(vendor);
  }
  Error error = FromStatementError(error_code, message, {}, text);
  if (error.vendor_code().empty()) error.WithVendorCode(vendor);
  return error;
}

Error ReadOnly(std::string_view what) {
  return Make(ErrorKind::kPermissionDenied, "query.read_only",
              fmt::format("The connection is read-only: {} is not known to only read", what));
}

Error Malformed(std::string_view what) {
  return Make(ErrorKind::kUnavailable, "response.malformed",
              fmt::format("The service's answer can not be read: {}", what));
}

}  // namespace nstarx::connectors::databricks
