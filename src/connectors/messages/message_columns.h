#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace arrow {
class Array;
class RecordBatch;
}  // namespace arrow

namespace nstarx::connectors::messages {

/// The columns of one batch of messages to be written, found by name and checked by type. Views
/// live as long as the batch.
class MessageColumns {
 public:
  using HeaderViews = std::vector<std::pair<std::string_view, std::optional<std::string_view>>>;

  Status Bind(const arrow::RecordBatch& batch);
  std::optional<std::string_view> Key(int64_t row) const { return Bytes(key_.get(), row); }
  std::optional<std::string_view> Value(int64_t row) const { return Bytes(value_.get(), row); }
  std::optional<int32_t> Partition(int64_t row) const;
  /// Milliseconds since the epoch.
  std::optional<int64_t> Timestamp(int64_t row) const;
  /// Empty when the message has none.
  HeaderViews Headers(int64_t row) const;

 private:
  static std::optional<std::string_view> Bytes(const arrow::Array* array, int64_t row);

  std::shared_ptr<arrow::Array> key_;
  std::shared_ptr<arrow::Array> value_;
  std::shared_ptr<arrow::Array> headers_;
  std::shared_ptr<arrow::Array> partition_;
  std::shared_ptr<arrow::Array> timestamp_;
};

}  // namespace nstarx::connectors::messages
