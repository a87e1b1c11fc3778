#include "connectors/kinesis/kinesis_session.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>

#include "connectors/kinesis/kinesis_api.h"
#include "connectors/kinesis/kinesis_errors.h"
#include "connectors/kinesis/kinesis_producer.h"
#include "connectors/kinesis/kinesis_reader.h"

namespace nstarx::connectors::kinesis {
namespace {

/// Browsing speaks of tables.
Error AsTable(const Error& error) {
  if (error.code() != "stream.unknown_topic") return error;
  return NotFound("query.undefined_table", error.message()).WithStage("query");
}

/// "orders/3": the stream and its shard.
struct Path {
  std::string stream;
  std::optional<int32_t> shard;
};
Path ParsePath(std::string_view text) {
  const size_t slash = text.find('/');
  Path out{.stream = std::string(text.substr(0, slash))};
  if (slash == std::string_view::npos) return out;
  out.shard = ShardNumber("shardId-" + std::string(text.substr(slash + 1))).value_or(-1);
  return out;
}

Error GroupsUnsupported() {
  return Refused("stream.groups_unsupported", "Kinesis keeps no positions of consumer groups");
}

}  // namespace

Status KinesisSession::Ping(const Context& context) {
  NSTARX_RETURN_IF_ERROR(ListStreams(context, *client_, 1));
  return {};
}

Result<std::vector<connector::Node>> KinesisSession::List(const Context& context,
                                                          std::string_view path, int64_t limit) {
  std::vector<connector::Node> out;
  if (path.empty()) {
    NSTARX_TRY(const auto names, ListStreams(context, *client_, limit));
    for (const std::string& name : names) {
      out.push_back({.name = name, .path = name, .kind = "stream", .has_children = true});
    }
    // The API promises no order: Amazon's answers are sorted, an emulator's need not be.
    std::ranges::sort(out, {}, &connector::Node::name);
    return out;
  }
  auto shards = ListShards(context, *client_, path);
  if (!shards) return AsTable(shards.error());
  for (const Shard& shard : *shards) {
    if (static_cast<int64_t>(out.size()) == limit) break;
    const std::string name = std::to_string(shard.number);
    out.push_back({.name = name,
                   .path = fmt::format("{}/{}", path, name),
                   .kind = "shard",
                   .comment = fmt::format("{}, {}", shard.id, shard.open ? "open" : "closed")});
  }
  return out;
}

Result<connector::Description> KinesisSession::Describe(const Context& context,
                                                        std::string_view path) {
  const Path wanted = ParsePath(path);
  auto answer = Ask(context, *client_, "DescribeStreamSummary", {{"StreamName", wanted.stream}},
                    wanted.stream);
  if (!answer) return AsTable(answer.error());
  auto shards = ListShards(context, *client_, wanted.stream);
  if (!shards) return AsTable(shards.error());
  connector::Description out{.path = std::string(path), .kind = wanted.shard ? "shard" : "stream"};
  out.columns = {{"topic", "stream name", "string", false},
                 {"partition", "shard", "int32", false},
                 {"offset", "sequence number", "string", false},
                 {"timestamp", "arrival time", "timestamp[ms, tz=UTC]", true},
                 {"key", "partition key", "string", true},
                 {"headers", "", "map<string, binary>", true},
                 {"value", "data", "string or binary", true}};
  bool found = !wanted.shard;
  for (const Shard& shard : *shards) {
    if (wanted.shard && *wanted.shard != shard.number) continue;
    found = true;
    out.partitions.push_back(fmt::format("{}: {}, {}, hash keys {} to {}", shard.number, shard.id,
                                         shard.open ? "open" : "closed", shard.first_hash,
                                         shard.last_hash));
  }
  if (!found) {
    return NotFound("query.undefined_table", fmt::format("there is no shard '{}'", path))
        .WithStage("query");
  }
  const json::value* summary = answer->if_contains("StreamDescriptionSummary");
  if (summary == nullptr || !summary->is_object()) return out;
  const json::object& facts = summary->get_object();
  const json::value* mode = facts.if_contains("StreamModeDetails");
  out.comment = fmt::format(
      "{}, {}, kept for {} h, encryption {}, {} open shards", GetString(facts, "StreamStatus"),
      mode != nullptr && mode->is_object() ? GetString(mode->get_object(), "StreamMode")
                                           : std::string_view("PROVISIONED"),
      GetInt(facts, "RetentionPeriodHours", 24), GetString(facts, "EncryptionType", "NONE"),
      GetInt(facts, "OpenShardCount", 0));
  return out;
}

Result<std::unique_ptr<connector::BatchStream>> KinesisSession::Sample(const Context& context,
                                                                       std::string_view path,
                                                                       int64_t limit) {
  const Path wanted = ParsePath(path);
  connector::ConsumeRequest request{.topic = wanted.stream, .limit = limit};
  if (wanted.shard) request.partitions = {*wanted.shard};
  auto rows = ReadStream(context, *client_, request, poll_, registry_.get());
  if (!rows) return AsTable(rows.error());
  return rows;
}

Result<connector::ProduceReport> KinesisSession::Produce(const Context& context,
                                                         std::string_view topic,
                                                         connector::BatchStream& messages) {
  if (read_only_) {
    return Error(ErrorKind::kPermissionDenied, "query.read_only",
                 "the connection is read-only: it writes no messages")
        .WithStage("query");
  }
  return SendMessages(context, *client_, topic, messages);
}

Result<std::unique_ptr<connector::BatchStream>> KinesisSession::Consume(
    const Context& context, const connector::ConsumeRequest& request) {
  return ReadStream(context, *client_, request, poll_, registry_.get());
}

Status KinesisSession::Commit(const Context&, std::string_view, std::string_view,
                              const std::vector<connector::PartitionOffset>&) {
  return GroupsUnsupported();
}

Result<std::vector<connector::Lag>> KinesisSession::GetLag(const Context&, std::string_view,
                                                           std::string_view) {
  return GroupsUnsupported();
}

}  // namespace nstarx::connectors::kinesis
