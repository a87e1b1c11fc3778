#pragma once

#include <cstdint>
#include <memory>

#include "base/context.h"
#include "base/status.h"

namespace arrow {
class Array;
class DataType;
}  // namespace arrow

namespace nstarx::connectors::messages {

struct MessageView;

/// Decodes the values of messages into one Arrow column of the rows (RowBuilder).
class ValueDecoder {
 public:
  virtual ~ValueDecoder() = default;
  /// Gets what decoding this message needs (its schema), which may ask another server. The first
  /// one that has a value settles the column's type.
  virtual Status Prepare(const Context& context, const MessageView& message) = 0;
  /// Null until it is settled.
  virtual const std::shared_ptr<arrow::DataType>& type() const = 0;
  /// Appends the value of a prepared message, NULL without one; on an error nothing. Returns about
  /// how many bytes it takes in Arrow.
  virtual Result<int64_t> Append(const MessageView& message) = 0;
  /// The column since the last call.
  virtual Result<std::shared_ptr<arrow::Array>> Finish() = 0;
};

}  // namespace nstarx::connectors::messages
