#include "connectors/sqlite/sqlite_errors.h"

#include <sqlite3.h>

#include <algorithm>
#include <string>

namespace nstarx::connectors::sqlite {
namespace {

constexpr ResultRow kRows[] = {
    {SQLITE_CONSTRAINT_UNIQUE, ErrorKind::kAlreadyExists, "query.constraint_violation"},
    {SQLITE_CONSTRAINT_PRIMARYKEY, ErrorKind::kAlreadyExists, "query.constraint_violation"},
    {SQLITE_CONSTRAINT_ROWID, ErrorKind::kAlreadyExists, "query.constraint_violation"},
    {SQLITE_READONLY_DBMOVED, ErrorKind::kUnavailable, "connection.lost"},
    {SQLITE_CONSTRAINT, ErrorKind::kInvalidArgument, "query.constraint_violation"},
    {SQLITE_MISMATCH, ErrorKind::kInvalidArgument, "query.type_mismatch"},
    {SQLITE_BUSY, ErrorKind::kUnavailable, "query.locked"},
    {SQLITE_LOCKED, ErrorKind::kUnavailable, "query.locked"},
    {SQLITE_READONLY, ErrorKind::kPermissionDenied, "query.read_only"},
    {SQLITE_PERM, ErrorKind::kPermissionDenied, "file.no_permission"},
    {SQLITE_CANTOPEN, ErrorKind::kPermissionDenied, "file.no_permission"},
    {SQLITE_AUTH, ErrorKind::kPermissionDenied, "query.forbidden"},
    {SQLITE_NOTADB, ErrorKind::kInvalidArgument, "file.not_a_database"},
    {SQLITE_CORRUPT, ErrorKind::kDataLoss, "file.damaged"},
    {SQLITE_FULL, ErrorKind::kResourceExhausted, "file.no_space"},
    {SQLITE_IOERR, ErrorKind::kUnavailable, "file.io_error"},
    {SQLITE_NOMEM, ErrorKind::kResourceExhausted, "query.out_of_memory"},
    {SQLITE_TOOBIG, ErrorKind::kResourceExhausted, "query.value_too_big"},
    {SQLITE_INTERRUPT, ErrorKind::kCancelled, "query.cancelled"},
    {SQLITE_RANGE, ErrorKind::kInvalidArgument, "query.parameter_count"},
    {SQLITE_ERROR, ErrorKind::kInvalidArgument, "query.failed"},
};

/// SQLITE_ERROR says why only in words; these are the beginnings of its messages.
struct MessageRow {
  std::string_view words;
  std::string_view code;
};
constexpr MessageRow kMessages[] = {
    {"no such table", "query.undefined_table"},
    {"no such view", "query.undefined_table"},
    {"no such column", "query.undefined_column"},
    {"has no column named", "query.undefined_column"},
    {"no such function", "query.undefined_function"},
    {"no such index", "query.undefined_object"},
    {"syntax error", "query.syntax_error"},
    {"unrecognized token", "query.syntax_error"},
    {"incomplete input", "query.syntax_error"},
    {"already exists", "query.already_exists"},
};

int64_t CharacterPosition(std::string_view statement, size_t offset) {
  return 1 +
         std::count_if(statement.begin(), statement.begin() + static_cast<ptrdiff_t>(offset),
                       [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; });
}

}  // namespace

std::span<const ResultRow> ResultTable() { return kRows; }

Error MapResult(int result, std::string_view message, std::string_view statement, int offset) {
  const ResultRow* found = nullptr;
  for (int wanted : {result, result & 0xFF}) {
    for (const ResultRow& row : kRows) {
      if (found == nullptr && row.result == wanted) found = &row;
    }
  }
  ErrorKind kind = found != nullptr ? found->kind : ErrorKind::kInternal;
  std::string code(found != nullptr ? found->code : "query.failed");
  if (result == SQLITE_ERROR) {
    for (const MessageRow& row : kMessages) {
      if (message.find(row.words) == std::string_view::npos) continue;
      code = row.code;
      if (code == "query.undefined_table") kind = ErrorKind::kNotFound;
      if (code == "query.already_exists") kind = ErrorKind::kAlreadyExists;
      break;
    }
  }
  Error error(kind, std::move(code), std::string(message));
  error.WithStage("query").WithConnector("sqlite").WithVendorCode(std::to_string(result));
  if (offset >= 0 && static_cast<size_t>(offset) <= statement.size()) {
    error.WithDetail("position", CharacterPosition(statement, static_cast<size_t>(offset)));
  }
  return error;
}

}  // namespace nstarx::connectors::sqlite
