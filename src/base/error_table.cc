#include "base/error_table.h"

namespace nstarx {
namespace {

constexpr ErrorRow kRows[] = {
    {ErrorKind::kInvalidArgument, 400, 2, "ProgrammingError", "Invalid request"},
    {ErrorKind::kUnauthenticated, 401, 3, "OperationalError", "Not authenticated"},
    {ErrorKind::kPermissionDenied, 403, 4, "OperationalError", "Not permitted"},
    {ErrorKind::kNotFound, 404, 5, "ProgrammingError", "Not found"},
    {ErrorKind::kAlreadyExists, 409, 6, "IntegrityError", "Already exists"},
    {ErrorKind::kConflict, 412, 7, "IntegrityError", "Changed meanwhile"},
    {ErrorKind::kUnimplemented, 422, 8, "NotSupportedError", "Not supported by this system"},
    {ErrorKind::kUnavailable, 502, 9, "OperationalError", "System not reachable"},
    {ErrorKind::kDeadlineExceeded, 504, 10, "OperationalError", "Deadline passed"},
    {ErrorKind::kCancelled, 499, 11, "OperationalError", "Cancelled"},
    {ErrorKind::kResourceExhausted, 429, 12, "OperationalError", "Limit reached"},
    {ErrorKind::kDataLoss, 500, 13, "DataError", "Data damaged"},
    {ErrorKind::kInternal, 500, 14, "InternalError", "Internal error"},
};

}  // namespace

std::span<const ErrorRow> ErrorTable() { return kRows; }

const ErrorRow& RowOf(ErrorKind kind) {
  for (const ErrorRow& row : kRows) {
    if (row.kind == kind) return row;
  }
  return kRows[std::size(kRows) - 1];
}

}  // namespace nstarx
