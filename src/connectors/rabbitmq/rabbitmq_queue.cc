#include "connectors/rabbitmq/rabbitmq_queue.h"

#include <fmt/format.h>

#include <algorithm>

namespace nstarx::connectors::rabbitmq {
namespace {

constexpr int64_t kTakeMost = 10'000;
constexpr auto kStreamHead = std::chrono::seconds(5);

Error Refused(ErrorKind kind, std::string_view code, std::string message) {
  return Error(kind, std::string(code), std::move(message))
      .WithStage("query")
      .WithConnector("rabbitmq");
}

}  // namespace

Result<Address> ParseAddress(std::string_view path) {
  Address out;
  if (path.starts_with("exchanges/")) {
    out.exchange = true;
    path.remove_prefix(10);
  } else if (path.starts_with("queues/")) {
    path.remove_prefix(7);
  }
  if (path.empty() || path.size() > 255 || path.find('\0') != std::string_view::npos) {
    return Refused(ErrorKind::kNotFound, "stream.unknown_topic",
                   fmt::format("'{}' is no name of a queue or exchange", path.substr(0, 300)));
  }
  out.name = path;
  return out;
}

Result<OpenedChannel> OpenedChannel::Open(const Context& context, Connection& connection) {
  NSTARX_TRY(const uint16_t number, connection.OpenChannel(context));
  return OpenedChannel(connection, number);
}

OpenedChannel& OpenedChannel::operator=(OpenedChannel&& other) noexcept {
  if (this == &other) return *this;
  Close();
  connection_ = std::exchange(other.connection_, nullptr);
  number_ = other.number_;
  return *this;
}

Result<int64_t> OpenedChannel::AskReady(const Context& context, const std::string& queue) {
  WireWriter declare;
  declare.Short(0);
  declare.ShortString(queue);
  declare.Octet(1);  // passive: only asks
  declare.Long(0);
  NSTARX_TRY(const Incoming answer, connection_->Call(context, number_, Method::kQueueDeclare,
                                                      declare.bytes(), Method::kQueueDeclareOk));
  WireReader reader(answer.arguments);
  reader.ShortString();
  return static_cast<int64_t>(reader.Long());
}

Status OpenedChannel::AskExchange(const Context& context, const std::string& exchange) {
  WireWriter declare;
  declare.Short(0);
  declare.ShortString(exchange);
  declare.ShortString("direct");
  declare.Octet(1);
  declare.Long(0);
  NSTARX_RETURN_IF_ERROR(connection_->Call(context, number_, Method::kExchangeDeclare,
                                           declare.bytes(), Method::kExchangeDeclareOk));
  return {};
}

Status OpenedChannel::SetPrefetch(const Context& context, uint16_t count) {
  WireWriter qos;
  qos.Long(0);
  qos.Short(count);
  qos.Octet(0);
  NSTARX_RETURN_IF_ERROR(
      connection_->Call(context, number_, Method::kBasicQos, qos.bytes(), Method::kBasicQosOk));
  return {};
}

Status OpenedChannel::Consume(const Context& context, const std::string& queue,
                              std::string_view stream_offset, bool exclusive) {
  WireWriter arguments;
  if (!stream_offset.empty()) {
    arguments.ShortString("x-stream-offset");
  }
  const std::string table = arguments.Take() + std::string(stream_offset);
  WireWriter consume;
  consume.Short(0);
  consume.ShortString(queue);
  consume.ShortString("nstarx");
  consume.Octet(exclusive ? 4 : 0);
  consume.LongString(table);
  NSTARX_RETURN_IF_ERROR(connection_->Call(context, number_, Method::kBasicConsume, consume.bytes(),
                                           Method::kBasicConsumeOk));
  return {};
}

Status OpenedChannel::Acknowledge(const Context& context, uint64_t tag) {
  WireWriter ack;
  ack.LongLong(tag);
  ack.Octet(1);  // this one and all before
  return connection_->Send(context, number_, Method::kBasicAck, ack.bytes());
}

std::string StreamOffset(const connector::ConsumeRequest& request) {
  using connector::StreamStart;
  WireWriter out;
  switch (request.from) {
    case StreamStart::kOffset:
      out.Octet('l');
      out.LongLong(static_cast<uint64_t>(request.position.number));
      break;
    case StreamStart::kTimestamp:
      out.Octet('T');
      out.LongLong(static_cast<uint64_t>(std::max<int64_t>(request.timestamp_ms, 0) / 1000));
      break;
    default:
      out.Octet('S');
      out.LongString(request.from == StreamStart::kLatest ? "next" : "first");
  }
  return out.Take();
}

bool IsNoStream(const Error& error) {
  return error.vendor_code() == "406" &&
         error.message().find("x-stream-offset") != std::string::npos;
}

Status TakeOff(const Context& context, Connection& connection, const std::string& queue,
               int64_t count) {
  NSTARX_TRY(OpenedChannel channel, OpenedChannel::Open(context, connection));
  NSTARX_TRY(const int64_t ready, channel.AskReady(context, queue));
  NSTARX_RETURN_IF_ERROR(channel.SetPrefetch(context, 1));
  connector::ConsumeRequest first;
  const Status as_stream = channel.Consume(context, queue, StreamOffset(first), true);
  if (as_stream) {
    return Refused(ErrorKind::kInvalidArgument, "stream.commit_unsupported",
                   fmt::format("'{}' is a stream: reading takes nothing, and offsets of groups are "
                               "kept by its readers",
                               queue));
  }
  if (!IsNoStream(as_stream.error())) return as_stream;
  if (count < 0 || count > ready) {
    return Refused(ErrorKind::kInvalidArgument, "stream.offset_out_of_range",
                   fmt::format("the queue has {} messages that are ready, not {}", ready, count))
        .WithDetail("partition", 0)
        .WithDetail("first", 0)
        .WithDetail("end", ready);
  }
  while (count > 0) {
    const int64_t part = std::min(count, kTakeMost);
    NSTARX_TRY(channel, OpenedChannel::Open(context, connection));
    NSTARX_RETURN_IF_ERROR(channel.SetPrefetch(context, static_cast<uint16_t>(part)));
    NSTARX_RETURN_IF_ERROR(channel.Consume(context, queue, {}, true));
    uint64_t last = 0;
    for (int64_t i = 0; i < part; ++i) {
      NSTARX_TRY(const Incoming incoming,
                 connection.Expect(context, channel.number(), Method::kBasicDeliver));
      WireReader reader(incoming.arguments);
      reader.ShortString();
      last = reader.LongLong();
    }
    // Cancelled first, so that the acknowledgement brings no further messages.
    WireWriter cancel;
    cancel.ShortString("nstarx");
    cancel.Octet(1);
    NSTARX_RETURN_IF_ERROR(
        connection.Send(context, channel.number(), Method::kBasicCancel, cancel.bytes()));
    NSTARX_RETURN_IF_ERROR(channel.Acknowledge(context, last));
    count -= part;
  }
  // An answer after the acknowledgement says that it has arrived.
  NSTARX_RETURN_IF_ERROR(channel.AskReady(context, queue));
  return {};
}

Result<Bounds> AskBounds(const Context& context, Connection& connection, const std::string& queue) {
  NSTARX_TRY(OpenedChannel channel, OpenedChannel::Open(context, connection));
  NSTARX_TRY(const int64_t ready, channel.AskReady(context, queue));
  Bounds out{.is_stream = false, .lag = {.end = ready, .committed = {}, .lag = ready}};
  if (ready == 0) return out;
  NSTARX_RETURN_IF_ERROR(channel.SetPrefetch(context, 1));
  connector::ConsumeRequest first;
  const Status as_stream = channel.Consume(context, queue, StreamOffset(first), false);
  if (!as_stream) {
    if (IsNoStream(as_stream.error())) return out;
    return as_stream.error();
  }
  out.is_stream = true;
  NSTARX_TRY(Incoming incoming, connection.Expect(context.WithTimeout(kStreamHead),
                                                  channel.number(), Method::kBasicDeliver));
  NSTARX_TRY(const Delivery delivery, DecodeDelivery(std::move(incoming)));
  for (const auto& [name, value] : delivery.properties.headers) {
    if (name == "x-stream-offset" && value.number) out.lag.first = *value.number;
  }
  out.lag.end = out.lag.first.number + ready;
  return out;
}

}  // namespace nstarx::connectors::rabbitmq
