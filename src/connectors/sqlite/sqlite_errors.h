#pragma once

#include <span>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::sqlite {

/// What an extended or primary result code of SQLite means to us.
struct ResultRow {
  int result;
  ErrorKind kind;
  std::string_view code;
};

/// Every row once; extended codes come before the primary code they belong to.
std::span<const ResultRow> ResultTable();

/// The error of a result code. `message` is SQLite's own text, `offset` the byte in `statement`
/// where it noticed, or -1.
Error MapResult(int result, std::string_view message, std::string_view statement, int offset);

}  // namespace nstarx::connectors::sqlite
