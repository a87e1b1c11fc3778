#include "connectors/kafka/kafka_session.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <charconv>

#include "connectors/kafka/kafka_errors.h"
#include "connectors/kafka/kafka_opening.h"
#include "connectors/kafka/kafka_producer.h"
#include "connectors/kafka/kafka_reader.h"

namespace nstarx::connectors::kafka {
namespace {

/// Ends of partitions are asked for one after the other: not of many.
constexpr size_t kBoundedPartitions = 8;

Error UnknownTopic(std::string_view topic) {
  return NotFound("stream.unknown_topic", fmt::format("there is no topic '{}'", topic))
      .WithStage("query")
      .WithDetail("topic", topic);
}

Error UnknownPartition(std::string_view topic, int32_t partition) {
  return NotFound("stream.unknown_partition",
                  fmt::format("topic '{}' has no partition {}", topic, partition))
      .WithStage("query")
      .WithDetail("partition", partition);
}

Error OutOfRange(int32_t partition, int64_t wanted, const Watermarks& marks) {
  return InvalidArgument("stream.offset_out_of_range",
                         fmt::format("partition {} has the offsets {} to {}, not {}", partition,
                                     marks.low, marks.high, wanted))
      .WithStage("query")
      .WithDetail("partition", partition)
      .WithDetail("first", marks.low)
      .WithDetail("end", marks.high);
}

/// "topic" or "topic/3".
struct Path {
  std::string topic;
  std::optional<int32_t> partition;
};
Path ParsePath(std::string_view text) {
  const size_t slash = text.find('/');
  Path out{.topic = std::string(text.substr(0, slash))};
  if (slash == std::string_view::npos) return out;
  const std::string_view digits = text.substr(slash + 1);
  int32_t number = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  out.partition = error == std::errc() && end == digits.data() + digits.size() ? number : -1;
  return out;
}

/// Spreads `limit` over the partitions by what each has.
std::map<int32_t, int64_t> LastOffsets(const std::map<int32_t, Watermarks>& marks, int64_t limit) {
  std::map<int32_t, int64_t> take;
  for (bool any = true; any && limit > 0;) {
    any = false;
    const int64_t share = std::max<int64_t>(1, limit / static_cast<int64_t>(marks.size()));
    for (const auto& [partition, mark] : marks) {
      const int64_t more = std::min({share, limit, mark.high - mark.low - take[partition]});
      if (more <= 0) continue;
      take[partition] += more;
      limit -= more;
      any = true;
    }
  }
  return take;
}

}  // namespace

Result<std::unique_ptr<KafkaSession>> KafkaSession::Open(
    const Context& context, Login login, bool read_only,
    std::unique_ptr<messages::SchemaRegistry> registry) {
  std::unique_ptr<KafkaSession> session(
      new KafkaSession(std::move(login), read_only, std::move(registry)));
  NSTARX_RETURN_IF_ERROR(session->Connect(context));
  return session;
}

Status KafkaSession::Connect(const Context& context) {
  NSTARX_TRY(reader_, Client::Make(login_, Client::Role::kReader, ""));
  NSTARX_TRY(cluster_, LogIn(context, login_, *reader_));
  return {};
}

Error KafkaSession::Noted(Error error) {
  if (error.code() == "connection.lost" || error.stage() == "login") healthy_ = false;
  return error;
}

Status KafkaSession::Ping(const Context& context) {
  auto answer = reader_->Ask(context, false, "");
  return answer ? Status() : Status(Noted(answer.error()));
}

Status KafkaSession::CheckCompanions(const Context& context) {
  return registry_ == nullptr ? Status() : registry_->Check(context);
}

connector::SessionFacts KafkaSession::facts() const {
  connector::SessionFacts out;
  out["brokers"] = static_cast<int64_t>(cluster_.brokers.size());
  if (!cluster_.brokers.empty()) {
    out["address"] =
        fmt::format("{}:{}", cluster_.brokers.front().host, cluster_.brokers.front().port);
  }
  if (!login_.user.empty()) out["user"] = login_.user;
  if (!login_.mechanism.empty()) out["mechanism"] = login_.mechanism;
  if (char* id = rd_kafka_clusterid(reader_->get(), 100); id != nullptr) {
    out["cluster"] = id;
    rd_kafka_mem_free(reader_->get(), id);
  }
  return out;
}

Result<TopicFacts> KafkaSession::FindTopic(const Context& context, std::string_view topic) {
  if (topic.empty() || topic.find('\0') != std::string_view::npos) return UnknownTopic(topic);
  auto answer = reader_->Ask(context, false, std::string(topic));
  if (!answer) {
    if (answer.error().code() == "stream.unknown_topic") return UnknownTopic(topic);
    return Noted(answer.error());
  }
  for (auto& found : answer->topics) {
    if (found.name == topic && !found.partitions.empty()) return std::move(found);
  }
  return UnknownTopic(topic);
}

Result<std::vector<connector::Node>> KafkaSession::List(const Context& context,
                                                        std::string_view path, int64_t limit) {
  std::vector<connector::Node> out;
  if (path.empty()) {
    auto answer = reader_->Ask(context, true, "");
    if (!answer) return Noted(answer.error());
    std::ranges::sort(answer->topics, {}, &TopicFacts::name);
    for (const auto& topic : answer->topics) {
      if (static_cast<int64_t>(out.size()) == limit) break;
      if (topic.name.starts_with("__")) continue;  // the cluster's own
      out.push_back({.name = topic.name,
                     .path = topic.name,
                     .kind = "topic",
                     .has_children = true,
                     .comment = fmt::format("{} partition{}", topic.partitions.size(),
                                            topic.partitions.size() == 1 ? "" : "s")});
    }
    return out;
  }
  auto topic = FindTopic(context, path);
  if (!topic) {
    Error error = topic.error();
    if (error.code() != "stream.unknown_topic") return error;
    return NotFound("query.undefined_table", error.message()).WithStage("query");
  }
  for (const int32_t partition : topic->partitions) {
    if (static_cast<int64_t>(out.size()) == limit) break;
    const std::string name = std::to_string(partition);
    out.push_back({.name = name, .path = fmt::format("{}/{}", path, name), .kind = "partition"});
  }
  std::ranges::sort(out, {}, &connector::Node::name);
  return out;
}

Result<connector::Description> KafkaSession::Describe(const Context& context,
                                                      std::string_view path) {
  const Path wanted = ParsePath(path);
  auto topic = FindTopic(context, wanted.topic);
  const bool known =
      topic && (!wanted.partition || std::ranges::count(topic->partitions, *wanted.partition) > 0);
  if (!known) {
    if (!topic && topic.error().code() != "stream.unknown_topic") return topic.error();
    return NotFound("query.undefined_table", fmt::format("there is no topic '{}'", path))
        .WithStage("query");
  }
  connector::Description out{.path = std::string(path),
                             .kind = wanted.partition ? "partition" : "topic"};
  out.columns = {
      {"topic", "topic", "string", false},
      {"partition", "int32", "int32", false},
      {"offset", "int64", "int64", false},
      {"timestamp", "timestamp", "timestamp[ms, tz=UTC]", true},
      {"key", "bytes", "string or binary", true},
      {"headers", "headers", "map<string, binary>", true},
      {"value", "bytes",
       registry_ == nullptr ? "string or binary" : "string, binary or what its schema says", true}};
  int64_t rows = 0;
  for (const int32_t partition : topic->partitions) {
    if (wanted.partition && *wanted.partition != partition) continue;
    NSTARX_TRY(const Watermarks marks, reader_->AskWatermarks(context, topic->name, partition));
    rows += marks.high - marks.low;
    out.partitions.push_back(fmt::format("{}: offsets {} to {}", partition, marks.low, marks.high));
  }
  out.row_estimate = rows;
  const auto settings = reader_->AskSettings(context, topic->name);
  for (const char* name : {"cleanup.policy", "retention.ms", "retention.bytes", "max.message.bytes",
                           "compression.type"}) {
    const auto found = settings.find(name);
    if (found == settings.end()) continue;
    out.comment += fmt::format("{}{}={}", out.comment.empty() ? "" : ", ", name, found->second);
  }
  return out;
}

Result<std::unique_ptr<connector::BatchStream>> KafkaSession::Sample(const Context& context,
                                                                     std::string_view path,
                                                                     int64_t limit) {
  const Path wanted = ParsePath(path);
  auto topic = FindTopic(context, wanted.topic);
  if (!topic) {
    if (topic.error().code() != "stream.unknown_topic") return topic.error();
    return NotFound("query.undefined_table", topic.error().message()).WithStage("query");
  }
  std::map<int32_t, Watermarks> marks;
  for (const int32_t partition : topic->partitions) {
    if (wanted.partition && *wanted.partition != partition) continue;
    NSTARX_TRY(marks[partition], reader_->AskWatermarks(context, topic->name, partition));
  }
  if (marks.empty()) return UnknownPartition(topic->name, *wanted.partition);
  std::map<int32_t, ReadRange> ranges;
  for (const auto& [partition, count] : LastOffsets(marks, limit)) {
    ranges[partition] = {.from = marks[partition].high - count, .until = marks[partition].high};
  }
  return ReadTopic(context, *reader_, {.topic = topic->name, .limit = limit}, ranges,
                   registry_.get());
}

Status KafkaSession::CheckWritable() const {
  if (!read_only_) return {};
  return Error(ErrorKind::kPermissionDenied, "query.read_only",
               "the connection is read-only: it neither writes messages nor commits offsets")
      .WithStage("query");
}

Result<connector::ProduceReport> KafkaSession::Produce(const Context& context,
                                                       std::string_view topic,
                                                       connector::BatchStream& messages) {
  NSTARX_RETURN_IF_ERROR(CheckWritable());
  // Asked first: a producer would make the topic on brokers that allow it.
  NSTARX_TRY(const TopicFacts found, FindTopic(context, topic));
  if (writer_ == nullptr) {
    NSTARX_TRY(writer_, Client::Make(login_, Client::Role::kWriter, ""));
  }
  auto report = SendMessages(context, *writer_, found.name, messages);
  if (report) return report;
  writer_ = nullptr;
  return Noted(report.error());
}

Result<std::map<int32_t, int64_t>> KafkaSession::StartOf(const Context& context,
                                                         const connector::ConsumeRequest& request,
                                                         const std::vector<int32_t>& partitions) {
  using connector::StreamStart;
  std::map<int32_t, int64_t> out;
  if (request.from == StreamStart::kTimestamp) {
    return reader_->AskTimes(context, request.topic, partitions, request.timestamp_ms);
  }
  for (const int32_t partition : partitions) out[partition] = RD_KAFKA_OFFSET_BEGINNING;
  if (request.from == StreamStart::kCommitted) {
    NSTARX_TRY(Client * client, GroupClient(request.group));
    NSTARX_TRY(const auto committed, client->AskCommitted(context, request.topic, partitions));
    for (const auto& [partition, offset] : committed) out[partition] = offset;
  }
  if (request.from == StreamStart::kLatest || request.from == StreamStart::kOffset) {
    for (auto& [partition, offset] : out) {
      NSTARX_TRY(const Watermarks marks, reader_->AskWatermarks(context, request.topic, partition));
      offset = request.from == StreamStart::kLatest ? marks.high : request.position.number;
      if (offset < marks.low || offset > marks.high) return OutOfRange(partition, offset, marks);
    }
  }
  return out;
}

Result<std::unique_ptr<connector::BatchStream>> KafkaSession::Consume(
    const Context& context, const connector::ConsumeRequest& request) {
  NSTARX_RETURN_IF_ERROR(connector::CheckCounted(request));
  if (request.format == connector::MessageFormat::kAvro && registry_ == nullptr) {
    return InvalidArgument("stream.no_registry", "the connection has no schema registry")
        .WithStage("query");
  }
  NSTARX_TRY(const TopicFacts topic, FindTopic(context, request.topic));
  for (const int32_t partition : request.partitions) {
    if (std::ranges::count(topic.partitions, partition) == 0) {
      return UnknownPartition(request.topic, partition);
    }
  }
  const auto& partitions = request.partitions.empty() ? topic.partitions : request.partitions;
  auto starts = StartOf(context, request, partitions);
  if (!starts) return Noted(starts.error());
  std::map<int32_t, ReadRange> ranges;
  // With the end known beforehand, nothing waits for the broker to say that nothing comes.
  const bool bounded =
      !request.follow && request.wait.count() == 0 && partitions.size() <= kBoundedPartitions;
  for (const auto& [partition, offset] : *starts) {
    ReadRange& range = ranges[partition];
    range.from = offset;
    if (!bounded) continue;
    NSTARX_TRY(const Watermarks marks, reader_->AskWatermarks(context, request.topic, partition));
    range.until = marks.high;
    if (offset == RD_KAFKA_OFFSET_BEGINNING) range.from = marks.low;
    if (offset == RD_KAFKA_OFFSET_END) range.from = marks.high;
  }
  auto stream = ReadTopic(context, *reader_, request, ranges, registry_.get());
  if (!stream) return Noted(stream.error());
  return stream;
}

Result<Client*> KafkaSession::GroupClient(std::string_view group) {
  if (group.empty()) {
    return InvalidArgument("stream.invalid_group", "the name of the consumer group is missing")
        .WithStage("query");
  }
  if (group_client_ == nullptr || group_ != group) {
    group_client_ = nullptr;
    NSTARX_TRY(group_client_, Client::Make(login_, Client::Role::kReader, std::string(group)));
    group_ = group;
  }
  return group_client_.get();
}

Status KafkaSession::Commit(const Context& context, std::string_view group, std::string_view topic,
                            const std::vector<connector::PartitionOffset>& next) {
  NSTARX_RETURN_IF_ERROR(CheckWritable());
  NSTARX_RETURN_IF_ERROR(connector::CheckCounted(next));
  NSTARX_TRY(const TopicFacts found, FindTopic(context, topic));
  for (const auto& row : next) {
    if (std::ranges::count(found.partitions, row.partition) == 0) {
      return UnknownPartition(topic, row.partition);
    }
    NSTARX_TRY(const Watermarks marks, reader_->AskWatermarks(context, found.name, row.partition));
    if (row.offset.number < 0 || row.offset.number > marks.high) {
      return OutOfRange(row.partition, row.offset.number, marks);
    }
  }
  NSTARX_TRY(Client * client, GroupClient(group));
  return client->Commit(context, found.name, next);
}

Result<std::vector<connector::Lag>> KafkaSession::GetLag(const Context& context,
                                                         std::string_view topic,
                                                         std::string_view group) {
  NSTARX_TRY(const TopicFacts found, FindTopic(context, topic));
  NSTARX_TRY(Client * client, GroupClient(group));
  NSTARX_TRY(const auto committed, client->AskCommitted(context, found.name, found.partitions));
  std::vector<connector::Lag> out;
  for (const int32_t partition : found.partitions) {
    NSTARX_TRY(const Watermarks marks, reader_->AskWatermarks(context, found.name, partition));
    connector::Lag row{.partition = partition, .first = marks.low, .end = marks.high};
    int64_t next = marks.low;
    if (const auto at = committed.find(partition); at != committed.end()) {
      row.committed = at->second;
      next = std::max(at->second, marks.low);
    }
    row.lag = marks.high - next;
    out.push_back(row);
  }
  return out;
}

}  // namespace nstarx::connectors::kafka
