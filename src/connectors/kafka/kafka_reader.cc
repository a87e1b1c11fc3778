#include "connectors/kafka/kafka_reader.h"

#include <arrow/record_batch.h>
#include <librdkafka/rdkafka.h>

#include <array>

#include "connectors/kafka/kafka_errors.h"
#include "connectors/messages/first_messages.h"
#include "connectors/messages/message_rows.h"

namespace nstarx::connectors::kafka {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int64_t kBatchRows = 32'768;
constexpr int64_t kBatchBytes = 2 << 20;
constexpr size_t kDrain = 1024;
/// Messages that come one by one are gathered for so long.
constexpr auto kGather = milliseconds(10);
constexpr auto kPatience = milliseconds(100);
/// How long the first messages are waited for, to see what they hold.
constexpr auto kFirst = milliseconds(500);

class TopicStream final : public connector::BatchStream {
 public:
  TopicStream(Client& client, const connector::ConsumeRequest& request,
              messages::SchemaRegistry* registry)
      : client_(client),
        request_(request),
        rows_(request.topic, request.format),
        registry_(registry) {}

  ~TopicStream() override {
    for (const auto& [partition, state] : partitions_) {
      if (state.started) rd_kafka_consume_stop(topic_, partition);
    }
    Drop();
    if (queue_ != nullptr) rd_kafka_queue_destroy(queue_);
    if (topic_ != nullptr) rd_kafka_topic_destroy(topic_);
  }

  Status Start(const Context& context, const std::map<int32_t, ReadRange>& ranges) {
    topic_ = rd_kafka_topic_new(client_.get(), request_.topic.c_str(), nullptr);
    if (topic_ == nullptr) return MapCode(rd_kafka_last_error(), "");
    queue_ = rd_kafka_queue_new(client_.get());
    for (const auto& [partition, range] : ranges) {
      Partition& state = partitions_[partition];
      state.until = range.until;
      if (range.until && range.from >= *range.until) continue;
      if (rd_kafka_consume_start_queue(topic_, partition, range.from, queue_) != 0) {
        return MapCode(rd_kafka_last_error(), "").WithDetail("partition", partition);
      }
      state.started = true;
      ++open_;
    }
    last_message_ = Clock::now();
    const auto give_up = Clock::now() + kFirst;
    while (!rows_.settled() && !Over()) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      NSTARX_RETURN_IF_ERROR(Pull(context, kGather));
      if (!rows_.settled() && Clock::now() >= give_up) break;
    }
    return rows_.settled() ? Status() : SettleTypes(context, true);
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return rows_.schema(); }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    const auto begun = Clock::now();
    while (true) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      if (failure_ && rows_.rows() == 0) return *failure_;
      const bool full = rows_.rows() >= kBatchRows || rows_.bytes() >= kBatchBytes;
      const bool over = Over();
      if (rows_.rows() > 0 && (full || over || failure_)) return rows_.Take();
      if (over) return std::shared_ptr<arrow::RecordBatch>();
      const int64_t before = rows_.rows();
      if (Status pulled = Pull(context, before > 0 ? kGather : kPatience); !pulled) {
        failure_ = pulled.error();
        continue;
      }
      if (rows_.rows() > before) continue;
      // Nothing came: what there is goes out; else the reader hears, now and then, that we live.
      if (before > 0 || Clock::now() - begun > 2 * kPatience) return rows_.Take();
    }
  }

 private:
  struct Partition {
    bool started = false;
    bool at_end = false;
    std::optional<int64_t> until;
  };

  bool Over() const {
    if (request_.limit && taken_ >= *request_.limit) return true;
    if (request_.follow) return false;
    if (open_ > 0) return false;
    return Clock::now() - last_message_ >= request_.wait;
  }

  /// Takes what has come; waits at most so long for the first.
  Status Pull(const Context& context, milliseconds wait) {
    client_.Serve(milliseconds(0));
    if (held_ == next_) next_ = held_ = 0;
    // What is held and not taken did not tell the types: more is looked at together with it.
    if (held_ == 0 || (!rows_.settled() && held_ < kDrain)) {
      ssize_t got =
          rd_kafka_consume_batch_queue(queue_, 0, messages_.data() + held_, kDrain - held_);
      if (got <= 0) {
        messages_[held_] = rd_kafka_consume_queue(queue_, static_cast<int>(wait.count()));
        got = messages_[held_] != nullptr ? 1 : 0;
      }
      held_ += static_cast<size_t>(got);
      if (got == 0) return CheckTrouble();
    }
    if (!rows_.settled()) NSTARX_RETURN_IF_ERROR(SettleTypes(context, held_ == kDrain));
    if (!rows_.settled()) return {};
    Status done;
    while (next_ < held_ && done && !Over()) {
      rd_kafka_message_t* message = messages_[next_++];
      done = Take(context, *message);
      rd_kafka_message_destroy(message);
    }
    if (Over()) Drop();
    return done;
  }

  Status CheckTrouble() {
    const auto trouble = client_.TakeTrouble();
    if (!trouble || !EndsSession(trouble->code)) return {};
    return MapCode(trouble->code, trouble->message);
  }

  void Drop() {
    while (next_ < held_) rd_kafka_message_destroy(messages_[next_++]);
  }

  /// Key and value of a message; the views live as long as it does.
  static messages::MessageView ViewOf(const rd_kafka_message_t& message) {
    messages::MessageView view{.partition = message.partition, .offset = message.offset};
    if (message.key != nullptr) {
      view.key = std::string_view(static_cast<const char*>(message.key), message.key_len);
    }
    if (message.payload != nullptr) {
      view.value = std::string_view(static_cast<const char*>(message.payload), message.len);
    }
    return view;
  }

  /// Decides what keys and values are by the messages that are held; `last`: with what there is.
  Status SettleTypes(const Context& context, bool last) {
    messages::FirstMessages first;
    for (size_t i = next_; i < held_; ++i) {
      if (messages_[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) first.See(ViewOf(*messages_[i]));
    }
    return first.Settle(context, request_, registry_, last, rows_);
  }

  Status Take(const Context& context, const rd_kafka_message_t& message) {
    Partition& state = partitions_[message.partition];
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      End(state);
      return {};
    }
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return MapCode(message.err, rd_kafka_message_errstr(&message))
          .WithDetail("partition", message.partition);
    }
    if (state.until && message.offset >= *state.until) {
      End(state);
      return {};
    }
    if (state.at_end) {
      state.at_end = false;
      ++open_;
    }
    messages::MessageView view = ViewOf(message);
    rd_kafka_timestamp_type_t kind;
    const int64_t timestamp = rd_kafka_message_timestamp(&message, &kind);
    if (kind != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) view.timestamp = timestamp;
    NSTARX_RETURN_IF_ERROR(rows_.Prepare(context, view));
    NSTARX_RETURN_IF_ERROR(rows_.Add(view));
    NSTARX_RETURN_IF_ERROR(TakeHeaders(message));
    ++taken_;
    last_message_ = Clock::now();
    if (state.until && message.offset + 1 >= *state.until) End(state);
    return {};
  }

  Status TakeHeaders(const rd_kafka_message_t& message) {
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      std::optional<std::string_view> shown;
      if (value != nullptr) shown = std::string_view(static_cast<const char*>(value), size);
      NSTARX_RETURN_IF_ERROR(rows_.AddHeader(name, shown));
    }
    return {};
  }

  void End(Partition& state) {
    if (state.at_end) return;
    state.at_end = true;
    --open_;
  }

  Client& client_;
  const connector::ConsumeRequest request_;
  messages::RowBuilder rows_;
  messages::SchemaRegistry* const registry_;  ///< null: none
  rd_kafka_topic_t* topic_ = nullptr;
  rd_kafka_queue_t* queue_ = nullptr;
  std::map<int32_t, Partition> partitions_;
  int open_ = 0;  ///< partitions that have more to read
  int64_t taken_ = 0;
  Clock::time_point last_message_;
  std::array<rd_kafka_message_t*, kDrain> messages_{};
  size_t next_ = 0;
  size_t held_ = 0;
  std::optional<Error> failure_;
};

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> ReadTopic(
    const Context& context, Client& client, const connector::ConsumeRequest& request,
    const std::map<int32_t, ReadRange>& ranges, messages::SchemaRegistry* registry) {
  client.TakeTrouble();  // of an earlier use
  auto stream = std::make_unique<TopicStream>(client, request, registry);
  NSTARX_RETURN_IF_ERROR(stream->Start(context, ranges));
  return stream;
}

}  // namespace nstarx::connectors::kafka
