#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "connectors/messages/avro_decoder.h"
#include "connectors/messages/value_decoder.h"

namespace nstarx::connectors::messages {

class SchemaRegistry;

/// The schema id that a value begins with (a zero byte, then four bytes, big-endian); empty when it
/// does not begin so.
std::optional<uint32_t> SchemaIdOf(std::string_view value);

/// Values in Avro behind the id of their schema, which `registry` knows. The first one settles the
/// type; values of other schemas are taken as long as their Arrow type is the same, else the error
/// is stream.schema_changed. `registry` must outlive this.
class RegistryValues final : public ValueDecoder {
 public:
  explicit RegistryValues(SchemaRegistry& registry) : registry_(registry) {}

  Status Prepare(const Context& context, const MessageView& message) override;
  /// Settles the type where no message does: by the newest schema of the topic's subject, else as
  /// bytes (of which there are none then).
  Status SettleWithout(const Context& context, std::string_view topic);
  const std::shared_ptr<arrow::DataType>& type() const override;
  Result<int64_t> Append(const MessageView& message) override;
  Result<std::shared_ptr<arrow::Array>> Finish() override;

 private:
  SchemaRegistry& registry_;
  std::unique_ptr<AvroDecoder> decoder_;
  uint32_t first_id_ = 0;  ///< the schema that settled the type; 0: a subject's newest
  std::map<uint32_t, AvroTypePtr> known_;
};

}  // namespace nstarx::connectors::messages
