#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "connectors/redis/redis_reply.h"
#include "connectors/redis/redis_statement.h"

namespace arrow {
class Array;
class ArrayBuilder;
class DataType;
}  // namespace arrow

namespace nstarx::connectors::redis {

/// What a column of replies holds; kJson is text that holds nested or mixed replies as JSON.
enum class ReplyType { kText, kBinary, kInteger, kDouble, kBool, kJson, kTextMap, kBinaryMap };

/// The narrowest type that holds all of them without loss; text when there is nothing to go by.
ReplyType TypeOf(std::span<const Reply* const> values, bool binary);

/// Of maps: with text, or bytes when asked for or when some are no UTF-8.
ReplyType MapTypeOf(std::span<const Reply* const> values, bool binary);

/// Builds one Arrow column out of replies.
class ReplyColumn {
 public:
  explicit ReplyColumn(ReplyType type);
  ~ReplyColumn();
  ReplyColumn(ReplyColumn&&) noexcept;
  /// query.type_mismatch naming the row (from 1) when it does not fit.
  Status Append(const Reply& value, std::string_view column, int64_t row);
  Result<std::shared_ptr<arrow::Array>> Finish();
  std::shared_ptr<arrow::DataType> type() const;

 private:
  Status AppendMap(const Reply& map);
  ReplyType type_;
  std::unique_ptr<arrow::ArrayBuilder> builder_;
};

/// The reply as JSON text; bytes that are no UTF-8 as {"$base64": "…"}.
void AppendJson(const Reply& value, std::string* out);
void AppendJsonText(std::string_view text, std::string* out);

/// The number, when the text is exactly what that number is written as.
bool ExactInteger(std::string_view text, int64_t* out);
bool ExactDouble(std::string_view text, double* out);

}  // namespace nstarx::connectors::redis
