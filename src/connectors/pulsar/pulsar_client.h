#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "connectors/pulsar/libpulsar.h"
#include "connectors/pulsar/message_id.h"
#include "connectors/pulsar/pulsar_login.h"
#include "net/reach.h"

namespace nstarx::connectors::pulsar {

/// What a call of the library has led to. Shared with the library's threads, which may answer after
/// nobody waits any more.
template <class Made>
struct Answer {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  bool abandoned = false;
  int result = 0;
  Made* made = nullptr;
};

/// One client of the library with its threads. Used by one thread at a time.
class Client {
 public:
  /// Dials nothing yet.
  static Result<std::unique_ptr<Client>> Make(const Login& login);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  const Libpulsar& api() const { return api_; }

  /// Ends and frees itself in the background.
  struct ReaderDelete {
    const Libpulsar* api;
    void operator()(pulsar_reader* reader) const;
  };
  using Reader = std::unique_ptr<pulsar_reader, ReaderDelete>;
  struct ProducerDelete {
    const Libpulsar* api;
    void operator()(pulsar_producer* producer) const;
  };
  using Producer = std::unique_ptr<pulsar_producer, ProducerDelete>;

  /// The first message is the one after `after`. At most `queue` messages are fetched ahead.
  Result<Reader> MakeReader(const Context& context, const std::string& topic,
                            const MessageId& after, int queue);
  Result<Producer> MakeProducer(const Context& context, const std::string& topic);
  /// Whether the broker answers now, and why not.
  Status CheckBroker(const Context& context) const;

 private:
  Client(const Libpulsar& api, const Login& login) : api_(api), login_(login) {}
  void Close();
  /// The library says only that it took too long: looks for the cause.
  Error CauseOf(const Context& context, int result, std::string_view what) const;

  const Libpulsar& api_;
  const Login& login_;
  std::optional<net::PemFile> trusted_;
  pulsar_client* handle_ = nullptr;
};

/// What an id of the library says; it stays the caller's.
MessageId IdOf(const Libpulsar& api, pulsar_message_id* id);

}  // namespace nstarx::connectors::pulsar
