#include "engine/arrow_input.h"

#include <arrow/array/data.h>
#include <arrow/type.h>

#include <algorithm>

namespace nstarx::engine {

bool HasNanoseconds(const arrow::ArrayData& column) {
  if (std::ranges::any_of(column.child_data,
                          [](const auto& child) { return HasNanoseconds(*child); })) {
    return true;
  }
  if (column.type->id() != arrow::Type::TIMESTAMP) return false;
  const auto& type = static_cast<const arrow::TimestampType&>(*column.type);
  if (type.unit() != arrow::TimeUnit::NANO || type.timezone().empty()) return false;
  const auto* values = column.GetValues<int64_t>(1);
  for (int64_t i = 0; i < column.length; ++i) {
    if (column.IsValid(i) && values[i] % 1000 != 0) return true;
  }
  return false;
}

}  // namespace nstarx::engine
