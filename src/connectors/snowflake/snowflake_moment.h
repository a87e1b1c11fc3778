#pragma once

#include <cstdint>
#include <optional>

#include "base/status.h"
#include "connectors/snowflake/snowflake_types.h"

namespace nstarx::connectors::snowflake {

/// A point of time: seconds since the epoch, and nanoseconds of the second (0 … 999,999,999).
struct Moment {
  int64_t seconds = 0;
  int64_t nanoseconds = 0;
};

/// The moment of `value` in units of 10^-scale seconds.
Moment MomentOf(int64_t value, int scale);

/// The moment in the column's unit; result.value_not_exact naming the column when it has no place
/// there.
Result<int64_t> InUnit(const Moment& moment, const DeclaredColumn& column);

}  // namespace nstarx::connectors::snowflake
