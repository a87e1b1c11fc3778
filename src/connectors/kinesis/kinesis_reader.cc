#include "connectors/kinesis/kinesis_reader.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "connectors/kinesis/kinesis_api.h"
#include "connectors/kinesis/kinesis_errors.h"
#include "connectors/messages/first_messages.h"
#include "connectors/messages/message_rows.h"

namespace nstarx::connectors::kinesis {
namespace {

using connector::StreamStart;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int64_t kBatchRows = 32'768;
constexpr int64_t kBatchBytes = 2 << 20;
constexpr int64_t kRecordsAtOnce = 10'000;
constexpr auto kPatience = milliseconds(200);
/// How long the first records are waited for, to see what they hold.
constexpr auto kFirst = milliseconds(2000);

int64_t NowMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

class ShardStream final : public connector::BatchStream {
 public:
  ShardStream(aws::JsonClient& client, const connector::ConsumeRequest& request, milliseconds poll,
              messages::SchemaRegistry* registry)
      : client_(client),
        request_(request),
        poll_(poll),
        rows_(request.topic, request.format, /*counted=*/false),
        registry_(registry) {}

  Status Start(const Context& context) {
    NSTARX_TRY(const auto shards, ListShards(context, client_, request_.topic));
    NSTARX_RETURN_IF_ERROR(CheckRequest(shards));
    started_ms_ = NowMs();
    for (const Shard& shard : shards) {
      if (!request_.partitions.empty() &&
          std::ranges::find(request_.partitions, shard.number) == request_.partitions.end()) {
        continue;
      }
      // Nothing more comes into a closed shard.
      if (request_.from == StreamStart::kLatest && !shard.open) continue;
      shards_.push_back({.shard = shard});
    }
    for (Reading& reading : shards_) {
      if (!Waits(reading)) NSTARX_RETURN_IF_ERROR(Open(context, reading));
    }
    last_record_ = Clock::now();
    const auto give_up = Clock::now() + kFirst;
    while (waiting_.empty() && !Over() && Clock::now() < give_up) {
      NSTARX_RETURN_IF_ERROR(Poll(context, kPatience));
    }
    messages::FirstMessages first;
    for (const Waiting& one : waiting_) first.See(ViewOf(one));
    return first.Settle(context, request_, registry_, true, rows_);
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return rows_.schema(); }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    const auto begun = Clock::now();
    while (true) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      NSTARX_RETURN_IF_ERROR(TakeWaiting(context));
      if (rows_.rows() > 0) return rows_.Take();
      if (Over()) return std::shared_ptr<arrow::RecordBatch>();
      NSTARX_RETURN_IF_ERROR(Poll(context, kPatience));
      // The reader hears now and then that we live.
      if (waiting_.empty() && Clock::now() - begun > 2 * kPatience) return rows_.Take();
    }
  }

 private:
  struct Reading {
    Shard shard;
    std::string iterator;
    std::string last;  ///< sequence number of the last record that was read
    bool opened = false;
    bool at_tip = false;  ///< nothing newer was there at the last call
    bool ended = false;   ///< closed, and read to its end
    Clock::time_point next_call{};
  };
  struct Waiting {
    int32_t partition = 0;
    Record record;
  };

  Status CheckRequest(const std::vector<Shard>& shards) const {
    if (request_.from == StreamStart::kCommitted) {
      return Refused("stream.groups_unsupported", "Kinesis keeps no positions of consumer groups");
    }
    for (const int32_t wanted : request_.partitions) {
      if (std::ranges::find(shards, wanted, &Shard::number) != shards.end()) continue;
      return NotFound("stream.unknown_partition",
                      fmt::format("'{}' has no shard {}", request_.topic, wanted))
          .WithStage("query")
          .WithDetail("partition", wanted);
    }
    if (request_.from == StreamStart::kOffset && request_.partitions.size() != 1) {
      return Refused("stream.offset_needs_partition",
                     "a sequence number is of one shard: name it in partitions");
    }
    return {};
  }

  /// A shard waits until those that it came from are read: the order of a key is kept.
  bool Waits(const Reading& reading) const {
    const auto& parents = reading.shard.parents;
    return std::ranges::any_of(shards_, [&](const Reading& other) {
      return !other.ended && std::ranges::find(parents, other.shard.id) != parents.end();
    });
  }

  /// Where the shard is read from, as GetShardIterator is asked.
  json::object PlaceOf(const Reading& reading) const {
    const auto at_time = [](int64_t ms) {
      return json::object{{"ShardIteratorType", "AT_TIMESTAMP"},
                          {"Timestamp", static_cast<double>(ms) / 1000}};
    };
    if (!reading.last.empty()) {
      return {{"ShardIteratorType", "AFTER_SEQUENCE_NUMBER"},
              {"StartingSequenceNumber", reading.last}};
    }
    switch (request_.from) {
      case StreamStart::kOffset:
        return {{"ShardIteratorType", "AT_SEQUENCE_NUMBER"},
                {"StartingSequenceNumber", request_.position.ToString()}};
      case StreamStart::kLatest:
        // An iterator that expired before anything came, or a shard that was made meanwhile.
        if (reading.opened || late_) return at_time(started_ms_);
        return {{"ShardIteratorType", "LATEST"}};
      case StreamStart::kTimestamp:
        // A time to come is no place yet: what arrives before it is passed over.
        if (request_.timestamp_ms > NowMs()) return {{"ShardIteratorType", "LATEST"}};
        return at_time(request_.timestamp_ms);
      default:
        return {{"ShardIteratorType", "TRIM_HORIZON"}};
    }
  }

  Status Open(const Context& context, Reading& reading) {
    json::object arguments = PlaceOf(reading);
    arguments["StreamName"] = request_.topic;
    arguments["ShardId"] = reading.shard.id;
    auto answer = Ask(context, client_, "GetShardIterator", arguments, request_.topic);
    if (!answer) {
      const Error& error = answer.error();
      if (request_.from == StreamStart::kOffset && error.code() == "stream.bad_argument") {
        return Refused("stream.offset_out_of_range", error.message())
            .WithDetail("partition", reading.shard.number)
            .WithVendorCode(error.vendor_code());
      }
      return error;
    }
    reading.iterator = GetString(*answer, "ShardIterator");
    reading.opened = true;
    return {};
  }

  /// The shard whose turn it is; null when none is open.
  Reading* NextReading() {
    Reading* next = nullptr;
    for (Reading& reading : shards_) {
      if (reading.ended || (!reading.opened && Waits(reading))) continue;
      if (next == nullptr || reading.next_call < next->next_call) next = &reading;
    }
    return next;
  }

  /// One call for the shard whose turn it is, if that comes soon.
  Status Poll(const Context& context, milliseconds patience) {
    Reading* reading = NextReading();
    if (reading == nullptr) return aws::Pause(context, milliseconds(10));
    const auto pause = std::chrono::ceil<milliseconds>(reading->next_call - Clock::now());
    if (pause > patience) return aws::Pause(context, patience);
    if (pause.count() > 0) NSTARX_RETURN_IF_ERROR(aws::Pause(context, pause));
    if (!reading->opened) NSTARX_RETURN_IF_ERROR(Open(context, *reading));
    const json::object arguments{{"ShardIterator", reading->iterator}, {"Limit", PageSize()}};
    auto body = client_.Call(context, "GetRecords", json::serialize(arguments),
                             aws::JsonClient::Repeat::kAlways, FromKinesisFailure, request_.topic);
    if (!body && body.error().code() == "stream.expired_iterator") {
      return Open(context, *reading);  // They last five minutes: the reader paused longer.
    }
    if (!body) return body.error();
    NSTARX_TRY(RecordPage page, ReadPage(*body));
    reading->next_call = Clock::now() + poll_;
    reading->iterator = std::move(page.next_iterator);
    reading->at_tip = page.behind_ms == 0;
    for (Record& record : page.records) {
      reading->last = record.sequence_number;
      last_record_ = Clock::now();
      if (request_.from == StreamStart::kTimestamp && record.arrived_ms &&
          *record.arrived_ms < request_.timestamp_ms) {
        continue;
      }
      waiting_.push_back({reading->shard.number, std::move(record)});
    }
    // Emulators give closed shards a next place for ever.
    const bool drained = !reading->shard.open && reading->at_tip && page.records.empty();
    if (reading->iterator.empty() || drained) NSTARX_RETURN_IF_ERROR(End(context, *reading));
    return {};
  }

  /// A closed shard is read: its children, which may be new to us, are next.
  Status End(const Context& context, Reading& ended) {
    ended.ended = true;
    if (!request_.partitions.empty()) return {};
    const std::string id = ended.shard.id;
    NSTARX_TRY(const auto shards, ListShards(context, client_, request_.topic));
    late_ = true;
    for (const Shard& shard : shards) {
      const bool known = std::ranges::any_of(
          shards_, [&](const Reading& one) { return one.shard.id == shard.id; });
      if (!known && std::ranges::find(shard.parents, id) != shard.parents.end()) {
        shards_.push_back({.shard = shard});
      }
    }
    return {};
  }

  int64_t PageSize() const {
    if (!request_.limit) return kRecordsAtOnce;
    return std::clamp<int64_t>(*request_.limit - taken_, 1, kRecordsAtOnce);
  }

  bool Full() const { return rows_.rows() >= kBatchRows || rows_.bytes() >= kBatchBytes; }
  bool Enough() const { return request_.limit && taken_ >= *request_.limit; }

  bool Over() const {
    if (Enough()) return true;
    if (request_.follow || !waiting_.empty()) return false;
    const bool more =
        std::ranges::any_of(shards_, [](const Reading& one) { return !one.ended && !one.at_tip; });
    return !more && Clock::now() - last_record_ >= request_.wait;
  }

  static messages::MessageView ViewOf(const Waiting& one) {
    return {.partition = one.partition,
            .position = one.record.sequence_number,
            .timestamp = one.record.arrived_ms,
            .key = one.record.key,
            .value = one.record.data};
  }

  Status TakeWaiting(const Context& context) {
    while (!waiting_.empty() && !Full() && !Enough()) {
      const messages::MessageView next = ViewOf(waiting_.front());
      NSTARX_RETURN_IF_ERROR(rows_.Prepare(context, next));
      NSTARX_RETURN_IF_ERROR(rows_.Add(next));
      ++taken_;
      waiting_.pop_front();
    }
    if (Enough()) waiting_.clear();
    return {};
  }

  aws::JsonClient& client_;
  const connector::ConsumeRequest request_;
  const milliseconds poll_;
  messages::RowBuilder rows_;
  messages::SchemaRegistry* const registry_;  ///< null: none
  std::deque<Reading> shards_;
  std::deque<Waiting> waiting_;
  int64_t started_ms_ = 0;
  int64_t taken_ = 0;
  bool late_ = false;  ///< shards that are opened now were made while we read
  Clock::time_point last_record_;
};

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> ReadStream(const Context& context,
                                                           aws::JsonClient& client,
                                                           const connector::ConsumeRequest& request,
                                                           std::chrono::milliseconds poll,
                                                           messages::SchemaRegistry* registry) {
  auto stream = std::make_unique<ShardStream>(client, request, poll, registry);
  NSTARX_RETURN_IF_ERROR(stream->Start(context));
  return stream;
}

}  // namespace nstarx::connectors::kinesis
