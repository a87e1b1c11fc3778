#include "connectors/postgresql/postgres_errors.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace nstarx::connectors::postgresql {
namespace {

using enum ErrorKind;

constexpr auto kTable = std::to_array<SqlstateRow>({
    {"08P01", kInternal, "connection.protocol_violation"},
    {"0A000", kInvalidArgument, "query.not_supported"},
    {"21000", kInvalidArgument, "query.too_many_rows"},
    {"22003", kInvalidArgument, "query.value_out_of_range"},
    {"22008", kInvalidArgument, "query.value_out_of_range"},
    {"22012", kInvalidArgument, "query.division_by_zero"},
    {"23502", kInvalidArgument, "query.constraint_violation"},
    {"23503", kConflict, "query.constraint_violation"},
    {"23505", kAlreadyExists, "query.constraint_violation"},
    {"23514", kInvalidArgument, "query.constraint_violation"},
    {"23P01", kConflict, "query.constraint_violation"},
    {"25006", kPermissionDenied, "query.read_only"},
    {"25P02", kConflict, "query.transaction_failed"},
    {"25P03", kDeadlineExceeded, "query.transaction_timeout"},
    {"28000", kUnauthenticated, "login.refused"},
    {"28P01", kUnauthenticated, "login.wrong_password"},
    {"3D000", kNotFound, "login.unknown_database"},
    {"3F000", kNotFound, "query.undefined_schema"},
    {"40001", kConflict, "query.serialization_failure"},
    {"40003", kUnavailable, "query.outcome_unknown"},
    {"40P01", kConflict, "query.deadlock"},
    {"42501", kPermissionDenied, "query.no_privilege"},
    {"42601", kInvalidArgument, "query.syntax_error"},
    {"42602", kInvalidArgument, "query.syntax_error"},
    {"42622", kInvalidArgument, "query.syntax_error"},
    {"42702", kInvalidArgument, "query.ambiguous_column"},
    {"42703", kInvalidArgument, "query.undefined_column"},
    {"42704", kInvalidArgument, "query.undefined_object"},
    {"42723", kAlreadyExists, "query.duplicate_object"},
    {"42725", kInvalidArgument, "query.undefined_function"},
    {"42803", kInvalidArgument, "query.grouping_error"},
    {"42804", kInvalidArgument, "query.wrong_type"},
    {"42846", kInvalidArgument, "query.wrong_type"},
    {"42883", kInvalidArgument, "query.undefined_function"},
    {"42939", kInvalidArgument, "query.reserved_name"},
    {"42P01", kNotFound, "query.undefined_table"},
    {"42P02", kInvalidArgument, "query.undefined_parameter"},
    {"42P04", kAlreadyExists, "query.duplicate_object"},
    {"42P06", kAlreadyExists, "query.duplicate_object"},
    {"42P07", kAlreadyExists, "query.duplicate_object"},
    {"42P18", kInvalidArgument, "query.undetermined_parameter_type"},
    {"42701", kAlreadyExists, "query.duplicate_object"},
    {"42710", kAlreadyExists, "query.duplicate_object"},
    {"53100", kResourceExhausted, "query.disk_full"},
    {"53200", kResourceExhausted, "query.out_of_memory"},
    {"53300", kResourceExhausted, "login.too_many_connections"},
    {"53400", kResourceExhausted, "query.server_limit"},
    {"54001", kInvalidArgument, "query.too_complex"},
    {"55P03", kUnavailable, "query.lock_timeout"},
    {"57014", kCancelled, "query.cancelled"},
    {"57P01", kUnavailable, "connection.lost"},
    {"57P02", kUnavailable, "connection.lost"},
    {"57P03", kUnavailable, "login.starting_up"},
    {"57P04", kUnavailable, "connection.lost"},
    {"57P05", kUnavailable, "connection.lost"},
    {"08", kUnavailable, "connection.lost"},
    {"0L", kPermissionDenied, "query.no_privilege"},
    {"0P", kPermissionDenied, "query.no_privilege"},
    {"22", kInvalidArgument, "query.bad_value"},
    {"23", kConflict, "query.constraint_violation"},
    {"25", kConflict, "query.transaction_failed"},
    {"28", kUnauthenticated, "login.refused"},
    {"2B", kConflict, "query.still_in_use"},
    {"40", kConflict, "query.serialization_failure"},
    {"42", kInvalidArgument, "query.invalid_statement"},
    {"44", kConflict, "query.constraint_violation"},
    {"53", kResourceExhausted, "query.server_limit"},
    {"54", kInvalidArgument, "query.too_complex"},
    {"55", kConflict, "query.object_in_use"},
    {"58", kUnavailable, "query.server_failed"},
    {"P0", kInvalidArgument, "query.raised_by_function"},
    {"XX", kDataLoss, "query.server_failed"},
    {"", kInvalidArgument, "query.failed"},
});

/// A byte offset as characters, lines and columns, all from 1.
struct Place {
  int64_t position = 1;
  int64_t line = 1;
  int64_t column = 1;
};

/// The place `characters` after the byte `offset` of `text`.
Place PlaceOf(std::string_view text, size_t offset, int64_t characters) {
  Place place;
  int64_t passed = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    bool starts_character = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (!starts_character) continue;
    if (i >= offset && passed++ == characters) break;
    ++place.position;
    ++place.column;
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    }
  }
  return place;
}

void AddText(Error& error, std::string_view key, const std::string& value) {
  if (!value.empty()) error.WithDetail(key, value);
}

/// "FATAL:  28P01: message" as (sqlstate, message); an empty state when it is not a server's.
std::pair<std::string_view, std::string_view> SplitVerbose(std::string_view text) {
  for (size_t at = text.find(":  "); at != std::string_view::npos; at = text.find(":  ", at + 1)) {
    std::string_view rest = text.substr(at + 3);
    if (rest.size() < 7 || rest[5] != ':' || rest[6] != ' ') continue;
    bool state = true;
    for (char c : rest.substr(0, 5))
      state = state && ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'));
    if (!state) continue;
    std::string_view message = rest.substr(7);
    return {rest.substr(0, 5), message.substr(0, message.find('\n'))};
  }
  return {{}, text.substr(0, text.find('\n'))};
}

}  // namespace

std::span<const SqlstateRow> SqlstateTable() { return kTable; }

const SqlstateRow& RowOfSqlstate(std::string_view sqlstate) {
  for (const SqlstateRow& row : kTable) {
    if (row.sqlstate == sqlstate) return row;
    if (row.sqlstate.size() == 2 && sqlstate.starts_with(row.sqlstate)) return row;
  }
  return kTable.back();
}

ServerError ParseServerError(std::string_view body) {
  ServerError error;
  while (!body.empty() && body.front() != '\0') {
    char field = body.front();
    size_t end = body.find('\0', 1);
    std::string_view value = body.substr(1, end == std::string_view::npos ? end : end - 1);
    switch (field) {
      case 'C':
        error.sqlstate = value;
        break;
      case 'M':
        error.message = value;
        break;
      case 'D':
        error.detail = value;
        break;
      case 'H':
        error.hint = value;
        break;
      case 's':
        error.schema = value;
        break;
      case 't':
        error.table = value;
        break;
      case 'c':
        error.column = value;
        break;
      case 'n':
        error.constraint = value;
        break;
      case 'P':
        std::from_chars(value.data(), value.data() + value.size(), error.position);
        break;
      default:
        break;
    }
    if (end == std::string_view::npos) break;
    body.remove_prefix(end + 1);
  }
  return error;
}

Error QueryError(const ServerError& server, std::string_view text, size_t offset) {
  const SqlstateRow& row = RowOfSqlstate(server.sqlstate);
  ErrorKind kind = row.kind;
  std::string code(row.code);
  // One SQLSTATE for two causes: only the (never translated) words of the setting tell them apart.
  if (server.sqlstate == "57014" && server.message.find("timeout") != std::string::npos) {
    kind = kDeadlineExceeded;
    code = "query.timeout";
  }
  Error error(kind, std::move(code),
              server.message.empty() ? "the server refused the statement" : server.message);
  error.WithStage("query").WithSqlstate(server.sqlstate).WithConnector("postgresql");
  if (!server.hint.empty()) error.WithHint(server.hint);
  AddText(error, "schema", server.schema);
  AddText(error, "table", server.table);
  AddText(error, "column_name", server.column);
  AddText(error, "constraint", server.constraint);
  // A constraint's detail shows the row's values: they stay with the server.
  if (!server.sqlstate.starts_with("23") && !server.sqlstate.starts_with("22")) {
    AddText(error, "server_detail", server.detail);
  }
  if (server.position > 0 && !text.empty()) {
    Place place = PlaceOf(text, offset, server.position - 1);
    error.WithDetail("position", place.position);
    error.WithDetail("line", place.line);
    error.WithDetail("column", place.column);
  }
  return error;
}

Error LoginError(std::string_view libpq_message) {
  auto [sqlstate, message] = SplitVerbose(libpq_message);
  if (sqlstate.empty()) {
    return Unavailable("connection.failed", fmt::format("the login did not finish: {}", message))
        .WithConnector("postgresql");
  }
  const SqlstateRow& row = RowOfSqlstate(sqlstate);
  ErrorKind kind = row.kind;
  std::string_view code = row.code;
  if (code == "query.no_privilege") code = "login.no_privilege";
  if (sqlstate == "28000" && message.find("does not exist") != std::string_view::npos) {
    code = "login.unknown_user";
  }
  // PgBouncer has one SQLSTATE for every refusal.
  if (sqlstate == "08P01" && message.find("authentication failed") != std::string_view::npos) {
    kind = ErrorKind::kUnauthenticated;
    code = "login.wrong_password";
  } else if (sqlstate == "08P01" && message.find("no such database") != std::string_view::npos) {
    kind = ErrorKind::kNotFound;
    code = "login.unknown_database";
  }
  if (!code.starts_with("login.") && !code.starts_with("connection.")) code = "login.refused";
  Error error(kind, std::string(code), std::string(message));
  return error.WithStage("login").WithSqlstate(std::string(sqlstate)).WithConnector("postgresql");
}

}  // namespace nstarx::connectors::postgresql
