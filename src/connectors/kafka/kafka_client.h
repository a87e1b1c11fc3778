#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "connector/facets.h"
#include "model/connection.h"

struct rd_kafka_s;
struct rd_kafka_metadata;

namespace nstarx::connectors::kafka {

/// How to reach and log in to a cluster.
struct Login {
  std::vector<model::Endpoint> endpoints;
  model::Ssl ssl;
  std::string mechanism;  ///< SASL; empty: none
  std::string user;
  Secret password;
  Secret client_certificate;
  Secret client_key;
  std::string client_id;
  bool idempotent = true;
  bool read_committed = true;
  std::chrono::milliseconds connect_timeout{10'000};
};

/// What librdkafka reported last of the connection.
struct Trouble {
  int code = 0;
  std::string message;
};

/// What became of the messages of one Produce.
struct Deliveries {
  int64_t count = 0;
  std::map<int32_t, connector::PartitionOffset> partitions;
  std::optional<Error> failure;  ///< the first
};

/// Brokers and topics as the cluster lists them.
struct TopicFacts {
  std::string name;
  std::vector<int32_t> partitions;
};
struct ClusterFacts {
  std::vector<model::Endpoint> brokers;
  std::vector<TopicFacts> topics;
};

struct Watermarks {
  int64_t low = 0;
  int64_t high = 0;
};

/// One client of librdkafka with its threads. Used by one thread at a time; its callbacks run only
/// inside of calls.
class Client {
 public:
  enum class Role { kReader, kWriter };
  /// Dials nothing yet. `group` may be empty.
  static Result<std::unique_ptr<Client>> Make(const Login& login, Role role,
                                              const std::string& group);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  rd_kafka_s* get() const { return handle_; }
  /// Runs the callbacks that wait, for at most so long.
  void Serve(std::chrono::milliseconds wait);
  /// The last trouble since the one before was taken.
  std::optional<Trouble> TakeTrouble() { return std::exchange(trouble_, std::nullopt); }
  void set_deliveries(Deliveries* deliveries) { deliveries_ = deliveries; }
  Deliveries* deliveries() const { return deliveries_; }
  void Note(Trouble trouble);

  /// Brokers, and either all topics, or the one named, or none ("").
  Result<ClusterFacts> Ask(const Context& context, bool all, const std::string& topic);
  Result<Watermarks> AskWatermarks(const Context& context, const std::string& topic,
                                   int32_t partition);
  /// For each partition the first offset of that time or later; the end where there is none.
  Result<std::map<int32_t, int64_t>> AskTimes(const Context& context, const std::string& topic,
                                              const std::vector<int32_t>& partitions,
                                              int64_t milliseconds);
  /// Where the client's group has committed; partitions without are left out.
  Result<std::map<int32_t, int64_t>> AskCommitted(const Context& context, const std::string& topic,
                                                  const std::vector<int32_t>& partitions);
  Status Commit(const Context& context, const std::string& topic,
                const std::vector<connector::PartitionOffset>& next);
  /// The topic's settings; empty when the login may not see them.
  std::map<std::string, std::string> AskSettings(const Context& context, const std::string& topic);

 private:
  Client() = default;
  /// Repeats `call` (timeout in ms → librdkafka's code) in short slices until it answers, the
  /// context ends, or the connection is lost.
  Status Repeat(const Context& context, const std::function<int(int)>& call);

  /// True when one of the addresses that were given accepts connections.
  bool Reachable(const Context& context) const;

  rd_kafka_s* handle_ = nullptr;
  std::vector<model::Endpoint> endpoints_;
  std::optional<Trouble> trouble_;
  Deliveries* deliveries_ = nullptr;
};

}  // namespace nstarx::connectors::kafka
