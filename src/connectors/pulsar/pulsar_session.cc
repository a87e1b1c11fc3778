#include "connectors/pulsar/pulsar_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/percent.h"
#include "connectors/pulsar/pulsar_browse.h"
#include "connectors/pulsar/pulsar_errors.h"
#include "connectors/pulsar/pulsar_producer.h"

namespace nstarx::connectors::pulsar {
namespace {

using connector::StreamStart;

Error UnknownPartition(std::string_view topic, int32_t partition) {
  return Failed(ErrorKind::kNotFound, "stream.unknown_partition",
                fmt::format("topic '{}' has no partition {}", topic, partition))
      .WithDetail("partition", partition);
}

Error OutOfRange(int32_t partition, const MessageId& wanted, const Storage& storage) {
  return Failed(ErrorKind::kInvalidArgument, "stream.offset_out_of_range",
                fmt::format("partition {} has the positions {} to {}, not {}", partition,
                            storage.first.ToString(), storage.end.ToString(), wanted.ToString()))
      .WithDetail("partition", partition)
      .WithDetail("first", storage.first.ToString())
      .WithDetail("end", storage.end.ToString());
}

/// The position as a place in that partition.
Result<MessageId> ReadPosition(const connector::StreamPosition& position, const Topic& topic,
                               int32_t number) {
  const auto id = MessageId::Parse(position.ToString());
  if (!id) {
    return Failed(
               ErrorKind::kInvalidArgument, "stream.invalid_offset",
               "a position is the text ledger:entry:partition:batch, as the column offset has it")
        .WithDetail("partition", number);
  }
  if (id->partition >= 0 && id->partition != number) {
    return Failed(ErrorKind::kInvalidArgument, "stream.invalid_offset",
                  fmt::format("position {} is not of partition {}", id->ToString(), number))
        .WithDetail("partition", number);
  }
  MessageId out = *id;
  out.partition = topic.IdPartition(number);
  return out;
}

Status CheckKept(const MessageId& wanted, const Storage& storage, int32_t number) {
  if (wanted.ledger < storage.first.ledger || storage.end.EntryBefore(wanted)) {
    return OutOfRange(number, wanted, storage);
  }
  return {};
}

Status CheckGroup(std::string_view group) {
  if (!group.empty() && IsUtf8(group) && group.find('\0') == group.npos) return {};
  return Failed(ErrorKind::kInvalidArgument, "stream.invalid_group",
                "the name of the subscription is missing");
}

}  // namespace

Result<std::unique_ptr<PulsarSession>> PulsarSession::Open(const Context& context, Login login,
                                                           bool read_only) {
  std::unique_ptr<PulsarSession> session(new PulsarSession(std::move(login), read_only));
  NSTARX_RETURN_IF_ERROR(session->Connect(context));
  return session;
}

Status PulsarSession::Connect(const Context& context) {
  NSTARX_TRY(greeting_, Greet(context, login_));
  NSTARX_TRY(admin_, Admin::Open(login_));
  // Any login may ask this; a port that is no admin API is seen here.
  auto clusters = admin_->Get(context.WithTimeout(login_.connect_timeout), "clusters");
  if (clusters && clusters->is_array()) return {};
  if (clusters) {
    return Failed(ErrorKind::kUnavailable, "admin.failed", "the admin port is no admin API",
                  "login");
  }
  const Error& error = clusters.error();
  if (error.code() == "query.forbidden") return {};
  if (error.code() == "login.wrong_token" || !context.Check()) return error;
  return Failed(ErrorKind::kUnavailable, "admin.unreachable",
                fmt::format("the broker answers, its admin API does not: {}", error.message()),
                "login")
      .WithDetail("admin", login_.admin.Origin())
      .WithDetail("cause", error.code());
}

Error PulsarSession::Noted(Error error) {
  const std::string_view code = error.code();
  if (code == "connection.lost" || code.starts_with("tcp.") || error.stage() == "login") {
    healthy_ = false;
  }
  return error;
}

Status PulsarSession::Ping(const Context& context) {
  auto greeting = Greet(context, login_);
  return greeting ? Status() : Status(Noted(greeting.error()));
}

connector::SessionFacts PulsarSession::facts() const {
  connector::SessionFacts out;
  out["server_version"] = greeting_.server_version;
  out["address"] = fmt::format("{}:{}", login_.endpoint.host, login_.endpoint.port);
  out["admin"] = login_.admin.Origin();
  out["max_message_size"] = greeting_.max_message_size;
  return out;
}

Result<Client*> PulsarSession::TheClient() {
  if (client_ == nullptr) {
    NSTARX_TRY(client_, Client::Make(login_));
  }
  return client_.get();
}

Result<std::vector<connector::Node>> PulsarSession::List(const Context& context,
                                                         std::string_view path, int64_t limit) {
  auto out = ListPath(context, *admin_, login_, path, limit);
  if (!out) return Noted(out.error());
  return out;
}

Result<connector::Description> PulsarSession::Describe(const Context& context,
                                                       std::string_view path) {
  const auto topic = FindPath(context, *admin_, path);
  if (!topic) return Noted(topic.error());
  NSTARX_TRY(auto out, DescribeTopic(context, *admin_, *topic));
  out.path = path;
  return out;
}

Result<std::unique_ptr<connector::BatchStream>> PulsarSession::Sample(const Context& context,
                                                                      std::string_view path,
                                                                      int64_t limit) {
  const auto found = FindPath(context, *admin_, path);
  if (!found) return Noted(found.error());
  const Topic& topic = found->topic;
  std::map<int32_t, PartitionRange> ranges;
  int64_t wanted = limit;
  for (const int32_t number : found->Numbers()) {
    NSTARX_TRY(const Storage storage, admin_->AskStorage(context, topic, number));
    if (storage.entries <= 0 || storage.last.entry < 0 || wanted <= 0) continue;
    const auto stats =
        admin_->GetIfAllowed(context, topic.name.AdminPath(topic.Part(number)) + "/stats");
    const int64_t messages = std::max<int64_t>(EstimateMessages(storage, stats), 1);
    const int64_t keep = std::min(wanted, messages);
    wanted -= keep;
    // Entries are batches of several messages: about so many hold what is wanted.
    const int64_t entries = std::min(storage.entries, keep * storage.entries / messages + 2);
    ranges[number] = {.after = TailStart(storage, entries), .until = storage.last, .keep = keep};
  }
  NSTARX_TRY(Client * client, TheClient());
  return ReadTopic(context, *client, topic, {.topic = topic.name.topic, .limit = limit}, ranges,
                   registry_.get());
}

Status PulsarSession::CheckWritable() const {
  if (!read_only_) return {};
  return Failed(ErrorKind::kPermissionDenied, "query.read_only",
                "the connection is read-only: it neither writes messages nor moves subscriptions");
}

Result<connector::ProduceReport> PulsarSession::Produce(const Context& context,
                                                        std::string_view topic,
                                                        connector::BatchStream& messages) {
  NSTARX_RETURN_IF_ERROR(CheckWritable());
  // Asked first: a producer would make the topic on brokers that allow it.
  const auto found = admin_->Find(context, topic);
  if (!found) return Noted(found.error());
  NSTARX_TRY(Client * client, TheClient());
  auto report = SendMessages(context, *client, *found, messages);
  if (report) return report;
  return Noted(report.error());
}

Result<PartitionRange> PulsarSession::RangeOf(const Context& context,
                                              const connector::ConsumeRequest& request,
                                              const Topic& topic, int32_t number) {
  NSTARX_TRY(const Storage storage, admin_->AskStorage(context, topic, number));
  MessageId start = storage.first;
  MessageId after;  // the beginning
  switch (request.from) {
    case StreamStart::kEarliest:
      break;
    case StreamStart::kLatest:
      start = storage.end;
      after = storage.end.Before();
      break;
    case StreamStart::kOffset: {
      NSTARX_TRY(start, ReadPosition(request.position, topic, number));
      NSTARX_RETURN_IF_ERROR(CheckKept(start, storage, number));
      after = start.Before();
      break;
    }
    case StreamStart::kTimestamp: {
      NSTARX_TRY(start, admin_->AskTime(context, topic, number, request.timestamp_ms));
      after = start.Before();
      break;
    }
    case StreamStart::kCommitted: {
      const auto at = storage.committed.find(request.group);
      if (at == storage.committed.end()) break;
      start = at->second;
      after = start.Before();
      break;
    }
  }
  PartitionRange range{.after = after, .start = start};
  if (after.ledger < 0) range.start = MessageId();
  const bool any = storage.entries > 0 && storage.last.entry >= 0;
  if (any && !storage.last.EntryBefore(start)) range.until = storage.last;
  return range;
}

Result<std::unique_ptr<connector::BatchStream>> PulsarSession::Consume(
    const Context& context, const connector::ConsumeRequest& request) {
  if (request.from == StreamStart::kCommitted) NSTARX_RETURN_IF_ERROR(CheckGroup(request.group));
  const auto topic = admin_->Find(context, request.topic);
  if (!topic) return Noted(topic.error());
  std::vector<int32_t> numbers = request.partitions;
  if (numbers.empty()) numbers = topic->Numbers();
  // A position is of one partition.
  if (request.from == StreamStart::kOffset && request.partitions.empty()) {
    const auto id = MessageId::Parse(request.position.ToString());
    if (id && id->partition >= 0) numbers = {id->partition};
  }
  std::map<int32_t, PartitionRange> ranges;
  for (const int32_t number : numbers) {
    if (number < 0 || number >= std::max(topic->partitions, 1)) {
      return UnknownPartition(request.topic, number);
    }
    auto range = RangeOf(context, request, *topic, number);
    if (!range) return Noted(range.error());
    ranges[number] = *range;
  }
  NSTARX_TRY(Client * client, TheClient());
  auto stream = ReadTopic(context, *client, *topic, request, ranges, registry_.get());
  if (!stream) return Noted(stream.error());
  return stream;
}

Status PulsarSession::CommitPartition(const Context& context, std::string_view group,
                                      const Topic& topic, const MessageId& next, int32_t number) {
  const std::string path = fmt::format(
      "{}/subscription/{}", topic.name.AdminPath(topic.Part(number)), PercentEncode(group));
  json::object body{{"ledgerId", next.ledger},
                    {"entryId", std::max<int64_t>(next.entry, 0)},
                    {"partitionIndex", topic.IdPartition(number)}};
  if (next.batch > 0) body["batchIndex"] = next.batch;
  Status done = admin_->Send(context, "POST", path + "/resetcursor", body);
  if (done || done.error().code() != "admin.not_found") return done;
  // A subscription is made by its first commit.
  done = admin_->Send(context, "PUT", path, body);
  if (!done) return done;
  return admin_->Send(context, "POST", path + "/resetcursor", body);
}

Status PulsarSession::Commit(const Context& context, std::string_view group, std::string_view topic,
                             const std::vector<connector::PartitionOffset>& next) {
  NSTARX_RETURN_IF_ERROR(CheckWritable());
  NSTARX_RETURN_IF_ERROR(CheckGroup(group));
  if (group.find_first_of("+%") != group.npos) {
    return Failed(ErrorKind::kInvalidArgument, "stream.invalid_group",
                  "the admin API can't name subscriptions with + or %: it decodes names twice");
  }
  const auto found = admin_->Find(context, topic);
  if (!found) return Noted(found.error());
  std::vector<MessageId> places;
  for (const auto& row : next) {
    if (row.partition < 0 || row.partition >= std::max(found->partitions, 1)) {
      return UnknownPartition(topic, row.partition);
    }
    NSTARX_TRY(const MessageId place, ReadPosition(row.offset, *found, row.partition));
    NSTARX_TRY(const Storage storage, admin_->AskStorage(context, *found, row.partition));
    NSTARX_RETURN_IF_ERROR(CheckKept(place, storage, row.partition));
    places.push_back(place);
  }
  for (size_t i = 0; i < next.size(); ++i) {
    if (Status done = CommitPartition(context, group, *found, places[i], next[i].partition);
        !done) {
      return Noted(done.error());
    }
  }
  return {};
}

Result<std::vector<connector::Lag>> PulsarSession::GetLag(const Context& context,
                                                          std::string_view topic,
                                                          std::string_view group) {
  NSTARX_RETURN_IF_ERROR(CheckGroup(group));
  const auto found = admin_->Find(context, topic);
  if (!found) return Noted(found.error());
  std::vector<connector::Lag> out;
  for (const int32_t number : found->Numbers()) {
    NSTARX_TRY(const Storage storage, admin_->AskStorage(context, *found, number));
    connector::Lag row{.partition = number,
                       .first = storage.first.ToString(),
                       .end = storage.end.ToString(),
                       .lag = storage.entries};
    if (const auto at = storage.committed.find(group); at != storage.committed.end()) {
      row.committed = at->second.ToString();
      NSTARX_TRY(const auto stats,
                 admin_->Get(context, found->name.AdminPath(found->Part(number)) + "/stats"));
      if (const auto* rows =
              stats.is_object() ? stats.get_object().if_contains("subscriptions") : nullptr;
          rows != nullptr && rows->is_object()) {
        const auto* own = rows->get_object().if_contains(group);
        if (own != nullptr && own->is_object()) {
          row.lag = GetInt(own->get_object(), "msgBacklog", *row.lag);
        }
      }
    }
    out.push_back(row);
  }
  return out;
}

}  // namespace nstarx::connectors::pulsar
