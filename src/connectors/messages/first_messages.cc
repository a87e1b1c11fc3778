#include "connectors/messages/first_messages.h"

#include "base/json.h"
#include "connectors/messages/registry_values.h"
#include "connectors/messages/schema_registry.h"

namespace nstarx::connectors::messages {

using connector::MessageFormat;

void FirstMessages::See(const MessageView& message) {
  any_ = true;
  keys_are_text_ = keys_are_text_ && IsUtf8(message.key.value_or(""));
  if (!message.value) return;
  values_are_text_ = values_are_text_ && IsUtf8(*message.value);
  values_are_marked_ = values_are_marked_ && SchemaIdOf(*message.value).has_value();
  if (!first_) first_ = message;
}

Status FirstMessages::Settle(const Context& context, const connector::ConsumeRequest& request,
                             SchemaRegistry* registry, bool last, RowBuilder& rows) const {
  if (rows.settled()) return {};
  const bool wanted = request.format == MessageFormat::kAvro;
  const bool possible = request.format == MessageFormat::kAuto && values_are_marked_;
  if (registry != nullptr && (wanted || possible)) {
    if (!first_ && !last) return {};
    if (wanted || first_) NSTARX_RETURN_IF_ERROR(SettleAvro(context, request, *registry, rows));
  }
  if (!rows.settled() && (any_ || last)) rows.Settle(keys_are_text_, values_are_text_);
  return {};
}

Status FirstMessages::SettleAvro(const Context& context, const connector::ConsumeRequest& request,
                                 SchemaRegistry& registry, RowBuilder& rows) const {
  auto values = std::make_unique<RegistryValues>(registry);
  const Status ready =
      first_ ? values->Prepare(context, *first_) : values->SettleWithout(context, request.topic);
  if (ready) {
    rows.Settle(keys_are_text_, std::move(values));
    return {};
  }
  // An id that the registry does not know, or a schema of another kind: they are no Avro.
  const std::string& code = ready.error().code();
  const bool other = code == "registry.unknown_schema" || code == "stream.schema_not_avro";
  return other && request.format == MessageFormat::kAuto ? Status() : ready;
}

}  // namespace nstarx::connectors::messages
