#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "base/status.h"
#include "connectors/pulsar/message_id.h"
#include "connectors/pulsar/pulsar_login.h"

namespace nstarx::net {
class HttpClient;
}

namespace nstarx::connectors::pulsar {

/// A topic's name in its three parts.
struct TopicName {
  std::string tenant;
  std::string name_space;
  std::string topic;

  /// "topic" in the login's namespace, "tenant/namespace/topic", or that behind "persistent://".
  static Result<TopicName> Parse(const Login& login, std::string_view text);
  /// "tenant/namespace/topic".
  std::string Path() const;
  /// What the protocol calls the topic, or one of its partitions.
  std::string Full(std::optional<int32_t> partition) const;
  /// The same as a path of the admin API.
  std::string AdminPath(std::optional<int32_t> partition) const;
};

struct Topic {
  TopicName name;
  int32_t partitions = 0;  ///< 0: not partitioned

  std::vector<int32_t> Numbers() const;
  /// Of the number in the column partition: nothing where the topic has none.
  std::optional<int32_t> Part(int32_t number) const;
  int32_t IdPartition(int32_t number) const { return partitions == 0 ? -1 : number; }
};

/// What the broker keeps of one partition.
struct Ledger {
  int64_t id = 0;
  int64_t entries = 0;
};
struct Storage {
  MessageId first;  ///< where the oldest kept message may be
  MessageId end;    ///< the first place behind the last message
  MessageId last;   ///< the last entry
  int64_t entries = 0;
  int64_t entries_added = 0;  ///< since the topic was loaded
  int64_t size = 0;
  std::vector<Ledger> ledgers;                              ///< oldest first
  std::map<std::string, MessageId, std::less<>> committed;  ///< of subscriptions: the next to read
};

/// The admin API of a cluster. Used by one thread at a time.
class Admin {
 public:
  static Result<std::unique_ptr<Admin>> Open(const Login& login);
  ~Admin();

  /// GET /admin/v2/<path>; the segments of `path` are encoded already. admin.not_found,
  /// query.forbidden, login.wrong_token, admin.failed and the errors of HTTP.
  Result<json::value> Get(const Context& context, std::string_view path);
  /// Null when there is no such thing or the login may not see it.
  json::value GetIfAllowed(const Context& context, std::string_view path);
  Status Send(const Context& context, std::string_view method, std::string_view path,
              const json::value& body);

  /// stream.unknown_topic, also for names that no topic can have; never makes a topic.
  Result<Topic> Find(const Context& context, std::string_view name);
  Result<Storage> AskStorage(const Context& context, const Topic& topic, int32_t number);
  /// The first place of that publishing time or later.
  Result<MessageId> AskTime(const Context& context, const Topic& topic, int32_t number,
                            int64_t timestamp_ms);

 private:
  explicit Admin(const Login& login);
  Result<std::string> Call(const Context& context, std::string_view method, std::string_view path,
                           std::string_view body);

  const Login& login_;
  std::unique_ptr<net::HttpClient> http_;
};

/// Reads an answer of internalStats; hostile as all that comes from outside.
Storage ReadStorage(const json::object& answer, int32_t id_partition);

}  // namespace nstarx::connectors::pulsar
