#include "connectors/rabbitmq/rabbitmq_producer.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <set>

#include "connectors/messages/message_columns.h"
#include "connectors/rabbitmq/rabbitmq_errors.h"
#include "connectors/rabbitmq/rabbitmq_queue.h"

namespace nstarx::connectors::rabbitmq {
namespace {

constexpr size_t kWindow = 1000;
constexpr size_t kWindowBytes = 8U << 20U;

Error Refused(std::string_view code, std::string message) {
  return InvalidArgument(std::string(code), std::move(message))
      .WithStage("query")
      .WithConnector("rabbitmq");
}

class Publishing {
 public:
  Publishing(OpenedChannel channel, Address address)
      : channel_(std::move(channel)), address_(std::move(address)) {}

  Status Run(const Context& context, connector::BatchStream& messages) {
    // Asked first: what is published to no queue would be lost, and to no exchange end the channel.
    if (address_.exchange) {
      NSTARX_RETURN_IF_ERROR(channel_.AskExchange(context, address_.name));
    } else {
      NSTARX_RETURN_IF_ERROR(channel_.AskReady(context, address_.name));
    }
    NSTARX_RETURN_IF_ERROR(
        channel_.connection().Call(context, channel_.number(), Method::kConfirmSelect,
                                   std::string_view("\0", 1), Method::kConfirmSelectOk));
    while (true) {
      NSTARX_TRY(const auto batch, messages.Next(context));
      if (batch == nullptr) break;
      messages::MessageColumns columns;
      NSTARX_RETURN_IF_ERROR(columns.Bind(*batch));
      for (int64_t row = 0; row < batch->num_rows(); ++row) {
        if (Status sent = SendRow(context, columns, row); !sent) {
          Error error = sent.error();
          return error.WithDetail("message", static_cast<int64_t>(sent_));
        }
        if (outstanding_.size() >= kWindow || bytes_ >= kWindowBytes) {
          NSTARX_RETURN_IF_ERROR(WaitFor(context, kWindow / 2));
          bytes_ = 0;
        }
      }
    }
    return WaitFor(context, 0);
  }

  int64_t delivered() const { return delivered_; }

 private:
  Result<Properties> PropertiesOf(const messages::MessageColumns& columns, int64_t row) {
    Properties out;
    out.delivery_mode = 2;  // kept on disk
    for (const auto& [name, value] : columns.Headers(row)) {
      if (!name.starts_with("amqp.") || name == "amqp.exchange" || name == "amqp.redelivered") {
        HeaderValue header;
        if (value) header.bytes = std::string(*value);
        out.headers.emplace_back(std::string(name), std::move(header));
        continue;
      }
      const std::string property(name.substr(5));
      const std::string text(value.value_or(""));
      if (property == "delivery_mode" || property == "priority") {
        if (text.size() != 1 || text[0] < '0' || text[0] > '9') {
          return Refused("stream.invalid_header", fmt::format("{} is no digit", name));
        }
        (property == "priority" ? out.priority : out.delivery_mode) =
            static_cast<uint8_t>(text[0] - '0');
      } else {
        out.texts.emplace_back(property, text);
      }
    }
    if (const auto timestamp = columns.Timestamp(row)) {
      if (*timestamp < 0) {
        return Refused("stream.invalid_header", "AMQP has no times before 1970");
      }
      out.timestamp = static_cast<uint64_t>(*timestamp) / 1000;
      if (*timestamp % 1000 != 0) {
        out.headers.emplace_back("timestamp_in_ms",
                                 HeaderValue{.bytes = "", .number = *timestamp, .is_json = false});
      }
    }
    return out;
  }

  Status SendRow(const Context& context, const messages::MessageColumns& columns, int64_t row) {
    const auto key = columns.Key(row);
    const auto value = columns.Value(row);
    if (!value) return Refused("stream.null_message", "an AMQP message can't be NULL");
    if (columns.Partition(row).value_or(0) != 0) {
      return NotFound("stream.unknown_partition", "a queue has the partition 0 alone")
          .WithStage("query")
          .WithConnector("rabbitmq");
    }
    if (key && !address_.exchange && *key != address_.name) {
      return Refused("stream.key_needs_exchange",
                     "the key is the routing key: messages with one are written to "
                     "exchanges/NAME, not to a queue");
    }
    const std::string_view routing_key = address_.exchange ? key.value_or("") : address_.name;
    if (routing_key.size() > 255) {
      return Refused("stream.invalid_header", "a routing key has at most 255 bytes");
    }
    NSTARX_TRY(const Properties properties, PropertiesOf(columns, row));
    NSTARX_TRY(const std::string encoded, EncodeProperties(properties));
    Connection& connection = channel_.connection();
    if (Status sent = connection.Publish(context, channel_.number(),
                                         address_.exchange ? address_.name : std::string_view(),
                                         routing_key, encoded, *value);
        !sent) {
      return BlockedOr(sent.error());
    }
    outstanding_.insert(++sent_);
    bytes_ += value->size() + encoded.size();
    return {};
  }

  /// A broker that is out of memory or disk reads nothing more and says so.
  Error BlockedOr(Error error) const {
    if (error.code() != "query.timeout" || !channel_.connection().blocked()) return error;
    return Error(ErrorKind::kUnavailable, "stream.blocked",
                 "the server takes no messages now: it is short of memory or disk")
        .WithStage("query")
        .WithConnector("rabbitmq")
        .WithAction(Action::kRetry);
  }

  Status WaitFor(const Context& context, size_t left) {
    while (outstanding_.size() > left) {
      auto incoming = channel_.connection().Next(context);
      if (!incoming) return BlockedOr(incoming.error());
      WireReader reader(incoming->arguments);
      if (incoming->method == Method::kBasicReturn) {
        const uint16_t code = reader.Short();
        return Refused("stream.unroutable",
                       fmt::format("no queue takes a message: {}", reader.ShortString()))
            .WithVendorCode(std::to_string(code));
      }
      const bool taken = incoming->method == Method::kBasicAck;
      if (!taken && incoming->method != Method::kBasicNack) continue;
      const uint64_t tag = reader.LongLong();
      const bool all_before = (reader.Octet() & 1U) != 0;
      if (!taken) {
        return Refused("stream.message_rejected",
                       fmt::format("the server did not take message {}", tag));
      }
      const size_t before = outstanding_.size();
      if (all_before) {
        outstanding_.erase(outstanding_.begin(), outstanding_.upper_bound(tag));
      } else {
        outstanding_.erase(tag);
      }
      delivered_ += static_cast<int64_t>(before - outstanding_.size());
    }
    return {};
  }

  OpenedChannel channel_;
  const Address address_;
  std::set<uint64_t> outstanding_;
  uint64_t sent_ = 0;
  size_t bytes_ = 0;
  int64_t delivered_ = 0;
};

}  // namespace

Result<connector::ProduceReport> SendMessages(const Context& context, Connection& connection,
                                              std::string_view path,
                                              connector::BatchStream& messages) {
  NSTARX_TRY(Address address, ParseAddress(path));
  NSTARX_TRY(OpenedChannel channel, OpenedChannel::Open(context, connection));
  Publishing publishing(std::move(channel), std::move(address));
  if (const Status done = publishing.Run(context, messages); !done) {
    Error error = done.error();
    return error.WithDetail("delivered", publishing.delivered());
  }
  return connector::ProduceReport{.count = publishing.delivered(), .partitions = {}};
}

}  // namespace nstarx::connectors::rabbitmq
