#include "connectors/messages/message_rows.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "base/json.h"

namespace nstarx::connectors::messages {
namespace {

Error ArrowFailure(const arrow::Status& status) {
  return Internal("building a record batch failed: " + status.ToString());
}

#define MESSAGES_RETURN_IF_ARROW_FAILS(...)                         \
  do {                                                              \
    if (const arrow::Status status = (__VA_ARGS__); !status.ok()) { \
      return ArrowFailure(status);                                  \
    }                                                               \
  } while (false)

Error Unfit(std::string_view code, std::string_view what, const MessageView& message,
            std::string_view part) {
  const bool counted = message.position.empty();
  const std::string at = counted ? std::to_string(message.offset) : std::string(message.position);
  Error error = InvalidArgument(
      std::string(code), fmt::format("the {} of the message at offset {} of partition {} is not {}",
                                     part, at, message.partition, what));
  error.WithStage("query").WithDetail("partition", message.partition);
  return counted ? error.WithDetail("offset", message.offset) : error.WithDetail("offset", at);
}

}  // namespace

struct RowBuilder::Columns {
  explicit Columns(arrow::MemoryPool* pool)
      : header_names(std::make_shared<arrow::StringBuilder>(pool)),
        header_values(std::make_shared<arrow::BinaryBuilder>(pool)),
        headers(pool, header_names, header_values) {}

  arrow::Int32Builder partition;
  arrow::Int64Builder offset;
  arrow::StringBuilder position;
  arrow::TimestampBuilder timestamp{arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"),
                                    arrow::default_memory_pool()};
  arrow::StringBuilder topic;
  arrow::BinaryBuilder key;
  arrow::BinaryBuilder value;
  std::shared_ptr<arrow::StringBuilder> header_names;
  std::shared_ptr<arrow::BinaryBuilder> header_values;
  arrow::MapBuilder headers;
};

RowBuilder::RowBuilder(std::string topic, connector::MessageFormat format, bool counted)
    : topic_(std::move(topic)), format_(format), counted_(counted) {
  if (format_ == connector::MessageFormat::kBytes) Settle(false, false);
}

RowBuilder::~RowBuilder() = default;

void RowBuilder::Settle(bool key_is_text, bool value_is_text) {
  const bool open = format_ == connector::MessageFormat::kAuto;
  const bool text =
      format_ == connector::MessageFormat::kText || format_ == connector::MessageFormat::kJson;
  key_is_text_ = key_is_text && format_ != connector::MessageFormat::kBytes;
  value_is_text_ = open ? value_is_text : text;
  const auto type = [](bool is_text) { return is_text ? arrow::utf8() : arrow::binary(); };
  const auto value_type = values_ != nullptr ? values_->type() : type(value_is_text_);
  schema_ =
      arrow::schema({arrow::field("topic", arrow::utf8(), false),
                     arrow::field("partition", arrow::int32(), false),
                     arrow::field("offset", counted_ ? arrow::int64() : arrow::utf8(), false),
                     arrow::field("timestamp", arrow::timestamp(arrow::TimeUnit::MILLI, "UTC")),
                     arrow::field("key", type(key_is_text_)),
                     arrow::field("headers", arrow::map(arrow::utf8(), arrow::binary())),
                     arrow::field("value", value_type)});
  columns_ = std::make_unique<Columns>(arrow::default_memory_pool());
}

void RowBuilder::Settle(bool key_is_text, std::unique_ptr<ValueDecoder> values) {
  values_ = std::move(values);
  Settle(key_is_text, false);
}

Status RowBuilder::Prepare(const Context& context, const MessageView& message) {
  return values_ == nullptr ? Status() : values_->Prepare(context, message);
}

Status RowBuilder::Add(const MessageView& message) {
  if (value_is_text_ && message.value && !IsUtf8(*message.value)) {
    return Unfit("stream.not_text", "UTF-8 text", message, "value");
  }
  if (key_is_text_ && message.key && !IsUtf8(*message.key)) {
    return Unfit("stream.not_text", "UTF-8 text", message, "key");
  }
  if (format_ == connector::MessageFormat::kJson && message.value && !ParseJson(*message.value)) {
    return Unfit("stream.not_json", "JSON", message, "value");
  }
  Columns& out = *columns_;
  auto value_bytes = static_cast<int64_t>(message.value.value_or("").size());
  if (values_ != nullptr) {
    // First: what is refused leaves no part of a row.
    NSTARX_TRY(value_bytes, values_->Append(message));
  } else {
    MESSAGES_RETURN_IF_ARROW_FAILS(message.value ? out.value.Append(*message.value)
                                                 : out.value.AppendNull());
  }
  MESSAGES_RETURN_IF_ARROW_FAILS(out.topic.Append(topic_));
  MESSAGES_RETURN_IF_ARROW_FAILS(out.partition.Append(message.partition));
  MESSAGES_RETURN_IF_ARROW_FAILS(counted_ ? out.offset.Append(message.offset)
                                          : out.position.Append(message.position));
  MESSAGES_RETURN_IF_ARROW_FAILS(message.timestamp ? out.timestamp.Append(*message.timestamp)
                                                   : out.timestamp.AppendNull());
  MESSAGES_RETURN_IF_ARROW_FAILS(message.key ? out.key.Append(*message.key) : out.key.AppendNull());
  MESSAGES_RETURN_IF_ARROW_FAILS(out.headers.Append());
  ++rows_;
  bytes_ +=
      40 + value_bytes + static_cast<int64_t>(topic_.size() + message.key.value_or("").size());
  return {};
}

Status RowBuilder::AddHeader(std::string_view name, std::optional<std::string_view> value) {
  // A header's name is text by the protocol; what is not is shown with its bytes escaped.
  std::string escaped;
  if (!IsUtf8(name)) {
    for (const char c : name) {
      escaped += (c & 0x80) != 0 ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c))
                                 : std::string(1, c);
    }
    name = escaped;
  }
  MESSAGES_RETURN_IF_ARROW_FAILS(columns_->header_names->Append(name));
  MESSAGES_RETURN_IF_ARROW_FAILS(value ? columns_->header_values->Append(*value)
                                       : columns_->header_values->AppendNull());
  bytes_ += static_cast<int64_t>(name.size() + value.value_or("").size());
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> RowBuilder::Take() {
  arrow::ArrayVector arrays(7);
  Columns& out = *columns_;
  MESSAGES_RETURN_IF_ARROW_FAILS(out.topic.Finish(&arrays[0]));
  MESSAGES_RETURN_IF_ARROW_FAILS(out.partition.Finish(&arrays[1]));
  MESSAGES_RETURN_IF_ARROW_FAILS(counted_ ? out.offset.Finish(&arrays[2])
                                          : out.position.Finish(&arrays[2]));
  MESSAGES_RETURN_IF_ARROW_FAILS(out.timestamp.Finish(&arrays[3]));
  MESSAGES_RETURN_IF_ARROW_FAILS(out.key.Finish(&arrays[4]));
  MESSAGES_RETURN_IF_ARROW_FAILS(out.headers.Finish(&arrays[5]));
  if (values_ != nullptr) {
    NSTARX_TRY(arrays[6], values_->Finish());
  } else {
    MESSAGES_RETURN_IF_ARROW_FAILS(out.value.Finish(&arrays[6]));
  }
  // Checked on the way in: the same bytes, under the name of text.
  for (const size_t column : {4, 6}) {
    const auto& type = schema_->field(static_cast<int>(column))->type();
    if (type->id() != arrow::Type::STRING || (column == 6 && values_ != nullptr)) continue;
    auto data = arrays[column]->data()->Copy();
    data->type = type;
    arrays[column] = arrow::MakeArray(data);
  }
  const int64_t rows = rows_;
  rows_ = bytes_ = 0;
  return arrow::RecordBatch::Make(schema_, rows, std::move(arrays));
}

}  // namespace nstarx::connectors::messages
