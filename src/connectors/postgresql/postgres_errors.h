#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::postgresql {

/// How a SQLSTATE (five characters) or a class of them (two) is told to callers.
struct SqlstateRow {
  std::string_view sqlstate;
  ErrorKind kind;
  std::string_view code;
};

/// The whole table, exact rows before classes.
std::span<const SqlstateRow> SqlstateTable();
/// The row of a SQLSTATE: exact, else of its class, else a general one.
const SqlstateRow& RowOfSqlstate(std::string_view sqlstate);

/// The fields of an ErrorResponse or NoticeResponse message.
struct ServerError {
  std::string sqlstate;
  std::string message;
  std::string detail;
  std::string hint;
  std::string schema;
  std::string table;
  std::string column;
  std::string constraint;
  int64_t position = 0;  ///< in characters from 1; 0: none
};

/// Reads the body of the message; hostile bytes give what can be read of it.
ServerError ParseServerError(std::string_view body);

/// The error of a statement. `text` is the caller's whole text and `offset` the byte where the
/// statement that was sent begins in it: the position in the details counts from the text's start.
Error QueryError(const ServerError& server, std::string_view text, size_t offset);

/// The error of a failed login, from libpq's verbose message; its sqlstate() is empty when the
/// server never answered.
Error LoginError(std::string_view libpq_message);

}  // namespace nstarx::connectors::postgresql
