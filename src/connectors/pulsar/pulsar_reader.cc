#include "connectors/pulsar/pulsar_reader.h"

#include <arrow/record_batch.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "connectors/messages/first_messages.h"
#include "connectors/messages/message_rows.h"
#include "connectors/pulsar/pulsar_errors.h"

namespace nstarx::connectors::pulsar {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int64_t kBatchRows = 32'768;
constexpr int64_t kBatchBytes = 2 << 20;
/// Messages fetched ahead of the reader, for each partition: the rest waits on the broker.
constexpr int kReceiverQueue = 1000;
constexpr int kDrain = 256;
constexpr size_t kHeldMax = 1024;
constexpr auto kGather = milliseconds(10);
constexpr auto kPatience = milliseconds(100);
/// How long the first messages are waited for, to see what they hold.
constexpr auto kFirst = milliseconds(500);
/// When nothing came for so long, the broker is asked whether there is more.
constexpr auto kAsk = milliseconds(500);
constexpr auto kLook = std::chrono::seconds(2);

struct MessageDelete {
  const Libpulsar* api;
  void operator()(pulsar_message* message) const { api->message_free(message); }
};
using Message = std::unique_ptr<pulsar_message, MessageDelete>;

struct Held {
  int32_t partition;
  MessageId id;
  Message message;
};

class TopicStream final : public connector::BatchStream {
 public:
  TopicStream(Client& client, const Topic& topic, const connector::ConsumeRequest& request,
              messages::SchemaRegistry* registry)
      : client_(client),
        api_(client.api()),
        topic_(topic),
        request_(request),
        rows_(request.topic, request.format, false),
        registry_(registry) {}

  Status Start(const Context& context, const std::map<int32_t, PartitionRange>& ranges) {
    for (const auto& [number, range] : ranges) {
      const bool waits = request_.follow || request_.wait.count() > 0;
      if ((!range.until && !waits) || request_.limit == 0) continue;
      Partition partition{.number = number, .range = range};
      partition.at_end = !range.until;
      NSTARX_TRY(auto reader, client_.MakeReader(context, topic_.name.Full(topic_.Part(number)),
                                                 range.after, kReceiverQueue));
      partition.reader = std::make_unique<Client::Reader>(std::move(reader));
      if (!partition.at_end) ++open_;
      partitions_.push_back(std::move(partition));
    }
    last_message_ = asked_ = looked_ = Clock::now();
    const auto give_up = Clock::now() + kFirst;
    while (!TypesCanBeTold() && !Over()) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      NSTARX_RETURN_IF_ERROR(Pull(context, kGather));
      if ((request_.follow || !held_.empty()) && Clock::now() >= give_up) break;
    }
    NSTARX_RETURN_IF_ERROR(SettleTypes(context));
    return Flush(context);
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return rows_.schema(); }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    const auto begun = Clock::now();
    while (true) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      if (failure_ && rows_.rows() == 0) return *failure_;
      const bool full = rows_.rows() >= kBatchRows || rows_.bytes() >= kBatchBytes;
      const bool over = held_.empty() && Over();
      if (rows_.rows() > 0 && (full || over || failure_)) return rows_.Take();
      if (over) return std::shared_ptr<arrow::RecordBatch>();
      const int64_t before = rows_.rows();
      Status done =
          held_.empty() && !Over() ? Pull(context, before > 0 ? kGather : kPatience) : Status();
      if (done) done = Flush(context);
      if (!done) {
        failure_ = done.error();
        continue;
      }
      if (rows_.rows() > before) continue;
      // Nothing came: what there is goes out; else the reader hears, now and then, that we live.
      if (before > 0 || Clock::now() - begun > 2 * kPatience) return rows_.Take();
    }
  }

 private:
  struct Partition {
    int32_t number = 0;
    PartitionRange range;
    std::unique_ptr<Client::Reader> reader;
    bool at_end = false;
    std::deque<Held> tail;  ///< the last ones, where only those are wanted
  };

  /// Whether no more messages are to be taken from the broker.
  bool Over() const {
    if (request_.limit && taken_ >= *request_.limit) return true;
    if (request_.follow || open_ > 0) return false;
    return Clock::now() - last_message_ >= request_.wait;
  }

  /// Takes what has come; waits at most so long for the first.
  Status Pull(const Context& context, milliseconds wait) {
    const bool any = TakeReady();
    if (any) {
      last_message_ = asked_ = looked_ = Clock::now();
      return {};
    }
    const auto until = Clock::now() + wait;
    size_t next = 0;
    while (Clock::now() < until && !Over() && !partitions_.empty()) {
      Partition& partition = partitions_[next++ % partitions_.size()];
      if (partition.reader == nullptr) {
        if (std::ranges::none_of(partitions_,
                                 [](const auto& row) { return row.reader != nullptr; })) {
          break;
        }
        continue;
      }
      const bool one = partitions_.size() == 1;
      const auto slice = std::min<int64_t>(one ? wait.count() : 5, wait.count());
      if (!TakeOne(partition, static_cast<int>(slice))) continue;
      last_message_ = asked_ = looked_ = Clock::now();
      return {};
    }
    return AskForMore(context);
  }

  bool TakeReady() {
    bool any = false;
    for (Partition& partition : partitions_) {
      for (int i = 0; i < kDrain && held_.size() < kHeldMax && !Over(); ++i) {
        if (partition.reader == nullptr || !TakeOne(partition, 0)) break;
        any = true;
      }
    }
    return any;
  }

  /// One message of the partition, if there is one in time.
  bool TakeOne(Partition& partition, int wait_ms) {
    pulsar_message* raw = nullptr;
    if (api_.reader_read_next_with_timeout(partition.reader->get(), &raw, wait_ms) != kOk) {
      return false;
    }
    Held held{.partition = partition.number, .id = {}, .message = Message(raw, {&api_})};
    pulsar_message_id* id = api_.message_get_message_id(raw);
    held.id = IdOf(api_, id);
    api_.message_id_free(id);
    held.id.partition = topic_.IdPartition(partition.number);
    if (held.id.ComesBefore(partition.range.start)) return true;
    const auto& until = partition.range.until;
    if (!partition.at_end && until && until->EntryBefore(held.id)) {
      // Written since: for those who wait for more only.
      End(partition);
      if (partition.reader == nullptr) return true;
    } else if (!partition.at_end && until && until->SameEntry(held.id) && held.id.IsLastOfEntry()) {
      Keep(partition, std::move(held));
      End(partition);
      return true;
    }
    Keep(partition, std::move(held));
    return true;
  }

  void Keep(Partition& partition, Held held) {
    if (partition.range.keep == 0) {
      held_.push_back(std::move(held));
      ++taken_;
      return;
    }
    partition.tail.push_back(std::move(held));
    if (static_cast<int64_t>(partition.tail.size()) > partition.range.keep) {
      partition.tail.pop_front();
    }
  }

  void End(Partition& partition) {
    if (partition.at_end) return;
    partition.at_end = true;
    --open_;
    if (!request_.follow && request_.wait.count() == 0) partition.reader = nullptr;
    for (; !partition.tail.empty(); partition.tail.pop_front(), ++taken_) {
      held_.push_back(std::move(partition.tail.front()));
    }
  }

  /// The last entry may be none that readers get: a marker of a transaction, or trimmed. And the
  /// library dials on in silence when the broker is gone.
  Status AskForMore(const Context& context) {
    const auto now = Clock::now();
    if (open_ > 0 && now - asked_ > kAsk) {
      asked_ = now;
      for (Partition& partition : partitions_) {
        if (partition.at_end || !api_.reader_is_connected(partition.reader->get())) continue;
        int more = 1;
        const int result = api_.reader_has_message_available(partition.reader->get(), &more);
        if (result == kOk && more == 0) End(partition);
      }
    }
    if (now - looked_ > kLook) {
      looked_ = now;
      const bool lost = std::ranges::any_of(partitions_, [&](const Partition& partition) {
        return partition.reader != nullptr && !api_.reader_is_connected(partition.reader->get());
      });
      if (lost) return client_.CheckBroker(context);
    }
    return {};
  }

  std::optional<std::string_view> KeyOf(const Held& held) const {
    if (!api_.message_has_partition_key(held.message.get())) return std::nullopt;
    return std::string_view(api_.message_get_partitionKey(held.message.get()));
  }

  std::optional<std::string_view> ValueOf(const Held& held) const {
    pulsar_message* message = held.message.get();
    if (api_.message_has_null_value(message)) return std::nullopt;
    const uint32_t size = api_.message_get_length(message);
    if (size == 0) return std::string_view("");
    return std::string_view(static_cast<const char*>(api_.message_get_data(message)), size);
  }

  /// What is held is enough to know what values are: those of a registry need one value.
  bool TypesCanBeTold() const {
    if (registry_ == nullptr) return !held_.empty();
    return std::ranges::any_of(held_,
                               [this](const Held& held) { return ValueOf(held).has_value(); });
  }

  Status SettleTypes(const Context& context) {
    messages::FirstMessages first;
    std::deque<std::string> positions;  // what the views point to
    for (const Held& held : held_) {
      positions.push_back(held.id.ToString());
      first.See({.partition = held.partition,
                 .position = positions.back(),
                 .key = KeyOf(held),
                 .value = ValueOf(held)});
    }
    return first.Settle(context, request_, registry_, true, rows_);
  }

  /// Moves what is held into rows, until a batch is full.
  Status Flush(const Context& context) {
    while (!held_.empty() && rows_.rows() < kBatchRows && rows_.bytes() < kBatchBytes) {
      const Held& held = held_.front();
      const std::string position = held.id.ToString();
      messages::MessageView view{.partition = held.partition, .position = position};
      const uint64_t event = api_.message_get_event_timestamp(held.message.get());
      view.timestamp = static_cast<int64_t>(
          event > 0 ? event : api_.message_get_publish_timestamp(held.message.get()));
      view.key = KeyOf(held);
      view.value = ValueOf(held);
      NSTARX_RETURN_IF_ERROR(rows_.Prepare(context, view));
      NSTARX_RETURN_IF_ERROR(rows_.Add(view));
      pulsar_string_map* headers = api_.message_get_properties(held.message.get());
      const int count = api_.string_map_size(headers);
      Status done;
      for (int i = 0; i < count && done; ++i) {
        done = rows_.AddHeader(api_.string_map_get_key(headers, i),
                               std::string_view(api_.string_map_get_value(headers, i)));
      }
      api_.string_map_free(headers);
      NSTARX_RETURN_IF_ERROR(done);
      held_.pop_front();
    }
    return {};
  }

  Client& client_;
  const Libpulsar& api_;
  const Topic topic_;
  const connector::ConsumeRequest request_;
  messages::RowBuilder rows_;
  messages::SchemaRegistry* const registry_;  ///< null: none
  std::vector<Partition> partitions_;
  int open_ = 0;  ///< partitions that have more to read
  int64_t taken_ = 0;
  Clock::time_point last_message_;
  Clock::time_point asked_;
  Clock::time_point looked_;
  std::deque<Held> held_;  ///< taken from the library, not in rows yet
  std::optional<Error> failure_;
};

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> ReadTopic(
    const Context& context, Client& client, const Topic& topic,
    const connector::ConsumeRequest& request, const std::map<int32_t, PartitionRange>& ranges,
    messages::SchemaRegistry* registry) {
  auto stream = std::make_unique<TopicStream>(client, topic, request, registry);
  NSTARX_RETURN_IF_ERROR(stream->Start(context, ranges));
  return stream;
}

}  // namespace nstarx::connectors::pulsar
