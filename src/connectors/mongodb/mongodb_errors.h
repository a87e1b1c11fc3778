#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::mongodb {

/// What a server's error number means to us.
struct ErrorNumber {
  int64_t number;
  ErrorKind kind;
  std::string_view code;
  std::string_view stage;
};

/// Every number once.
std::span<const ErrorNumber> ErrorNumbers();

/// The error of a number. `name` is the server's codeName, or empty.
Error MapError(int64_t number, std::string_view name, std::string_view message);

/// query.read_only, before anything is sent.
Error ReadOnly(std::string_view what);
/// query.undefined_table.
Error NoSuchCollection(std::string_view path);

}  // namespace nstarx::connectors::mongodb
