#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "connectors/messages/avro_schema.h"

namespace arrow {
class Array;
class ArrayBuilder;
class DataType;
}  // namespace arrow

namespace nstarx::connectors::messages {

/// Decodes values in Avro's binary form into one Arrow column. Every value is gone through twice:
/// it is checked as a whole before anything of it is appended. A value may need at most 64 MiB in
/// Arrow, whatever its counts say.
class AvroDecoder {
 public:
  /// The column's type; the schemas of the values may differ where their Arrow types do not.
  explicit AvroDecoder(std::shared_ptr<arrow::DataType> type);
  ~AvroDecoder();

  const std::shared_ptr<arrow::DataType>& type() const { return type_; }

  /// Appends the value that `bytes` are, all of them; returns about how many bytes it takes in
  /// Arrow. `schema.arrow` must equal the column's type. An error's message says what is wrong and
  /// in which field; its code is stream.not_avro or stream.value_too_large.
  Result<int64_t> Append(const AvroType& schema, std::string_view bytes);
  Status AppendNull();
  /// What was appended since the last call.
  Result<std::shared_ptr<arrow::Array>> Finish();

 private:
  std::shared_ptr<arrow::DataType> type_;
  std::unique_ptr<arrow::ArrayBuilder> builder_;
  bool broken_ = false;  ///< memory gave out half-way through a value
};

}  // namespace nstarx::connectors::messages
