#pragma once

#include <memory>

#include "base/status.h"

namespace arrow {
class Array;
struct ArrayData;
class DataType;
}  // namespace arrow

namespace nstarx::engine {

/// Whether a time of the column (or inside of it) has nanoseconds: but for timestamps without a
/// zone the engine counts microseconds, and cutting off would be silent.
bool HasNanoseconds(const arrow::ArrayData& column);

/// What the engine gets of a column of `type`: decimals of more than 38 digits come as text, since
/// its own end there; all else as it is.
std::shared_ptr<arrow::DataType> InputType(const std::shared_ptr<arrow::DataType>& type);
/// The column as InputType says.
Result<std::shared_ptr<arrow::Array>> InputColumn(const std::shared_ptr<arrow::Array>& column);

}  // namespace nstarx::engine
