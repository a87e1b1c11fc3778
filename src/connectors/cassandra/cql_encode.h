#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "connectors/cassandra/cql_types.h"

namespace arrow {
class Array;
}  // namespace arrow

namespace nstarx::connectors::cassandra {

/// A parameter as the bytes that a marker of the type takes; nothing for NULL. Numbers must fit
/// exactly; text gives any simple type (ISO dates, digits, uuids, addresses, 0x… for blobs) and
/// JSON text the collections. query.bad_parameter otherwise.
Result<std::optional<std::string>> EncodeParameter(const CqlType& type, const json::value& value,
                                                   size_t number);

/// Appends the bytes of one cell that is not NULL. Empty when it was done, else what is wrong.
std::string EncodeCell(const CqlType& type, const arrow::Array& array, int64_t row,
                       std::string* out);

/// The CQL type of a new table's column; empty when there is none.
std::string DeclaredType(const arrow::DataType& type);

}  // namespace nstarx::connectors::cassandra
