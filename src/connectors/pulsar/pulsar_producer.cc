#include "connectors/pulsar/pulsar_producer.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <map>
#include <utility>

#include "connectors/messages/message_columns.h"
#include "connectors/pulsar/pulsar_errors.h"

namespace nstarx::connectors::pulsar {
namespace {

using messages::MessageColumns;

constexpr int64_t kInFlightMax = 10'000;
constexpr int64_t kInFlightBytes = 16 << 20;
constexpr auto kQuiet = std::chrono::seconds(2);
constexpr auto kSlice = std::chrono::milliseconds(20);

/// What became of the messages of one call. Shared with the library's threads.
struct Flight {
  std::mutex mutex;
  std::condition_variable changed;
  int64_t messages = 0;
  int64_t bytes = 0;
  int64_t delivered = 0;
  struct Row {
    MessageId last;
    int64_t count = 0;
  };
  std::map<int32_t, Row> partitions;
  int failure = kOk;  ///< the first
};

struct Receipt {
  std::shared_ptr<Flight> flight;
  const Libpulsar& api;
  int64_t bytes;
  int32_t partition;  ///< -1: as the receipt says
};

/// Runs in the library's thread.
void TakeReceipt(int result, pulsar_message_id* id, void* opaque) {
  const std::unique_ptr<Receipt> receipt(static_cast<Receipt*>(opaque));
  MessageId at;
  if (id != nullptr) {
    at = IdOf(receipt->api, id);
    receipt->api.message_id_free(id);
  }
  if (receipt->partition >= 0) at.partition = receipt->partition;
  Flight& flight = *receipt->flight;
  {
    const std::lock_guard lock(flight.mutex);
    --flight.messages;
    flight.bytes -= receipt->bytes;
    if (result == kOk) {
      ++flight.delivered;
      auto& row = flight.partitions[std::max(at.partition, 0)];
      ++row.count;
      if (row.last.ComesBefore(at)) row.last = at;
    } else if (flight.failure == kOk) {
      flight.failure = result;
    }
  }
  flight.changed.notify_all();
}

/// The library takes C strings: what does not fit must not be cut.
Status CheckText(std::optional<std::string_view> text, std::string_view what, int64_t message) {
  if (!text) {
    return Failed(
               ErrorKind::kInvalidArgument, "stream.message_rejected",
               fmt::format("{} of message {} is NULL: Pulsar's properties are text", what, message))
        .WithDetail("message", message);
  }
  if (IsUtf8(*text) && text->find('\0') == text->npos) return {};
  return Failed(ErrorKind::kInvalidArgument, "stream.message_rejected",
                fmt::format("{} of message {} is not text: Pulsar's keys and properties are UTF-8 "
                            "without NUL",
                            what, message))
      .WithDetail("message", message);
}

class Sending {
 public:
  Sending(Client& client, const Topic& topic)
      : client_(client), api_(client.api()), topic_(topic), flight_(std::make_shared<Flight>()) {}

  Status Run(const Context& context, connector::BatchStream& messages) {
    MessageColumns columns;
    while (true) {
      NSTARX_TRY(const auto batch, messages.Next(context));
      if (batch == nullptr) break;
      NSTARX_RETURN_IF_ERROR(columns.Bind(*batch));
      for (int64_t row = 0; row < batch->num_rows(); ++row) {
        NSTARX_RETURN_IF_ERROR(SendRow(context, columns, row));
      }
    }
    for (const auto& [number, producer] : producers_) {
      api_.producer_flush_async(producer.get(), [](int, void*) {}, nullptr);
    }
    return Wait(context, 0, 0);
  }

  /// What was delivered until now.
  connector::ProduceReport Report() const {
    connector::ProduceReport out;
    const std::lock_guard lock(flight_->mutex);
    out.count = flight_->delivered;
    for (const auto& [number, row] : flight_->partitions) {
      out.partitions.push_back(
          {.partition = number, .offset = row.last.ToString(), .count = row.count});
    }
    return out;
  }

 private:
  /// -1: the library chooses.
  Result<pulsar_producer*> ProducerOf(const Context& context, int32_t number) {
    const auto found = producers_.find(number);
    if (found != producers_.end()) return found->second.get();
    const std::string name = topic_.name.Full(number < 0 ? std::nullopt : topic_.Part(number));
    NSTARX_TRY(auto made, client_.MakeProducer(context, name));
    return producers_.emplace(number, std::move(made)).first->second.get();
  }

  Status SendRow(const Context& context, const MessageColumns& columns, int64_t row) {
    const auto wanted = columns.Partition(row);
    if (wanted && (*wanted < 0 || *wanted >= std::max(topic_.partitions, 1))) {
      return Failed(ErrorKind::kNotFound, "stream.unknown_partition",
                    fmt::format("topic '{}' has no partition {}", topic_.name.topic, *wanted))
          .WithDetail("partition", *wanted)
          .WithDetail("message", sent_);
    }
    const auto key = columns.Key(row);
    if (key) NSTARX_RETURN_IF_ERROR(CheckText(key, "the key", sent_));
    for (const auto& [name, value] : columns.Headers(row)) {
      NSTARX_RETURN_IF_ERROR(CheckText(name, "a header's name", sent_));
      NSTARX_RETURN_IF_ERROR(CheckText(value, fmt::format("header '{}'", name), sent_));
    }
    NSTARX_TRY(pulsar_producer * producer, ProducerOf(context, wanted.value_or(-1)));
    NSTARX_RETURN_IF_ERROR(Wait(context, kInFlightMax, kInFlightBytes));
    pulsar_message* message = Build(columns, row);
    const auto bytes = static_cast<int64_t>(columns.Value(row).value_or("").size()) + 64;
    {
      const std::lock_guard lock(flight_->mutex);
      ++flight_->messages;
      flight_->bytes += bytes;
    }
    const int32_t partition = topic_.partitions == 0 ? -1 : wanted.value_or(-1);
    api_.producer_send_async(
        producer, message, TakeReceipt,
        new Receipt{.flight = flight_, .api = api_, .bytes = bytes, .partition = partition});
    api_.message_free(message);
    ++sent_;
    return {};
  }

  pulsar_message* Build(const MessageColumns& columns, int64_t row) const {
    pulsar_message* message = api_.message_create();
    if (const auto value = columns.Value(row)) {
      api_.message_set_content(message, value->empty() ? "" : value->data(), value->size());
    } else {
      api_.message_set_null_value(message);
    }
    if (const auto key = columns.Key(row)) {
      api_.message_set_partition_key(message, std::string(*key).c_str());
    }
    for (const auto& [name, value] : columns.Headers(row)) {
      api_.message_set_property(message, std::string(name).c_str(),
                                std::string(value.value_or("")).c_str());
    }
    if (const auto timestamp = columns.Timestamp(row); timestamp && *timestamp > 0) {
      api_.message_set_event_timestamp(message, static_cast<uint64_t>(*timestamp));
    }
    return message;
  }

  /// Until fewer messages are under way; fails with the first that was refused.
  Status Wait(const Context& context, int64_t messages, int64_t bytes) {
    std::unique_lock lock(flight_->mutex);
    auto looked = std::chrono::steady_clock::now();
    int64_t delivered = flight_->delivered;
    while (true) {
      if (flight_->failure != kOk) return MapResult(flight_->failure, "writing a message");
      if (flight_->messages <= messages && flight_->bytes <= bytes) return {};
      NSTARX_RETURN_IF_ERROR(context.Check());
      flight_->changed.wait_for(lock, kSlice);
      if (std::chrono::steady_clock::now() - looked < kQuiet) continue;
      // The library dials on in silence when the broker is gone.
      looked = std::chrono::steady_clock::now();
      if (std::exchange(delivered, flight_->delivered) == flight_->delivered) {
        lock.unlock();
        NSTARX_RETURN_IF_ERROR(client_.CheckBroker(context));
        lock.lock();
      }
    }
  }

  Client& client_;
  const Libpulsar& api_;
  const Topic& topic_;
  const std::shared_ptr<Flight> flight_;
  std::map<int32_t, Client::Producer> producers_;
  int64_t sent_ = 0;
};

}  // namespace

Result<connector::ProduceReport> SendMessages(const Context& context, Client& client,
                                              const Topic& topic,
                                              connector::BatchStream& messages) {
  Sending sending(client, topic);
  if (const Status done = sending.Run(context, messages); !done) {
    Error error = done.error();
    return error.WithDetail("delivered", sending.Report().count);
  }
  return sending.Report();
}

}  // namespace nstarx::connectors::pulsar
