#pragma once

#include <string>

namespace arrow {
struct ArrayData;
}

namespace nstarx::engine {

/// Whether a point in time of the column (or inside of it) has nanoseconds: the engine's, with a
/// zone, count microseconds, and cutting off would be silent.
bool HasNanoseconds(const arrow::ArrayData& column);

}  // namespace nstarx::engine
