#include "connectors/messages/message_columns.h"

#include <arrow/api.h>
#include <fmt/format.h>

namespace nstarx::connectors::messages {
namespace {

Status Find(const arrow::RecordBatch& batch, const std::string& name, arrow::Type::type type,
            std::shared_ptr<arrow::Array>& into) {
  into = batch.GetColumnByName(name);
  if (into == nullptr || into->type_id() == type) return {};
  return Internal(
      fmt::format("the messages' column {} has the type {}", name, into->type()->ToString()));
}

}  // namespace

Status MessageColumns::Bind(const arrow::RecordBatch& batch) {
  NSTARX_RETURN_IF_ERROR(Find(batch, "key", arrow::Type::BINARY, key_));
  NSTARX_RETURN_IF_ERROR(Find(batch, "value", arrow::Type::BINARY, value_));
  NSTARX_RETURN_IF_ERROR(Find(batch, "headers", arrow::Type::MAP, headers_));
  NSTARX_RETURN_IF_ERROR(Find(batch, "partition", arrow::Type::INT32, partition_));
  NSTARX_RETURN_IF_ERROR(Find(batch, "timestamp", arrow::Type::TIMESTAMP, timestamp_));
  return {};
}

std::optional<int32_t> MessageColumns::Partition(int64_t row) const {
  if (partition_ == nullptr || partition_->IsNull(row)) return std::nullopt;
  return static_cast<const arrow::Int32Array&>(*partition_).Value(row);
}

std::optional<int64_t> MessageColumns::Timestamp(int64_t row) const {
  if (timestamp_ == nullptr || timestamp_->IsNull(row)) return std::nullopt;
  return static_cast<const arrow::TimestampArray&>(*timestamp_).Value(row);
}

MessageColumns::HeaderViews MessageColumns::Headers(int64_t row) const {
  HeaderViews out;
  if (headers_ == nullptr || headers_->IsNull(row)) return out;
  const auto& map = static_cast<const arrow::MapArray&>(*headers_);
  const auto& names = static_cast<const arrow::StringArray&>(*map.keys());
  for (int64_t i = map.value_offset(row); i < map.value_offset(row + 1); ++i) {
    out.emplace_back(names.GetView(i), Bytes(map.items().get(), i));
  }
  return out;
}

std::optional<std::string_view> MessageColumns::Bytes(const arrow::Array* array, int64_t row) {
  if (array == nullptr || array->IsNull(row)) return std::nullopt;
  return static_cast<const arrow::BinaryArray&>(*array).GetView(row);
}

}  // namespace nstarx::connectors::messages
