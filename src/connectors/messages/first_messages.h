#pragma once

#include <optional>

#include "connector/facets.h"
#include "connectors/messages/message_rows.h"

namespace nstarx::connectors::messages {

class SchemaRegistry;

/// What the first messages of a reading say about the types of its keys and values.
class FirstMessages {
 public:
  /// The view must live until Settle.
  void See(const MessageView& message);

  /// Settles the types of `rows` by the messages that were seen. Without `last`, messages that have
  /// no value leave them open where Avro is possible: see more, and call again.
  ///
  /// With the format `auto` values are Avro when there is a registry, all of them begin so, and it
  /// knows the first one's schema. A registry (null: none) that does not answer is an error.
  Status Settle(const Context& context, const connector::ConsumeRequest& request,
                SchemaRegistry* registry, bool last, RowBuilder& rows) const;

 private:
  Status SettleAvro(const Context& context, const connector::ConsumeRequest& request,
                    SchemaRegistry& registry, RowBuilder& rows) const;

  bool any_ = false;
  bool keys_are_text_ = true;
  bool values_are_text_ = true;
  bool values_are_marked_ = true;     ///< all of them begin as Avro's do
  std::optional<MessageView> first_;  ///< the first that has a value
};

}  // namespace nstarx::connectors::messages
