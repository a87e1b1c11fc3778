#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <limits>

#include "base/json.h"
#include "connectors/messages/first_messages.h"
#include "connectors/messages/message_rows.h"
#include "connectors/rabbitmq/rabbitmq_queue.h"

namespace nstarx::connectors::rabbitmq {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int64_t kBatchRows = 32'768;
constexpr int64_t kBatchBytes = 2 << 20;
/// Messages that come one by one are gathered for so long.
constexpr auto kGather = milliseconds(10);
constexpr auto kPatience = milliseconds(100);
constexpr auto kFirst = milliseconds(500);
/// How long messages that the server counts are waited for when none come.
constexpr auto kStall = std::chrono::seconds(5);
constexpr uint16_t kCredit = 1000;
constexpr int kAckEvery = 250;
constexpr size_t kLookAt = 256;

class QueueStream final : public connector::BatchStream {
 public:
  QueueStream(OpenedChannel channel, const connector::ConsumeRequest& request, milliseconds quiet,
              messages::SchemaRegistry* registry)
      : channel_(std::move(channel)),
        request_(request),
        quiet_(quiet),
        rows_(request.topic, request.format),
        registry_(registry) {}

  Status Start(const Context& context, const std::string& queue) {
    NSTARX_TRY(ready_, channel_.AskReady(context, queue));
    NSTARX_RETURN_IF_ERROR(Consume(context, queue));
    if (request_.from == connector::StreamStart::kOffset) next_offset_ = request_.position.number;
    last_message_ = Clock::now();
    const auto give_up = Clock::now() + kFirst;
    while (!rows_.settled() && !Over() && waiting_.size() < kLookAt) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      NSTARX_TRY(const bool came, Receive(context, kGather));
      if (!came && (!waiting_.empty() || Clock::now() >= give_up)) break;
    }
    NSTARX_RETURN_IF_ERROR(SettleTypes(context));
    for (const Delivery& delivery : std::exchange(waiting_, {})) {
      if (failure_) break;
      if (Status added = AddRow(context, delivery); !added) failure_ = added.error();
    }
    // Known before a row was handed out: the call fails as a whole.
    if (failure_) return *failure_;
    return {};
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return rows_.schema(); }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    const auto begun = Clock::now();
    while (true) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      if (failure_ && rows_.rows() == 0) return *failure_;
      const bool full = rows_.rows() >= kBatchRows || rows_.bytes() >= kBatchBytes;
      const bool over = Over();
      if (rows_.rows() > 0 && (full || over || failure_)) return rows_.Take();
      if (over) return std::shared_ptr<arrow::RecordBatch>();
      const auto came = Receive(context, rows_.rows() > 0 ? kGather : kPatience);
      if (!came) {
        failure_ = came.error();
        continue;
      }
      if (*came) continue;
      // Nothing came: what there is goes out; else the reader hears, now and then, that we live.
      if (rows_.rows() > 0 || Clock::now() - begun > 2 * kPatience) return rows_.Take();
    }
  }

 private:
  Status Consume(const Context& context, const std::string& queue) {
    NSTARX_RETURN_IF_ERROR(channel_.SetPrefetch(context, kCredit));
    const Status as_stream = channel_.Consume(context, queue, StreamOffset(request_), false);
    is_stream_ = as_stream.has_value();
    if (is_stream_) return {};
    if (!IsNoStream(as_stream.error())) return as_stream;
    using connector::StreamStart;
    if (request_.from != StreamStart::kEarliest && request_.from != StreamStart::kCommitted) {
      return InvalidArgument("stream.queue_has_no_offsets",
                             fmt::format("'{}' is no stream: it is read from its head", queue))
          .WithStage("query")
          .WithConnector("rabbitmq");
    }
    NSTARX_TRY(channel_, OpenedChannel::Open(context, channel_.connection()));
    // Nothing is acknowledged while reading, so that the window is all that may be read.
    const int64_t window = std::min(request_.limit.value_or(0), int64_t{65'535});
    NSTARX_RETURN_IF_ERROR(channel_.SetPrefetch(
        context, request_.limit == window ? static_cast<uint16_t>(window) : uint16_t{0}));
    return channel_.Consume(context, queue, {}, false);
  }

  bool Over() const {
    if (request_.limit && taken_ >= *request_.limit) return true;
    if (request_.follow) return false;
    const auto idle = Clock::now() - last_message_;
    if (!Reached()) return idle >= std::max<Clock::duration>(request_.wait, kStall);
    // The count of a stream lags behind: only its silence tells the end.
    return idle >= (is_stream_ ? std::max(request_.wait, quiet_) : request_.wait);
  }

  /// Whether all that the server counted at the start has come.
  bool Reached() const {
    using connector::StreamStart;
    if (!is_stream_) return taken_ >= ready_;
    if (request_.from == StreamStart::kLatest || request_.from == StreamStart::kTimestamp) {
      return true;
    }
    return next_offset_ >= ready_;
  }

  /// False when nothing came within the wait.
  Result<bool> Receive(const Context& context, milliseconds wait) {
    auto incoming = channel_.connection().Next(context.WithTimeout(wait));
    if (!incoming) {
      if (incoming.error().code() == "query.timeout" && context.Check()) return false;
      return incoming.error();
    }
    if (incoming->method == Method::kBasicCancel) {
      return NotFound("stream.unknown_topic",
                      "the server has ended the reading: the queue is deleted or has moved")
          .WithStage("query")
          .WithConnector("rabbitmq");
    }
    if (incoming->method != Method::kBasicDeliver || incoming->channel != channel_.number()) {
      return true;
    }
    NSTARX_TRY(Delivery delivery, DecodeDelivery(std::move(*incoming)));
    last_message_ = Clock::now();
    if (is_stream_ && ++unacknowledged_ >= kAckEvery) {
      NSTARX_RETURN_IF_ERROR(channel_.Acknowledge(context, delivery.tag));
      unacknowledged_ = 0;
    }
    if (!rows_.settled()) {
      waiting_.push_back(std::move(delivery));
    } else {
      NSTARX_RETURN_IF_ERROR(AddRow(context, delivery));
    }
    return true;
  }

  Status SettleTypes(const Context& context) {
    messages::FirstMessages first;
    for (size_t i = 0; i < waiting_.size(); ++i) {
      first.See(ViewOf(waiting_[i], taken_ + static_cast<int64_t>(i)));
    }
    return first.Settle(context, request_, registry_, true, rows_);
  }

  /// A delivery as a message: of a queue that keeps no offsets it is number `count`.
  messages::MessageView ViewOf(const Delivery& delivery, int64_t count) const {
    messages::MessageView view{
        .offset = count, .key = delivery.routing_key, .value = delivery.body};
    const Properties& properties = delivery.properties;
    const auto seconds = properties.timestamp;
    constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max() / 1000);
    if (seconds && *seconds <= kMost) view.timestamp = static_cast<int64_t>(*seconds) * 1000;
    for (const auto& [name, value] : properties.headers) {
      if (!value.number) continue;
      if (is_stream_ && name == "x-stream-offset") view.offset = *value.number;
      if (name == "timestamp_in_ms") view.timestamp = value.number;
    }
    return view;
  }

  Status AddRow(const Context& context, const Delivery& delivery) {
    if (request_.limit && taken_ >= *request_.limit) return {};
    const Properties& properties = delivery.properties;
    const messages::MessageView view = ViewOf(delivery, taken_);
    if (is_stream_) {
      if (request_.from == connector::StreamStart::kOffset && taken_ == 0 &&
          view.offset > request_.position.number) {
        return InvalidArgument("stream.offset_out_of_range",
                               fmt::format("the stream begins at offset {}, after {}", view.offset,
                                           request_.position.number))
            .WithStage("query")
            .WithConnector("rabbitmq")
            .WithDetail("partition", 0)
            .WithDetail("first", view.offset);
      }
      next_offset_ = view.offset + 1;
    }
    NSTARX_RETURN_IF_ERROR(rows_.Prepare(context, view));
    NSTARX_RETURN_IF_ERROR(rows_.Add(view));
    for (const auto& [name, value] : properties.headers) {
      if (name == "x-stream-offset" || name == "timestamp_in_ms") continue;
      std::optional<std::string_view> shown;
      if (value.bytes) shown = *value.bytes;
      NSTARX_RETURN_IF_ERROR(rows_.AddHeader(name, shown));
    }
    ++taken_;
    return AddProperties(delivery, view.timestamp.has_value());
  }

  Status AddProperties(const Delivery& delivery, bool timestamp_shown) {
    const Properties& properties = delivery.properties;
    for (const auto& [name, text] : properties.texts) {
      NSTARX_RETURN_IF_ERROR(rows_.AddHeader("amqp." + name, text));
    }
    const auto add = [this](std::string_view name, const auto& number) -> Status {
      if (!number) return {};
      return rows_.AddHeader(name, std::to_string(*number));
    };
    NSTARX_RETURN_IF_ERROR(add("amqp.priority", properties.priority));
    NSTARX_RETURN_IF_ERROR(add("amqp.delivery_mode", properties.delivery_mode));
    if (!timestamp_shown) NSTARX_RETURN_IF_ERROR(add("amqp.timestamp", properties.timestamp));
    if (!delivery.exchange.empty()) {
      NSTARX_RETURN_IF_ERROR(rows_.AddHeader("amqp.exchange", delivery.exchange));
    }
    if (delivery.redelivered) NSTARX_RETURN_IF_ERROR(rows_.AddHeader("amqp.redelivered", "true"));
    return {};
  }

  OpenedChannel channel_;
  const connector::ConsumeRequest request_;
  const milliseconds quiet_;
  messages::RowBuilder rows_;
  messages::SchemaRegistry* const registry_;  ///< null: none
  std::vector<Delivery> waiting_;             ///< come before the types were settled
  bool is_stream_ = false;
  int64_t ready_ = 0;
  int64_t next_offset_ = 0;
  int64_t taken_ = 0;
  int unacknowledged_ = 0;
  Clock::time_point last_message_;
  std::optional<Error> failure_;
};

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> ReadQueue(const Context& context,
                                                          Connection& connection,
                                                          const connector::ConsumeRequest& request,
                                                          milliseconds quiet,
                                                          messages::SchemaRegistry* registry) {
  NSTARX_TRY(const Address address, ParseAddress(request.topic));
  if (address.exchange) {
    return InvalidArgument("stream.exchange_has_no_messages",
                           "an exchange keeps no messages: read a queue that is bound to it")
        .WithStage("query")
        .WithConnector("rabbitmq");
  }
  for (const int32_t partition : request.partitions) {
    if (partition == 0) continue;
    return NotFound("stream.unknown_partition", "a queue has the partition 0 alone")
        .WithStage("query")
        .WithConnector("rabbitmq")
        .WithDetail("partition", partition);
  }
  NSTARX_TRY(OpenedChannel channel, OpenedChannel::Open(context, connection));
  auto stream = std::make_unique<QueueStream>(std::move(channel), request, quiet, registry);
  NSTARX_RETURN_IF_ERROR(stream->Start(context, address.name));
  return stream;
}

}  // namespace nstarx::connectors::rabbitmq
