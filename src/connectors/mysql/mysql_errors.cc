#include "connectors/mysql/mysql_errors.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace nstarx::connectors::mysql {
namespace {

using enum ErrorKind;

constexpr ErrorNumber kNumbers[] = {
    {1040, kResourceExhausted, "login.too_many_connections", "login"},
    {1044, kPermissionDenied, "login.no_privilege", "login"},
    {1045, kUnauthenticated, "login.wrong_password", "login"},
    {1046, kInvalidArgument, "query.no_database", "query"},
    {1047, kInternal, "query.protocol", "query"},
    {1048, kInvalidArgument, "query.constraint_violation", "query"},
    {1049, kNotFound, "login.unknown_database", "login"},
    {1050, kAlreadyExists, "query.already_exists", "query"},
    {1051, kNotFound, "query.undefined_table", "query"},
    {1052, kInvalidArgument, "query.ambiguous_column", "query"},
    {1053, kUnavailable, "connection.lost", "query"},
    {1054, kInvalidArgument, "query.undefined_column", "query"},
    {1060, kInvalidArgument, "query.duplicate_column", "query"},
    {1062, kAlreadyExists, "query.constraint_violation", "query"},
    {1064, kInvalidArgument, "query.syntax_error", "query"},
    {1065, kInvalidArgument, "query.syntax_error", "query"},
    {1091, kInvalidArgument, "query.undefined_object", "query"},
    {1114, kResourceExhausted, "query.no_space", "query"},
    {1021, kResourceExhausted, "query.no_space", "query"},
    {1129, kPermissionDenied, "login.host_blocked", "login"},
    {1130, kPermissionDenied, "login.host_not_allowed", "login"},
    {1142, kPermissionDenied, "query.no_privilege", "query"},
    {1143, kPermissionDenied, "query.no_privilege", "query"},
    {1146, kNotFound, "query.undefined_table", "query"},
    {1153, kResourceExhausted, "query.packet_too_large", "query"},
    {1158, kUnavailable, "connection.lost", "query"},
    {1159, kUnavailable, "connection.lost", "query"},
    {1160, kUnavailable, "connection.lost", "query"},
    {1161, kUnavailable, "connection.lost", "query"},
    {1203, kResourceExhausted, "login.too_many_connections", "login"},
    {1205, kUnavailable, "query.locked", "query"},
    {1213, kUnavailable, "query.deadlock", "query"},
    {1216, kInvalidArgument, "query.constraint_violation", "query"},
    {1217, kInvalidArgument, "query.constraint_violation", "query"},
    {1226, kResourceExhausted, "login.too_many_connections", "login"},
    {1227, kPermissionDenied, "query.no_privilege", "query"},
    {1251, kUnauthenticated, "login.plugin_unsupported", "login"},
    {1264, kInvalidArgument, "query.value_out_of_range", "query"},
    {1265, kInvalidArgument, "query.value_out_of_range", "query"},
    {1290, kPermissionDenied, "query.read_only", "query"},
    {1292, kInvalidArgument, "query.value_out_of_range", "query"},
    {1305, kInvalidArgument, "query.undefined_function", "query"},
    {1317, kCancelled, "query.cancelled", "query"},
    {1364, kInvalidArgument, "query.constraint_violation", "query"},
    {1366, kInvalidArgument, "query.value_out_of_range", "query"},
    {1370, kPermissionDenied, "query.no_privilege", "query"},
    {1406, kInvalidArgument, "query.value_out_of_range", "query"},
    {1451, kInvalidArgument, "query.constraint_violation", "query"},
    {1452, kInvalidArgument, "query.constraint_violation", "query"},
    {1524, kUnauthenticated, "login.plugin_unsupported", "login"},
    {1698, kUnauthenticated, "login.wrong_password", "login"},
    {1792, kPermissionDenied, "query.read_only", "query"},
    {1836, kPermissionDenied, "query.read_only", "query"},
    {1927, kUnavailable, "connection.lost", "query"},
    {1969, kDeadlineExceeded, "query.timeout", "query"},
    {2002, kUnavailable, "connection.failed", "tcp"},
    {2003, kUnavailable, "connection.failed", "tcp"},
    {2005, kUnavailable, "connection.failed", "resolve"},
    {2006, kUnavailable, "connection.lost", "query"},
    {2013, kUnavailable, "connection.lost", "query"},
    {2026, kUnavailable, "tls.handshake_failed", "tls"},
    {2059, kUnauthenticated, "login.plugin_unsupported", "login"},
    {3024, kDeadlineExceeded, "query.timeout", "query"},
    {3159, kPermissionDenied, "login.tls_required", "login"},
    {3819, kInvalidArgument, "query.constraint_violation", "query"},
    {4025, kInvalidArgument, "query.constraint_violation", "query"},
    {4031, kUnavailable, "connection.lost", "query"},
};

/// "… near 'X' at line N": adds line, near, and the position when X is in the statement once.
void AddPosition(std::string_view message, std::string_view statement, Error* error) {
  constexpr std::string_view kNear = "near '";
  constexpr std::string_view kLine = "' at line ";
  const size_t line_at = message.rfind(kLine);
  const size_t near_at = message.find(kNear);
  if (line_at == std::string_view::npos || near_at == std::string_view::npos) return;
  const std::string_view digits = message.substr(line_at + kLine.size());
  int64_t line = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), line);
  if (line > 0) error->WithDetail("line", line);
  const size_t begin = near_at + kNear.size();
  if (begin > line_at) return;
  const std::string_view near = message.substr(begin, line_at - begin);
  if (near.empty()) return;
  error->WithDetail("near", near);
  const size_t found = statement.find(near);
  if (found == std::string_view::npos || statement.find(near, found + 1) != std::string_view::npos)
    return;
  const auto characters = std::ranges::count_if(statement.substr(0, found), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  });
  error->WithDetail("position", static_cast<int64_t>(characters) + 1);
}

}  // namespace

std::span<const ErrorNumber> ErrorNumbers() { return kNumbers; }

Error MapError(int number, std::string_view sqlstate, std::string_view message,
               std::string_view statement) {
  const auto* found = std::ranges::find(kNumbers, number, &ErrorNumber::number);
  const bool known = found != std::end(kNumbers);
  Error error(known ? found->kind : kInvalidArgument,
              std::string(known ? found->code : std::string_view("query.failed")),
              std::string(message));
  error.WithStage(known ? found->stage : "query").WithConnector("mysql");
  error.WithVendorCode(std::to_string(number)).WithSqlstate(std::string(sqlstate));
  if (number == 1064) AddPosition(message, statement, &error);
  return error;
}

Error ConnectionLost() { return MapError(2013, "HY000", "The server closed the connection", {}); }

}  // namespace nstarx::connectors::mysql
