#include "connectors/snowflake/snowflake_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "connectors/sql_text/places.h"

namespace nstarx::connectors::snowflake {
namespace {

struct Row {
  std::string_view code;  ///< the service's, six digits
  ErrorKind kind;
  std::string_view ours;
};

constexpr Row kLogin[] = {
    {"390100", ErrorKind::kUnauthenticated, "login.wrong_password"},
    {"390101", ErrorKind::kUnauthenticated, "login.user_disabled"},
    {"390102", ErrorKind::kUnauthenticated, "login.user_locked"},
    {"390144", ErrorKind::kUnauthenticated, "login.jwt_invalid"},
    {"390189", ErrorKind::kNotFound, "login.role_not_found"},
    {"390201", ErrorKind::kNotFound, "login.object_not_found"},
    {"390303", ErrorKind::kUnauthenticated, "login.token_refused"},
    {"390309", ErrorKind::kUnauthenticated, "login.token_of_another"},
    {"390317", ErrorKind::kUnauthenticated, "login.role_not_in_token"},
    {"390318", ErrorKind::kUnauthenticated, "login.token_expired"},
    {"390420", ErrorKind::kPermissionDenied, "login.network_policy"},
    {"390422", ErrorKind::kPermissionDenied, "login.network_policy"},
    {"390432", ErrorKind::kPermissionDenied, "login.network_policy_required"},
    {"390104", ErrorKind::kUnavailable, "session.expired"},
    {"390111", ErrorKind::kUnavailable, "session.expired"},
    {"390112", ErrorKind::kUnavailable, "session.expired"},
    {"390113", ErrorKind::kUnavailable, "session.expired"},
    {"390114", ErrorKind::kUnavailable, "session.expired"},
    {"390115", ErrorKind::kUnavailable, "session.expired"},
};

/// Where the service's codes are many, or not published: what it says.
constexpr Row kLoginPhrases[] = {
    {"is not allowed to access Snowflake", ErrorKind::kPermissionDenied, "login.network_policy"},
    {"etwork policy is required", ErrorKind::kPermissionDenied, "login.network_policy_required"},
    {"MFA", ErrorKind::kUnauthenticated, "login.mfa_required"},
    {"ulti-factor", ErrorKind::kUnauthenticated, "login.mfa_required"},
    {"assword has expired", ErrorKind::kUnauthenticated, "login.password_expired"},
    {"temporarily locked", ErrorKind::kUnauthenticated, "login.user_locked"},
    {"JWT token is invalid", ErrorKind::kUnauthenticated, "login.jwt_invalid"},
    {"ccess token has expired", ErrorKind::kUnauthenticated, "login.token_expired"},
    {"ccess token expired", ErrorKind::kUnauthenticated, "login.token_expired"},
    {"ccess token is invalid", ErrorKind::kUnauthenticated, "login.token_refused"},
    {"nvalid OAuth access token", ErrorKind::kUnauthenticated, "login.token_refused"},
};

constexpr Row kStatement[] = {
    {"001003", ErrorKind::kInvalidArgument, "query.syntax_error"},
    {"002003", ErrorKind::kNotFound, "query.undefined_table"},
    {"002043", ErrorKind::kNotFound, "query.undefined_table"},
    {"000904", ErrorKind::kNotFound, "query.undefined_column"},
    {"002140", ErrorKind::kNotFound, "query.undefined_function"},
    {"002141", ErrorKind::kNotFound, "query.undefined_function"},
    {"002002", ErrorKind::kAlreadyExists, "query.already_exists"},
    {"003001", ErrorKind::kPermissionDenied, "query.no_privilege"},
    {"000606", ErrorKind::kInvalidArgument, "warehouse.none_active"},
    {"090073", ErrorKind::kResourceExhausted, "warehouse.suspended"},
    {"090105", ErrorKind::kInvalidArgument, "query.no_database"},
    {"090106", ErrorKind::kInvalidArgument, "query.no_database"},
    {"000008", ErrorKind::kInvalidArgument, "query.multiple_statements"},
    {"002049", ErrorKind::kInvalidArgument, "query.parameter_count"},
    {"100072", ErrorKind::kInvalidArgument, "query.constraint_violation"},
    {"000625", ErrorKind::kConflict, "query.write_conflict"},
    {"000603", ErrorKind::kUnavailable, "service.unavailable"},
    {"000604", ErrorKind::kCancelled, "query.cancelled"},
    {"000630", ErrorKind::kDeadlineExceeded, "query.timeout"},
    {"100035", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"100037", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"100038", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"100039", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"100040", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"100046", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"100051", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"100069", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"100071", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"100078", ErrorKind::kInvalidArgument, "query.bad_value"},
    {"100132", ErrorKind::kInvalidArgument, "query.bad_value"},
};

bool Says(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

template <size_t size>
const Row* FindCode(const Row (&rows)[size], std::string_view code) {
  const auto* found = std::ranges::find(rows, code, &Row::code);
  return found == std::end(rows) ? nullptr : found;
}

const Row* FindRow(std::string_view code, std::string_view message) {
  if (const Row* row = FindCode(kStatement, code)) return row;
  if (const Row* row = FindCode(kLogin, code)) return row;
  if (!code.starts_with("39")) return nullptr;
  for (const Row& row : kLoginPhrases) {
    if (Says(message, row.code)) return &row;
  }
  return nullptr;
}

/// "syntax error line 1 at position 9 …": lines from 1, characters from 0. The place in the
/// statement, from 1.
std::optional<int64_t> PositionOf(std::string_view message, std::string_view text) {
  const size_t at = message.find("error line ");
  if (at == std::string_view::npos) return std::nullopt;
  const auto line = sql_text::NumberBehind(message.substr(at), "error line ");
  const auto column = sql_text::NumberBehind(message.substr(at), " at position ");
  if (!line || !column) return std::nullopt;
  return sql_text::PlaceOf(text, *line, *column);
}

Error Make(ErrorKind kind, std::string_view code, std::string_view message) {
  return Error(kind, std::string(code),
               message.empty() ? std::string("Snowflake gives no reason")
                               : std::string(message.substr(0, 1000)))
      .WithStage("query")
      .WithConnector("snowflake");
}

}  // namespace

bool IsExpired(std::string_view code) { return code == "390112"; }

bool IsGone(std::string_view code) {
  const Row* row = FindCode(kLogin, code);
  return row != nullptr && row->ours == "session.expired";
}

Error FromFailure(const json::object& answer, std::string_view text) {
  std::string_view code = GetString(answer, "code");
  const std::string_view message = GetString(answer, "message");
  const auto* data = answer.if_contains("data");
  static const json::object kEmpty;
  const json::object& details = data && data->is_object() ? data->get_object() : kEmpty;
  if (code.empty()) code = GetString(details, "errorCode");
  const Row* row = FindRow(code, message);
  const bool login = code.starts_with("39");
  Error error = row != nullptr
                    ? Make(row->kind, row->ours, message)
                    : Make(login ? ErrorKind::kUnauthenticated : ErrorKind::kInvalidArgument,
                           login ? "login.refused" : "query.failed", message);
  if (login && error.code().starts_with("login.")) error.WithStage("login");
  if (!code.empty()) error.WithVendorCode(std::string(code.substr(0, 20)));
  const std::string_view state = GetString(details, "sqlState");
  if (!state.empty()) error.WithSqlstate(std::string(state.substr(0, 5)));
  const std::string_view id = GetString(details, "queryId");
  if (!id.empty()) error.WithDetail("query_id", id.substr(0, 100));
  if (const auto position = PositionOf(message, text)) error.WithDetail("position", *position);
  return error;
}

Error FromHttpFailure(int status, std::string_view path) {
  const std::string vendor = fmt::format("HTTP {}", status);
  const bool login = path.starts_with("/session/v1/login");
  if (login && (status == 400 || status == 403 || status == 404)) {
    return Error(ErrorKind::kNotFound, "login.unknown_account",
                 "Nothing answers under this account identifier")
        .WithStage("login")
        .WithConnector("snowflake")
        .WithVendorCode(vendor);
  }
  if (status == 429) {
    return Make(ErrorKind::kResourceExhausted, "service.busy", "Snowflake asks to come later")
        .WithVendorCode(vendor);
  }
  if (status >= 500) {
    return Make(ErrorKind::kUnavailable, "service.unavailable", "Snowflake failed inside")
        .WithVendorCode(vendor);
  }
  return Malformed(fmt::format("status {}", status)).WithVendorCode(vendor);
}

Error ReadOnly() {
  return Make(ErrorKind::kPermissionDenied, "query.read_only",
              "The connection is read-only: this statement is not known to only read");
}

Error Malformed(std::string_view what) {
  return Make(ErrorKind::kUnavailable, "response.malformed",
              fmt::format("The service's answer can not be read: {}", what));
}

Error UndefinedTable(std::string_view path) {
  return Make(ErrorKind::kNotFound, "query.undefined_table",
              fmt::format("There is no table '{}'", path.substr(0, 300)));
}

Error NotExact(std::string_view column, std::string_view why) {
  return Make(ErrorKind::kInvalidArgument, "result.value_not_exact",
              fmt::format("Column '{}': {}", column.substr(0, 200), why))
      .WithDetail("column", column.substr(0, 200));
}

}  // namespace nstarx::connectors::snowflake
