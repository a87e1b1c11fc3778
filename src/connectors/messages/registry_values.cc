#include "connectors/messages/registry_values.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "connectors/messages/message_rows.h"
#include "connectors/messages/schema_registry.h"

namespace nstarx::connectors::messages {
namespace {

constexpr size_t kHead = 5;
constexpr size_t kKnownMax = 1024;

/// The error with where the message lies.
Error Placed(Error error, const MessageView& message) {
  const std::string at =
      message.position.empty() ? std::to_string(message.offset) : std::string(message.position);
  error.WithMessage(fmt::format("the value of the message at offset {} of partition {}: {}", at,
                                message.partition, error.message()));
  error.WithStage("query").WithDetail("partition", message.partition);
  return message.position.empty() ? error.WithDetail("offset", message.offset)
                                  : error.WithDetail("offset", at);
}

}  // namespace

std::optional<uint32_t> SchemaIdOf(std::string_view value) {
  if (value.size() < kHead || value[0] != '\0') return std::nullopt;
  uint32_t id = 0;
  for (size_t i = 1; i < kHead; ++i) id = (id << 8U) | static_cast<uint8_t>(value[i]);
  return id;
}

Status RegistryValues::Prepare(const Context& context, const MessageView& message) {
  if (!message.value) return {};
  const auto id = SchemaIdOf(*message.value);
  if (!id) {
    return Placed(InvalidArgument("stream.not_avro", "it does not begin with the id of a schema"),
                  message);
  }
  if (known_.contains(*id)) return {};
  auto found = registry_.Find(context, *id);
  if (!found) return Placed(found.error(), message);
  if (decoder_ == nullptr) {
    decoder_ = std::make_unique<AvroDecoder>((*found)->arrow);
    first_id_ = *id;
  } else if (!decoder_->type()->Equals(*(*found)->arrow)) {
    const std::string before =
        first_id_ != 0 ? fmt::format("schema {}", first_id_) : "the topic's subject at the start";
    return Placed(InvalidArgument("stream.schema_changed",
                                  fmt::format("its schema {} has other columns than {}, by which "
                                              "this reading began",
                                              *id, before)),
                  message)
        .WithDetail("schema_id", int64_t{*id})
        .WithDetail("first_schema_id", int64_t{first_id_});
  }
  if (known_.size() >= kKnownMax) known_.clear();
  known_.emplace(*id, std::move(*found));
  return {};
}

Status RegistryValues::SettleWithout(const Context& context, std::string_view topic) {
  if (decoder_ != nullptr) return {};
  NSTARX_TRY(const AvroTypePtr newest,
             registry_.FindLatest(context, fmt::format("{}-value", topic)));
  std::shared_ptr<arrow::DataType> type = arrow::binary();
  if (newest != nullptr) type = newest->arrow;
  decoder_ = std::make_unique<AvroDecoder>(std::move(type));
  return {};
}

const std::shared_ptr<arrow::DataType>& RegistryValues::type() const {
  static const std::shared_ptr<arrow::DataType> kNone;
  return decoder_ == nullptr ? kNone : decoder_->type();
}

Result<int64_t> RegistryValues::Append(const MessageView& message) {
  if (decoder_ == nullptr) return Internal("a value was added before its type was settled");
  if (!message.value) {
    NSTARX_RETURN_IF_ERROR(decoder_->AppendNull());
    return 8;
  }
  const auto id = SchemaIdOf(*message.value);
  const auto known = id ? known_.find(*id) : known_.end();
  if (known == known_.end()) return Internal("a value was added that was not prepared");
  auto appended = decoder_->Append(*known->second, message.value->substr(kHead));
  if (appended) return appended;
  Error error = appended.error();
  if (error.kind() == ErrorKind::kInternal) return error;
  return Placed(error.WithDetail("schema_id", int64_t{*id}), message);
}

Result<std::shared_ptr<arrow::Array>> RegistryValues::Finish() {
  if (decoder_ == nullptr) return Internal("the type of the values was not settled");
  return decoder_->Finish();
}

}  // namespace nstarx::connectors::messages
