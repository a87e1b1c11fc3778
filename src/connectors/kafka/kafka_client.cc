#include "connectors/kafka/kafka_client.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "connectors/kafka/kafka_errors.h"
#include "net/reach.h"

namespace nstarx::connectors::kafka {
namespace {

constexpr int kSliceMs = 250;
/// A call that gets no answer for so long looks whether any broker is there, for so long each.
constexpr std::chrono::milliseconds kLookAfter{1500};
constexpr std::chrono::milliseconds kReachWait{1000};

struct ConfDelete {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDelete>;

struct ListDelete {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using List = std::unique_ptr<rd_kafka_topic_partition_list_t, ListDelete>;

struct TopicDelete {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
using Topic = std::unique_ptr<rd_kafka_topic_t, TopicDelete>;

struct QueueDelete {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};
using Queue = std::unique_ptr<rd_kafka_queue_t, QueueDelete>;

struct EventDelete {
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};
using Event = std::unique_ptr<rd_kafka_event_t, EventDelete>;

// A value's own text is never part of the error: it may be a secret.
Status Set(const Conf& conf, const char* name, const std::string& value) {
  char reason[256];
  if (rd_kafka_conf_set(conf.get(), name, value.c_str(), reason, sizeof(reason)) ==
      RD_KAFKA_CONF_OK) {
    return {};
  }
  return InvalidArgument("config.refused", fmt::format("librdkafka refuses its setting {}", name))
      .WithDetail("setting", name)
      .WithStage("login");
}

void OnError(rd_kafka_t*, int code, const char* reason, void* opaque) {
  static_cast<Client*>(opaque)->Note({code, reason == nullptr ? "" : reason});
}

void OnLog(const rd_kafka_t*, int level, const char* facility, const char* text) {
  if (level > 4) return;
  NSTARX_LOG(kDebug, "kafka_client", {{"facility", facility}, {"text", text}});
}

void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  Deliveries* deliveries = static_cast<Client*>(opaque)->deliveries();
  if (deliveries == nullptr) return;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (!deliveries->failure) deliveries->failure = MapCode(message->err, "");
    return;
  }
  ++deliveries->count;
  auto& row = deliveries->partitions[message->partition];
  row.partition = message->partition;
  row.offset = std::max(row.offset.number, message->offset);
  ++row.count;
}

std::string Servers(const std::vector<model::Endpoint>& endpoints) {
  std::string out;
  for (const auto& endpoint : endpoints) {
    const bool v6 = endpoint.host.find(':') != std::string::npos;
    out += fmt::format("{}{}{}{}:{}", out.empty() ? "" : ",", v6 ? "[" : "", endpoint.host,
                       v6 ? "]" : "", endpoint.port);
  }
  return out;
}

Status SetSecurity(const Conf& conf, const Login& login) {
  const bool sasl = !login.mechanism.empty();
  NSTARX_RETURN_IF_ERROR(Set(
      conf, "security.protocol",
      login.ssl.enabled ? (sasl ? "SASL_SSL" : "SSL") : (sasl ? "SASL_PLAINTEXT" : "PLAINTEXT")));
  if (sasl) {
    NSTARX_RETURN_IF_ERROR(Set(conf, "sasl.mechanism", login.mechanism));
    NSTARX_RETURN_IF_ERROR(Set(conf, "sasl.username", login.user));
    std::string password(login.password.Reveal());
    const Status done = Set(conf, "sasl.password", password);
    WipeString(password);
    NSTARX_RETURN_IF_ERROR(done);
  }
  if (!login.ssl.enabled) return {};
  NSTARX_RETURN_IF_ERROR(Set(conf, "enable.ssl.certificate.verification",
                             login.ssl.mode == "require" ? "false" : "true"));
  NSTARX_RETURN_IF_ERROR(Set(conf, "ssl.endpoint.identification.algorithm",
                             login.ssl.mode == "verify-full" ? "https" : "none"));
  if (!login.ssl.certificate.empty() && login.ssl.mode != "require") {
    NSTARX_RETURN_IF_ERROR(Set(conf, "ssl.ca.pem", login.ssl.certificate));
  }
  if (!login.client_certificate.empty()) {
    NSTARX_RETURN_IF_ERROR(
        Set(conf, "ssl.certificate.pem", std::string(login.client_certificate.Reveal())));
    std::string key(login.client_key.Reveal());
    const Status done = Set(conf, "ssl.key.pem", key);
    WipeString(key);
    NSTARX_RETURN_IF_ERROR(done);
  }
  return {};
}

Status SetRole(const Conf& conf, const Login& login, Client::Role role, const std::string& group) {
  if (role == Client::Role::kWriter) {
    // A bounded queue: when it is full, the producing call waits.
    NSTARX_RETURN_IF_ERROR(Set(conf, "queue.buffering.max.kbytes", "16384"));
    NSTARX_RETURN_IF_ERROR(Set(conf, "linger.ms", "5"));
    NSTARX_RETURN_IF_ERROR(Set(conf, "enable.idempotence", login.idempotent ? "true" : "false"));
    rd_kafka_conf_set_dr_msg_cb(conf.get(), OnDelivery);
    return {};
  }
  NSTARX_RETURN_IF_ERROR(Set(conf, "enable.auto.commit", "false"));
  NSTARX_RETURN_IF_ERROR(Set(conf, "enable.auto.offset.store", "false"));
  NSTARX_RETURN_IF_ERROR(Set(conf, "enable.partition.eof", "true"));
  NSTARX_RETURN_IF_ERROR(Set(conf, "auto.offset.reset", "error"));
  NSTARX_RETURN_IF_ERROR(
      Set(conf, "isolation.level", login.read_committed ? "read_committed" : "read_uncommitted"));
  // What is fetched ahead of the reader, for each partition: the rest waits on the broker.
  NSTARX_RETURN_IF_ERROR(Set(conf, "queued.max.messages.kbytes", "4096"));
  NSTARX_RETURN_IF_ERROR(Set(conf, "fetch.max.bytes", "8388608"));
  NSTARX_RETURN_IF_ERROR(Set(conf, "fetch.wait.max.ms", "100"));
  if (!group.empty()) NSTARX_RETURN_IF_ERROR(Set(conf, "group.id", group));
  return {};
}

List MakeList(const std::string& topic, const std::vector<int32_t>& partitions, int64_t offset) {
  List list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const int32_t partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  }
  return list;
}

}  // namespace

Result<std::unique_ptr<Client>> Client::Make(const Login& login, Role role,
                                             const std::string& group) {
  std::unique_ptr<Client> client(new Client);
  client->endpoints_ = login.endpoints;
  Conf conf(rd_kafka_conf_new());
  rd_kafka_conf_set_opaque(conf.get(), client.get());
  rd_kafka_conf_set_error_cb(conf.get(), OnError);
  rd_kafka_conf_set_log_cb(conf.get(), OnLog);
  NSTARX_RETURN_IF_ERROR(Set(conf, "bootstrap.servers", Servers(login.endpoints)));
  NSTARX_RETURN_IF_ERROR(Set(conf, "client.id", login.client_id));
  NSTARX_RETURN_IF_ERROR(Set(conf, "log.connection.close", "false"));
  NSTARX_RETURN_IF_ERROR(Set(conf, "reconnect.backoff.max.ms", "2000"));
  NSTARX_RETURN_IF_ERROR(Set(conf, "allow.auto.create.topics", "false"));
  NSTARX_RETURN_IF_ERROR(
      Set(conf, "socket.connection.setup.timeout.ms",
          std::to_string(std::max<int64_t>(login.connect_timeout.count(), 1000))));
  NSTARX_RETURN_IF_ERROR(SetSecurity(conf, login));
  NSTARX_RETURN_IF_ERROR(SetRole(conf, login, role, group));
  char reason[512];
  client->handle_ = rd_kafka_new(role == Role::kWriter ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER,
                                 conf.get(), reason, sizeof(reason));
  if (client->handle_ == nullptr) {
    return InvalidArgument("config.refused", fmt::format("no client can be made: {}", reason))
        .WithStage("login");
  }
  conf.release();  // The client owns it now.
  return client;
}

Client::~Client() {
  if (handle_ == nullptr) return;
  deliveries_ = nullptr;
  rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void Client::Serve(std::chrono::milliseconds wait) {
  rd_kafka_poll(handle_, static_cast<int>(wait.count()));
}

void Client::Note(Trouble trouble) {
  // A refusal says more than the loss of the connection that follows it.
  if (trouble_ && trouble.code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    if (trouble_->code == RD_KAFKA_RESP_ERR__TRANSPORT) trouble_->code = trouble.code;
    return;
  }
  if (trouble_ && EndsSession(trouble_->code)) return;
  trouble_ = std::move(trouble);
}

bool Client::Reachable(const Context& context) const {
  for (const auto& endpoint : endpoints_) {
    const Context limited = context.WithTimeout(kReachWait);
    const auto addresses = net::Resolve(limited, endpoint.host);
    if (!addresses) continue;
    if (const auto socket = net::ConnectTcp(limited, *addresses, endpoint.port)) {
      ::close(*socket);
      return true;
    }
  }
  return false;
}

Status Client::Repeat(const Context& context, const std::function<int(int)>& call) {
  auto looked = std::chrono::steady_clock::now();
  while (true) {
    NSTARX_RETURN_IF_ERROR(context.Check());
    const auto slice =
        std::clamp<int64_t>(context.remaining().count(), 1, static_cast<int64_t>(kSliceMs));
    const int code = call(static_cast<int>(slice));
    Serve(std::chrono::milliseconds(0));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    auto trouble = TakeTrouble();
    if (trouble && trouble->code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && Reachable(context)) {
      trouble.reset();  // They are back: librdkafka tells of the loss only.
    }
    if (trouble && EndsSession(trouble->code)) return MapCode(trouble->code, trouble->message);
    // librdkafka says once that all are down, perhaps long ago, and then dials on in silence.
    if (std::chrono::steady_clock::now() - looked > kLookAfter) {
      if (!Reachable(context) && context.Check()) {
        return MapCode(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "none of the brokers can be reached");
      }
      looked = std::chrono::steady_clock::now();
    }
    const bool again = code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                       code == RD_KAFKA_RESP_ERR__TRANSPORT ||
                       code == RD_KAFKA_RESP_ERR__WAIT_COORD ||
                       code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
                       code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
                       code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
                       code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
                       code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    if (!again) return MapCode(code, "");
    if (code != RD_KAFKA_RESP_ERR__TIMED_OUT) Serve(std::chrono::milliseconds(50));
  }
}

Result<ClusterFacts> Client::Ask(const Context& context, bool all, const std::string& topic) {
  Topic wanted;
  if (!topic.empty()) {
    wanted.reset(rd_kafka_topic_new(handle_, topic.c_str(), nullptr));
    if (wanted == nullptr) return MapCode(rd_kafka_last_error(), "");
  }
  ClusterFacts facts;
  NSTARX_RETURN_IF_ERROR(Repeat(context, [&](int timeout) -> int {
    const rd_kafka_metadata_t* answer = nullptr;
    const auto code = rd_kafka_metadata(handle_, all ? 1 : 0, wanted.get(), &answer, timeout);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
    facts = {};
    int problem = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < answer->broker_cnt; ++i) {
      facts.brokers.push_back({.host = answer->brokers[i].host, .port = answer->brokers[i].port});
    }
    for (int i = 0; i < answer->topic_cnt; ++i) {
      const auto& row = answer->topics[i];
      if (!topic.empty() && topic == row.topic) problem = row.err;
      if (row.err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      TopicFacts found{.name = row.topic};
      for (int p = 0; p < row.partition_cnt; ++p) found.partitions.push_back(row.partitions[p].id);
      std::ranges::sort(found.partitions);
      facts.topics.push_back(std::move(found));
    }
    rd_kafka_metadata_destroy(answer);
    return problem;
  }));
  return facts;
}

Result<Watermarks> Client::AskWatermarks(const Context& context, const std::string& topic,
                                         int32_t partition) {
  Watermarks out;
  NSTARX_RETURN_IF_ERROR(Repeat(context, [&](int timeout) -> int {
    return rd_kafka_query_watermark_offsets(handle_, topic.c_str(), partition, &out.low, &out.high,
                                            timeout);
  }));
  return out;
}

Result<std::map<int32_t, int64_t>> Client::AskTimes(const Context& context,
                                                    const std::string& topic,
                                                    const std::vector<int32_t>& partitions,
                                                    int64_t milliseconds) {
  const List list = MakeList(topic, partitions, milliseconds);
  NSTARX_RETURN_IF_ERROR(Repeat(context, [&](int timeout) -> int {
    for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = milliseconds;
    return rd_kafka_offsets_for_times(handle_, list.get(), timeout);
  }));
  std::map<int32_t, int64_t> out;
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return MapCode(list->elems[i].err, "");
    out[list->elems[i].partition] = list->elems[i].offset;
  }
  return out;
}

Result<std::map<int32_t, int64_t>> Client::AskCommitted(const Context& context,
                                                        const std::string& topic,
                                                        const std::vector<int32_t>& partitions) {
  const List list = MakeList(topic, partitions, RD_KAFKA_OFFSET_INVALID);
  NSTARX_RETURN_IF_ERROR(Repeat(context, [&](int timeout) -> int {
    return rd_kafka_committed(handle_, list.get(), timeout);
  }));
  std::map<int32_t, int64_t> out;
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return MapCode(list->elems[i].err, "");
    if (list->elems[i].offset >= 0) out[list->elems[i].partition] = list->elems[i].offset;
  }
  return out;
}

Status Client::Commit(const Context& context, const std::string& topic,
                      const std::vector<connector::PartitionOffset>& next) {
  const List list(rd_kafka_topic_partition_list_new(static_cast<int>(next.size())));
  for (const auto& row : next) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), row.partition)->offset =
        row.offset.number;
  }
  const Queue queue(rd_kafka_queue_new(handle_));
  const auto sent = rd_kafka_commit_queue(handle_, list.get(), queue.get(), nullptr, nullptr);
  if (sent != RD_KAFKA_RESP_ERR_NO_ERROR) return MapCode(sent, "");
  return Repeat(context, [&](int timeout) -> int {
    const Event event(rd_kafka_queue_poll(queue.get(), timeout));
    if (event == nullptr) return RD_KAFKA_RESP_ERR__TIMED_OUT;
    return rd_kafka_event_error(event.get());
  });
}

std::map<std::string, std::string> Client::AskSettings(const Context& context,
                                                       const std::string& topic) {
  const Queue queue(rd_kafka_queue_new(handle_));
  rd_kafka_ConfigResource_t* resource =
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  rd_kafka_DescribeConfigs(handle_, &resource, 1, nullptr, queue.get());
  rd_kafka_ConfigResource_destroy(resource);
  std::map<std::string, std::string> out;
  const auto wait = std::min<int64_t>(context.remaining().count(), 5000);
  const Event event(rd_kafka_queue_poll(queue.get(), static_cast<int>(wait)));
  const auto* answer =
      event == nullptr ? nullptr : rd_kafka_event_DescribeConfigs_result(event.get());
  if (answer == nullptr) return out;
  size_t resources = 0;
  const auto* found = rd_kafka_DescribeConfigs_result_resources(answer, &resources);
  for (size_t i = 0; i < resources; ++i) {
    size_t entries = 0;
    const auto* rows = rd_kafka_ConfigResource_configs(found[i], &entries);
    for (size_t k = 0; k < entries; ++k) {
      const char* value = rd_kafka_ConfigEntry_value(rows[k]);
      if (value != nullptr) out[rd_kafka_ConfigEntry_name(rows[k])] = value;
    }
  }
  return out;
}

}  // namespace nstarx::connectors::kafka
