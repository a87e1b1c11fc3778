#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace nstarx::adapter {

/// The codes that drivers' failures become: kind, and what to do where the spec.json says nothing.
struct CodeRow {
  std::string_view code;
  ErrorKind kind;
  std::string_view hint;
};

/// Of classes and codes of SQLSTATE that mean the same everywhere (ISO 9075 and PostgreSQL's
/// table); empty for others.
std::string_view CodeOfSqlstate(std::string_view state);
/// Of ADBC's status.
std::string_view CodeOfStatus(int64_t status, std::string_view stage);
/// The row of a code; a code of a spec.json's own has the last one.
const CodeRow& RowOf(std::string_view code);

}  // namespace nstarx::adapter
