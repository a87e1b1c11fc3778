#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "connectors/rabbitmq/amqp_wire.h"
#include "model/connection.h"
#include "net/channel.h"

namespace nstarx::connectors::rabbitmq {

/// How to reach and log in to a broker.
struct Login {
  model::Endpoint endpoint;
  model::Ssl ssl;
  bool external = false;  ///< SASL EXTERNAL: the certificate is the login
  std::string user;
  Secret password;
  Secret client_certificate;
  Secret client_key;
  std::string virtual_host = "/";
  std::string client_name;
  std::chrono::milliseconds connect_timeout{10'000};
};

/// Class and method of AMQP 0-9-1 in one number.
enum class Method : uint32_t {
  kConnectionStart = 0x000A000A,
  kConnectionStartOk = 0x000A000B,
  kConnectionTune = 0x000A001E,
  kConnectionTuneOk = 0x000A001F,
  kConnectionOpen = 0x000A0028,
  kConnectionOpenOk = 0x000A0029,
  kConnectionClose = 0x000A0032,
  kConnectionCloseOk = 0x000A0033,
  kConnectionBlocked = 0x000A003C,
  kConnectionUnblocked = 0x000A003D,
  kChannelOpen = 0x0014000A,
  kChannelOpenOk = 0x0014000B,
  kChannelClose = 0x00140028,
  kChannelCloseOk = 0x00140029,
  kExchangeDeclare = 0x0028000A,
  kExchangeDeclareOk = 0x0028000B,
  kQueueDeclare = 0x0032000A,
  kQueueDeclareOk = 0x0032000B,
  kBasicQos = 0x003C000A,
  kBasicQosOk = 0x003C000B,
  kBasicConsume = 0x003C0014,
  kBasicConsumeOk = 0x003C0015,
  kBasicCancel = 0x003C001E,
  kBasicPublish = 0x003C0028,
  kBasicReturn = 0x003C0032,
  kBasicDeliver = 0x003C003C,
  kBasicAck = 0x003C0050,
  kBasicNack = 0x003C0078,
  kConfirmSelect = 0x0055000A,
  kConfirmSelectOk = 0x0055000B,
};

/// A method that has come, with its message if it carries one.
struct Incoming {
  uint16_t channel = 0;
  Method method{};
  std::string arguments;
  std::string properties;
  std::string body;
};

struct Delivery {
  uint64_t tag = 0;
  bool redelivered = false;
  std::string exchange;
  std::string routing_key;
  Properties properties;
  std::string body;
};
Result<Delivery> DecodeDelivery(Incoming incoming);

/// One AMQP connection. Used by one thread at a time. A wait that ends with its context loses
/// nothing when reading: the next call goes on where it was.
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> Open(const Context& context, const Login& login);
  /// Says goodbye without waiting for the answer.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Status Send(const Context& context, uint16_t channel, Method method, std::string_view arguments);
  Status Publish(const Context& context, uint16_t channel, std::string_view exchange,
                 std::string_view routing_key, std::string_view properties, std::string_view body);
  /// The next method of any channel. channel.close and connection.close come as errors.
  Result<Incoming> Next(const Context& context);
  /// Waits for that method of that channel; deliveries before it are dropped.
  Result<Incoming> Expect(const Context& context, uint16_t channel, Method method);
  /// Sends and waits for the answer.
  Result<Incoming> Call(const Context& context, uint16_t channel, Method method,
                        std::string_view arguments, Method answer);

  Result<uint16_t> OpenChannel(const Context& context);
  /// Gives back what is not acknowledged. Nothing when the server has closed it already.
  void CloseChannel(uint16_t channel);

  bool broken() const { return broken_; }
  bool blocked() const { return blocked_; }
  const std::string& product() const { return product_; }
  const std::string& version() const { return version_; }
  const net::TlsFacts* tls() const { return channel_->tls(); }
  bool PeerGone() const { return broken_ || channel_->PeerGone(); }

 private:
  explicit Connection(std::unique_ptr<net::Channel> channel) : channel_(std::move(channel)) {}
  Status Handshake(const Context& context, const Login& login);
  Status StartOk(const Context& context, const Login& login, const Incoming& start);
  Status Write(const Context& context, std::string_view bytes);
  struct Frame {
    uint8_t type;
    uint16_t channel;
    std::string_view payload;  ///< lives until the next ReadFrame
  };
  Result<Frame> ReadFrame(const Context& context);
  /// True when `pending_` is complete.
  Result<bool> Take(const Frame& frame);
  Status Handle(const Context& context, const Incoming& incoming);

  std::unique_ptr<net::Channel> channel_;
  std::string buffer_;
  size_t begin_ = 0;  ///< of what is unread in buffer_
  size_t frame_max_ = 131'072;
  std::optional<Incoming> pending_;
  bool header_seen_ = false;
  uint64_t body_size_ = 0;
  bool broken_ = false;
  bool blocked_ = false;
  uint16_t last_channel_ = 0;
  std::set<uint16_t> open_;  ///< channels
  uint16_t channel_max_ = 2047;
  std::string product_;
  std::string version_;
};

}  // namespace nstarx::connectors::rabbitmq
