#pragma once

#include <arrow/builder.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace nstarx::connectors::documents {

/// A moment with nanoseconds.
struct Moment {
  int64_t seconds = 0;
  int64_t nanos = 0;
};
/// "2026-02-28[T12:34[:56[.123456789]][Z|+02:00]]"; no zone is UTC.
std::optional<Moment> ReadIsoTime(std::string_view text);

// Each appends the value when the column of that type holds it exactly, and says whether it did.
// `out` is the builder's answer. `coerce` as in BuilderOptions.
bool FitInt(arrow::ArrayBuilder& column, int64_t value, bool coerce, arrow::Status* out);
bool FitDouble(arrow::ArrayBuilder& column, double value, bool coerce, arrow::Status* out);
bool FitDecimal(arrow::ArrayBuilder& column, std::string_view text, bool coerce,
                arrow::Status* out);
bool FitMoment(arrow::ArrayBuilder& column, Moment moment, arrow::Status* out);
/// Text into a column that is not of strings.
bool FitText(arrow::ArrayBuilder& column, std::string_view text, arrow::Status* out);

}  // namespace nstarx::connectors::documents
