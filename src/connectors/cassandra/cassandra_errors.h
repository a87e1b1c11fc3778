#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::cassandra {

/// The error that the body of an ERROR frame tells. `statement` gives syntax errors their position.
Error ServerError(std::string_view body, std::string_view statement);
/// The same while logging in.
Error LoginError(std::string_view body);

Error ProtocolError(std::string_view what);
Error BadValue(std::string_view column, std::string_view what);
Error ReadOnly(std::string_view what);
Error NoSuchTable(std::string_view path);
/// An error of the query stage.
Error Refuse(std::string_view code, std::string message);
/// `error` with the connector's name, and the stage where it has none.
Error Named(Error error, std::string_view stage);

}  // namespace nstarx::connectors::cassandra
