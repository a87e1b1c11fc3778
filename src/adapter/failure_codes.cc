#include "adapter/failure_codes.h"

#include <arrow-adbc/adbc.h>

namespace nstarx::adapter {
namespace {

constexpr CodeRow kCodes[] = {
    {"login.wrong_password", ErrorKind::kUnauthenticated,
     "Check the connection's user and password."},
    {"login.forbidden", ErrorKind::kPermissionDenied, "Ask for the right to log in."},
    {"login.failed", ErrorKind::kUnavailable,
     "Check the address, the login and the options in the adapter's spec.json."},
    {"tcp.refused", ErrorKind::kUnavailable, "Check that the system runs, and its port."},
    {"tcp.timeout", ErrorKind::kUnavailable, "Check the address, and firewalls on the way."},
    {"dns.not_found", ErrorKind::kUnavailable, "Check the spelling of the host."},
    {"tls.handshake_failed", ErrorKind::kUnavailable,
     "Check the TLS options in the adapter's spec.json."},
    {"connection.lost", ErrorKind::kUnavailable, "Try again; the pool opens a new session."},
    {"query.syntax_error", ErrorKind::kInvalidArgument,
     "Write the statement in the system's own dialect."},
    {"query.invalid", ErrorKind::kInvalidArgument,
     "Check the statement and its parameters; the driver's words say more."},
    {"query.bad_value", ErrorKind::kInvalidArgument,
     "Check the values against the columns' types."},
    {"query.undefined_table", ErrorKind::kNotFound,
     "Browse the connection to see the names that there are."},
    {"query.undefined_column", ErrorKind::kInvalidArgument,
     "Describe the table to see its columns."},
    {"query.already_exists", ErrorKind::kAlreadyExists, "Take another name, or mode replace."},
    {"query.constraint", ErrorKind::kConflict, "A constraint of the table refuses the rows."},
    {"query.forbidden", ErrorKind::kPermissionDenied, "Ask for the right on that object."},
    {"query.read_only", ErrorKind::kPermissionDenied, "Use a connection that may write."},
    {"query.unsupported", ErrorKind::kUnimplemented, "The driver can't do this."},
    {"query.failed", ErrorKind::kInternal, "The driver's words say more."},
    {"query.timeout", ErrorKind::kDeadlineExceeded, "Raise timeout_ms."},
    {"query.cancelled", ErrorKind::kCancelled, "Run it again."},
    {"adapter.driver_missing", ErrorKind::kInvalidArgument,
     "Put the driver's library beside the spec.json, or give its absolute path."},
    {"login.unknown_database", ErrorKind::kNotFound, "Check the spelling of the database."},
    {"login.no_privilege", ErrorKind::kPermissionDenied, "Ask for the right to log in."},
    {"login.password_expired", ErrorKind::kUnauthenticated, "Set a new password."},
    {"login.host_not_allowed", ErrorKind::kPermissionDenied, "Have the firewall opened."},
    {"login.too_many_connections", ErrorKind::kUnavailable, "Try again; lower the pool's maxSize."},
    {"login.starting_up", ErrorKind::kUnavailable, "Try again in a minute."},
    {"tls.refused_by_server", ErrorKind::kUnavailable, "Check whether the server has TLS."},
    {"tls.untrusted_certificate", ErrorKind::kUnavailable, "Check the server's certificate."},
    {"query.no_privilege", ErrorKind::kPermissionDenied, "Ask for the right on that object."},
    {"query.constraint_violation", ErrorKind::kConflict, "A constraint refuses the rows."},
    {"query.deadlock", ErrorKind::kUnavailable, "Run it again."},
    {"adapter.out_of_memory", ErrorKind::kUnavailable,
     "Raise driver.memory_mb in the adapter's spec.json, or ask for smaller values."},
};

}  // namespace

std::string_view CodeOfSqlstate(std::string_view state) {
  if (state.starts_with("28")) return "login.wrong_password";
  if (state == "42P01" || state == "42S02" || state == "3F000") return "query.undefined_table";
  if (state == "42703" || state == "42S22") return "query.undefined_column";
  if (state == "42501") return "query.forbidden";
  if (state == "25006") return "query.read_only";
  if (state == "42P07" || state == "42S01") return "query.already_exists";
  if (state == "57014") return "query.cancelled";
  if (state.starts_with("42")) return "query.syntax_error";
  if (state.starts_with("22")) return "query.bad_value";
  if (state.starts_with("23")) return "query.constraint";
  if (state.starts_with("08") || state.starts_with("57P")) return "connection.lost";
  return {};
}

std::string_view CodeOfStatus(int64_t status, std::string_view stage) {
  switch (status) {
    case ADBC_STATUS_NOT_IMPLEMENTED:
      return "query.unsupported";
    case ADBC_STATUS_NOT_FOUND:
      return "query.undefined_table";
    case ADBC_STATUS_ALREADY_EXISTS:
      return "query.already_exists";
    case ADBC_STATUS_INVALID_ARGUMENT:
    case ADBC_STATUS_INVALID_STATE:
      return stage == "query" ? "query.invalid" : "login.failed";
    case ADBC_STATUS_INVALID_DATA:
      return "query.bad_value";
    case ADBC_STATUS_INTEGRITY:
      return "query.constraint";
    case ADBC_STATUS_IO:
      return stage == "query" ? "query.failed" : "login.failed";
    case ADBC_STATUS_CANCELLED:
      return "query.cancelled";
    case ADBC_STATUS_TIMEOUT:
      return "query.timeout";
    case ADBC_STATUS_UNAUTHENTICATED:
      return "login.wrong_password";
    case ADBC_STATUS_UNAUTHORIZED:
      return "query.forbidden";
    default:
      return stage == "query" ? "query.failed" : "login.failed";
  }
}

const CodeRow& RowOf(std::string_view code) {
  for (const CodeRow& row : kCodes) {
    if (row.code == code) return row;
  }
  static constexpr CodeRow kOther{"", ErrorKind::kInternal, "The driver's words say more."};
  return kOther;
}

}  // namespace nstarx::adapter
