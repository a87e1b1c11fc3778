#include "connectors/mongodb/mongodb_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace nstarx::connectors::mongodb {
namespace {

using enum ErrorKind;

constexpr ErrorNumber kNumbers[] = {
    {2, kInvalidArgument, "query.bad_value", "query"},
    {6, kUnavailable, "connection.lost", "query"},
    {7, kUnavailable, "connection.lost", "query"},
    {8, kInvalidArgument, "query.failed", "query"},
    {9, kInvalidArgument, "query.bad_value", "query"},
    {13, kPermissionDenied, "query.no_privilege", "query"},
    {14, kInvalidArgument, "query.bad_value", "query"},
    {18, kUnauthenticated, "login.wrong_password", "login"},
    {20, kInvalidArgument, "query.illegal_operation", "query"},
    {26, kNotFound, "query.undefined_table", "query"},
    {27, kNotFound, "query.undefined_index", "query"},
    {40, kInvalidArgument, "query.bad_value", "query"},
    {43, kUnavailable, "query.cursor_gone", "query"},
    {48, kAlreadyExists, "query.already_exists", "query"},
    {50, kDeadlineExceeded, "query.timeout", "query"},
    {59, kUnimplemented, "query.unknown_command", "query"},
    {73, kInvalidArgument, "query.bad_value", "query"},
    {85, kConflict, "query.already_exists", "query"},
    {86, kConflict, "query.already_exists", "query"},
    {89, kUnavailable, "connection.lost", "query"},
    {91, kUnavailable, "connection.lost", "query"},
    {96, kInvalidArgument, "query.failed", "query"},
    {112, kUnavailable, "query.write_conflict", "query"},
    {121, kInvalidArgument, "query.constraint_violation", "query"},
    {133, kUnavailable, "connection.no_primary", "query"},
    {168, kInvalidArgument, "query.bad_value", "query"},
    {189, kUnavailable, "connection.no_primary", "query"},
    {211, kUnavailable, "query.failed", "query"},
    {237, kCancelled, "query.cancelled", "query"},
    {251, kInvalidArgument, "query.transaction_gone", "query"},
    {262, kDeadlineExceeded, "query.timeout", "query"},
    {290, kResourceExhausted, "query.memory_limit", "query"},
    {292, kResourceExhausted, "query.memory_limit", "query"},
    {323, kUnimplemented, "query.unsupported_by_server", "query"},
    {8000, kUnauthenticated, "login.atlas_refused", "login"},
    {10003, kInvalidArgument, "query.bad_value", "query"},
    {10058, kUnavailable, "connection.no_primary", "query"},
    {10107, kUnavailable, "connection.no_primary", "query"},
    {10334, kResourceExhausted, "query.document_too_large", "query"},
    {11000, kAlreadyExists, "query.constraint_violation", "query"},
    {11600, kUnavailable, "connection.lost", "query"},
    {11601, kCancelled, "query.cancelled", "query"},
    {11602, kUnavailable, "connection.no_primary", "query"},
    {13388, kUnavailable, "query.failed", "query"},
    {13435, kUnavailable, "connection.no_primary", "query"},
    {13436, kUnavailable, "connection.no_primary", "query"},
    {16500, kResourceExhausted, "query.throttled", "query"},
    {16793, kResourceExhausted, "query.memory_limit", "query"},
    {16819, kResourceExhausted, "query.memory_limit", "query"},
    {40323, kInvalidArgument, "query.bad_pipeline", "query"},
    {40324, kInvalidArgument, "query.bad_pipeline", "query"},
    {40352, kInvalidArgument, "query.bad_pipeline", "query"},
    {40353, kInvalidArgument, "query.bad_pipeline", "query"},
    {50768, kUnimplemented, "query.unsupported_by_server", "query"},
};

}  // namespace

std::span<const ErrorNumber> ErrorNumbers() { return kNumbers; }

Error MapError(int64_t number, std::string_view name, std::string_view message) {
  const auto* found = std::ranges::find(kNumbers, number, &ErrorNumber::number);
  const bool known = found != std::end(kNumbers);
  Error error(known ? found->kind : kInvalidArgument,
              std::string(known ? found->code : std::string_view("query.failed")),
              std::string(message));
  error.WithStage(known ? found->stage : "query").WithConnector("mongodb");
  if (number != 0) error.WithVendorCode(std::to_string(number));
  if (!name.empty()) error.WithDetail("code_name", name);
  return error;
}

Error ReadOnly(std::string_view what) {
  return Error(kPermissionDenied, "query.read_only",
               fmt::format("The connection is read-only, and {} does more than read", what))
      .WithStage("query")
      .WithConnector("mongodb");
}

Error NoSuchCollection(std::string_view path) {
  return NotFound("query.undefined_table", fmt::format("There is no collection '{}'", path))
      .WithStage("query")
      .WithConnector("mongodb");
}

}  // namespace nstarx::connectors::mongodb
