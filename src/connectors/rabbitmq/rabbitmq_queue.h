#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "connector/facets.h"
#include "connectors/rabbitmq/amqp_connection.h"

namespace nstarx::connectors::messages {
class SchemaRegistry;
}

namespace nstarx::connectors::rabbitmq {

/// What a path names: "q" and "queues/q" a queue, "exchanges/e" an exchange.
struct Address {
  bool exchange = false;
  std::string name;
};
Result<Address> ParseAddress(std::string_view path);

/// A channel that is closed, giving back what it holds, with its owner.
class OpenedChannel {
 public:
  static Result<OpenedChannel> Open(const Context& context, Connection& connection);
  OpenedChannel(OpenedChannel&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)), number_(other.number_) {}
  OpenedChannel& operator=(OpenedChannel&& other) noexcept;
  ~OpenedChannel() { Close(); }
  uint16_t number() const { return number_; }
  Connection& connection() const { return *connection_; }

  /// The messages that are ready; stream.unknown_topic when there is no such queue.
  Result<int64_t> AskReady(const Context& context, const std::string& queue);
  Status AskExchange(const Context& context, const std::string& exchange);
  Status SetPrefetch(const Context& context, uint16_t count);
  /// `stream_offset` is the encoded value of x-stream-offset with its type, empty for none.
  Status Consume(const Context& context, const std::string& queue, std::string_view stream_offset,
                 bool exclusive);
  Status Acknowledge(const Context& context, uint64_t tag);

 private:
  OpenedChannel(Connection& connection, uint16_t number)
      : connection_(&connection), number_(number) {}
  void Close() {
    if (connection_ != nullptr) connection_->CloseChannel(number_);
    connection_ = nullptr;
  }
  Connection* connection_;
  uint16_t number_;
};

/// The encoded x-stream-offset: "first", "next", an offset, a time.
std::string StreamOffset(const connector::ConsumeRequest& request);

/// Whether consuming with x-stream-offset was refused because the queue is no stream.
bool IsNoStream(const Error& error);

/// Takes the first `count` messages off a queue that nobody else consumes. stream.group_active,
/// stream.commit_unsupported, stream.offset_out_of_range.
Status TakeOff(const Context& context, Connection& connection, const std::string& queue,
               int64_t count);

/// What a queue holds: 0 to the messages that are ready; of a stream its first offset and count.
struct Bounds {
  bool is_stream = false;
  connector::Lag lag;
};
Result<Bounds> AskBounds(const Context& context, Connection& connection, const std::string& queue);

/// Reads without taking: a stream by its offsets, any other queue by holding its messages until
/// the end and giving them back. `connection` and `registry` (null: none) must
/// outlive it.
Result<std::unique_ptr<connector::BatchStream>> ReadQueue(const Context& context,
                                                          Connection& connection,
                                                          const connector::ConsumeRequest& request,
                                                          std::chrono::milliseconds quiet,
                                                          messages::SchemaRegistry* registry);

}  // namespace nstarx::connectors::rabbitmq
