#include "connectors/snowflake/snowflake_moment.h"

#include <arrow/api.h>

#include "connectors/snowflake/snowflake_errors.h"

namespace nstarx::connectors::snowflake {
namespace {

constexpr int64_t kPowers[] = {1,       10,        100,        1'000,       10'000,
                               100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};

}  // namespace

Moment MomentOf(int64_t value, int scale) {
  const int64_t unit = kPowers[scale];
  int64_t seconds = value / unit;
  int64_t rest = value % unit;
  if (rest < 0) {
    rest += unit;
    --seconds;
  }
  return {.seconds = seconds, .nanoseconds = rest * kPowers[9 - scale]};
}

Result<int64_t> InUnit(const Moment& moment, const DeclaredColumn& column) {
  const auto& type = static_cast<const arrow::TimestampType&>(*column.arrow);
  const bool fine = type.unit() == arrow::TimeUnit::NANO;
  const int64_t units = fine ? 1'000'000'000 : 1'000'000;
  if (!fine && moment.nanoseconds % 1000 != 0) {
    return NotExact(column.name, "a timestamp is finer than microseconds");
  }
  int64_t out = 0;
  const int64_t fraction = fine ? moment.nanoseconds : moment.nanoseconds / 1000;
  // The last seconds before the bound are a negative product that the fraction brings back.
  int64_t seconds = moment.seconds;
  int64_t add = fraction;
  if (seconds < 0 && add > 0) {
    ++seconds;
    add -= units;
  }
  if (__builtin_mul_overflow(seconds, units, &out) || __builtin_add_overflow(out, add, &out)) {
    return NotExact(column.name,
                    fine ? "a timestamp is outside of what nanoseconds hold (1677 to 2262)"
                         : "a timestamp is outside of what microseconds hold");
  }
  return out;
}

}  // namespace nstarx::connectors::snowflake
