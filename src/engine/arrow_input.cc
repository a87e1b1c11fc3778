#include "engine/arrow_input.h"

#include <arrow/array/array_decimal.h>
#include <arrow/array/builder_binary.h>
#include <arrow/array/data.h>
#include <arrow/type.h>

#include <algorithm>

namespace nstarx::engine {
namespace {

bool HasPartsOf(const arrow::ArrayData& column, int64_t nanoseconds) {
  const auto* values = column.GetValues<int64_t>(1);
  for (int64_t i = 0; i < column.length; ++i) {
    if (column.IsValid(i) && values[i] % nanoseconds != 0) return true;
  }
  return false;
}

bool IsInNanoseconds(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(type);
      return timestamp.unit() == arrow::TimeUnit::NANO && !timestamp.timezone().empty();
    }
    case arrow::Type::TIME64:
      return static_cast<const arrow::Time64Type&>(type).unit() == arrow::TimeUnit::NANO;
    case arrow::Type::DURATION:
      return static_cast<const arrow::DurationType&>(type).unit() == arrow::TimeUnit::NANO;
    default:
      return false;
  }
}

}  // namespace

bool HasNanoseconds(const arrow::ArrayData& column) {
  if (std::ranges::any_of(column.child_data,
                          [](const auto& child) { return HasNanoseconds(*child); })) {
    return true;
  }
  if (IsInNanoseconds(*column.type)) return HasPartsOf(column, 1000);
  if (column.type->id() != arrow::Type::INTERVAL_MONTH_DAY_NANO) return false;
  const auto* values = column.GetValues<arrow::MonthDayNanoIntervalType::MonthDayNanos>(1);
  for (int64_t i = 0; i < column.length; ++i) {
    if (column.IsValid(i) && values[i].nanoseconds % 1000 != 0) return true;
  }
  return false;
}

std::shared_ptr<arrow::DataType> InputType(const std::shared_ptr<arrow::DataType>& type) {
  return type->id() == arrow::Type::DECIMAL256 ? arrow::utf8() : type;
}

Result<std::shared_ptr<arrow::Array>> InputColumn(const std::shared_ptr<arrow::Array>& column) {
  if (column->type_id() != arrow::Type::DECIMAL256) return column;
  const auto& decimals = static_cast<const arrow::Decimal256Array&>(*column);
  arrow::StringBuilder texts;
  for (int64_t i = 0; i < decimals.length(); ++i) {
    const auto done =
        decimals.IsNull(i) ? texts.AppendNull() : texts.Append(decimals.FormatValue(i));
    if (!done.ok()) return Internal(done.ToString());
  }
  std::shared_ptr<arrow::Array> out;
  if (const auto done = texts.Finish(&out); !done.ok()) return Internal(done.ToString());
  return out;
}

}  // namespace nstarx::engine
