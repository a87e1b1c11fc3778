#pragma once

#include <span>
#include <string_view>

#include "base/status.h"

namespace nstarx {

/// How one kind of error shows at each edge.
struct ErrorRow {
  ErrorKind kind;
  int http_status;
  int exit_code;                      ///< of the CLI
  std::string_view python_exception;  ///< PEP 249 name
  std::string_view title;             ///< of the problem document
};

/// Every kind, once.
std::span<const ErrorRow> ErrorTable();
const ErrorRow& RowOf(ErrorKind kind);

}  // namespace nstarx
