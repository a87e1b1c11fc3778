#pragma once

#include <span>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::mysql {

/// What a server's or the library's error number means to us.
struct ErrorNumber {
  int number;
  ErrorKind kind;
  std::string_view code;
  std::string_view stage;
};

/// Every number once.
std::span<const ErrorNumber> ErrorNumbers();

/// The error of a number. `statement` serves to find where a syntax error is; it is not kept.
Error MapError(int number, std::string_view sqlstate, std::string_view message,
               std::string_view statement);

/// connection.lost.
Error ConnectionLost();

}  // namespace nstarx::connectors::mysql
