#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "connectors/cassandra/cql_types.h"

namespace nstarx::connectors::cassandra {

// Appends the wire's bytes of a value to `out`. Each says what is wrong, empty when all is well.

/// Text as any simple type.
std::string EncodeText(const CqlType& type, std::string_view text, std::string* out);
/// A whole number as any numeric type; also timestamps (milliseconds) and times (nanoseconds).
std::string EncodeWhole(const CqlType& type, int64_t value, std::string* out);
std::string EncodeReal(const CqlType& type, double value, std::string* out);
void AppendDuration(int32_t months, int32_t days, int64_t nanos, std::string* out);
/// [bytes] with their length before them.
void AppendBytes(std::string_view bytes, std::string* out);

}  // namespace nstarx::connectors::cassandra
