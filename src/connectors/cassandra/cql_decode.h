#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/cassandra/cql_types.h"

namespace arrow {
class ArrayBuilder;
}  // namespace arrow

namespace nstarx::connectors::cassandra {

/// Bounds what NULLs of wide types cost within one row: on the wire they are next to nothing.
struct NullBudget {
  int64_t left = 0;
  bool Take(int64_t leaves) {
    left -= leaves;
    return left >= 0;
  }
};

/// Appends the values of one type to one Arrow builder.
class ValueDecoder {
 public:
  virtual ~ValueDecoder() = default;
  /// Says what is wrong with a value, empty when all is well. Bad values leave the builder
  /// unusable.
  virtual std::string Append(std::optional<std::string_view> value) = 0;
};

/// For a builder of ToArrow(type, numeric, true); both pointers outlive the decoder.
std::unique_ptr<ValueDecoder> MakeDecoder(const CqlType& type, arrow::ArrayBuilder* builder,
                                          NumericAs numeric, NullBudget* budget);

}  // namespace nstarx::connectors::cassandra
