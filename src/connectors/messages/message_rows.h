#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "connector/facets.h"
#include "connectors/messages/value_decoder.h"

namespace arrow {
class RecordBatch;
class Schema;
}  // namespace arrow

namespace nstarx::connectors::messages {

/// One message as the client has it; the views live as long as the client's message.
struct MessageView {
  int32_t partition = 0;
  int64_t offset = 0;                ///< where the system counts
  std::string_view position;         ///< where it does not: what the column offset says
  std::optional<int64_t> timestamp;  ///< ms since the epoch
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
};

/// Gathers messages into record batches. The types of key and value are settled by Settle, once.
class RowBuilder {
 public:
  /// `counted`: offsets are numbers; else the text of MessageView::position.
  RowBuilder(std::string topic, connector::MessageFormat format, bool counted = true);
  ~RowBuilder();

  /// Decides between text and bytes where the format leaves it open; the schema is there then.
  void Settle(bool key_is_text, bool value_is_text);
  /// The same, with a decoder whose type is settled.
  void Settle(bool key_is_text, std::unique_ptr<ValueDecoder> values);
  bool settled() const { return schema_ != nullptr; }
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  connector::MessageFormat format() const { return format_; }

  /// What comes before Add where values are decoded: may ask another server.
  Status Prepare(const Context& context, const MessageView& message);
  /// stream.not_text / stream.not_json name partition and offset of a message that does not fit.
  /// Headers of the row follow by AddHeader, before the next row.
  Status Add(const MessageView& message);
  Status AddHeader(std::string_view name, std::optional<std::string_view> value);
  int64_t rows() const { return rows_; }
  int64_t bytes() const { return bytes_; }
  /// The rows since the last call.
  Result<std::shared_ptr<arrow::RecordBatch>> Take();

 private:
  struct Columns;
  const std::string topic_;
  const connector::MessageFormat format_;
  const bool counted_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<Columns> columns_;
  std::unique_ptr<ValueDecoder> values_;
  bool key_is_text_ = false;
  bool value_is_text_ = false;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace nstarx::connectors::messages
