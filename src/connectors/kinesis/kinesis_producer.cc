#include "connectors/kinesis/kinesis_producer.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>

#include "base/base64.h"
#include "connectors/kinesis/kinesis_api.h"
#include "connectors/kinesis/kinesis_errors.h"
#include "connectors/messages/message_columns.h"

namespace nstarx::connectors::kinesis {
namespace {

constexpr size_t kRecordsAtOnce = 500;
constexpr size_t kBytesAtOnce = 4 << 20;
constexpr size_t kRecordMax = 10 << 20;
constexpr size_t kKeyMax = 256;
constexpr int kTries = 10;

class Sending {
 public:
  Sending(aws::JsonClient& client, std::string_view stream) : client_(client), stream_(stream) {}

  Status Run(const Context& context, connector::BatchStream& messages) {
    NSTARX_TRY(shards_, ListShards(context, client_, stream_));
    messages::MessageColumns columns;
    while (true) {
      NSTARX_TRY(const auto batch, messages.Next(context));
      if (batch == nullptr) break;
      NSTARX_RETURN_IF_ERROR(columns.Bind(*batch));
      for (int64_t row = 0; row < batch->num_rows(); ++row) {
        NSTARX_TRY(const json::object record, RecordOf(columns, row));
        Add(record);
        if (records_.size() >= kRecordsAtOnce || bytes_ >= kBytesAtOnce) {
          NSTARX_RETURN_IF_ERROR(Flush(context));
        }
      }
    }
    while (!records_.empty()) NSTARX_RETURN_IF_ERROR(Flush(context));
    return {};
  }

  connector::ProduceReport Report() const {
    connector::ProduceReport out{.count = count_};
    for (const auto& [partition, row] : offsets_) out.partitions.push_back(row);
    return out;
  }
  int64_t count() const { return count_; }

 private:
  Result<json::object> RecordOf(const messages::MessageColumns& columns, int64_t row) {
    ++message_;
    const auto wrong = [&](std::string_view code, std::string_view what) {
      return Refused(code, fmt::format("message {} {}", message_, what))
          .WithDetail("message", message_);
    };
    const auto value = columns.Value(row);
    if (!value) return wrong("stream.null_message", "has no value, and Kinesis has no such record");
    if (!columns.Headers(row).empty()) {
      return wrong("stream.headers_unsupported", "has headers, and records of Kinesis have none");
    }
    if (columns.Timestamp(row)) {
      return wrong("stream.timestamp_unsupported", "has a time, and Kinesis sets that itself");
    }
    const auto key = columns.Key(row);
    if (key && (key->empty() || key->size() > kKeyMax || !IsUtf8(*key))) {
      return wrong("stream.invalid_key", "has a key that is not text of 1 to 256 characters");
    }
    if (value->size() > kRecordMax) {
      return wrong("stream.message_too_large", "is larger than 10 MiB");
    }
    json::object record{{"PartitionKey", key ? std::string(*key) : RandomKey()}};
    if (const auto partition = columns.Partition(row)) {
      const auto shard = std::ranges::find(shards_, *partition, &Shard::number);
      if (shard == shards_.end() || !shard->open) {
        return NotFound("stream.unknown_partition",
                        fmt::format("'{}' has no open shard {}", stream_, *partition))
            .WithStage("query")
            .WithDetail("partition", *partition);
      }
      record["ExplicitHashKey"] = shard->first_hash;
    }
    std::string data;
    AppendBase64(*value, &data);
    record["Data"] = std::move(data);
    return record;
  }

  /// Spreads records without a key over the shards.
  std::string RandomKey() { return fmt::format("{:016x}", random_()); }

  void Add(const json::object& record) {
    std::string text = json::serialize(record);
    bytes_ += text.size();
    records_.push_back(std::move(text));
  }

  Status Flush(const Context& context) {
    const std::string body =
        fmt::format(R"({{"StreamName":{},"Records":[{}]}})", json::serialize(json::string(stream_)),
                    fmt::join(records_, ","));
    NSTARX_TRY(const std::string answer,
               client_.Call(context, "PutRecords", body, aws::JsonClient::Repeat::kThrottled,
                            FromPutFailure, stream_));
    auto parsed = ParseJson(answer);
    const json::value* rows =
        parsed && parsed->is_object() ? parsed->get_object().if_contains("Records") : nullptr;
    if (rows == nullptr || !rows->is_array() || rows->get_array().size() != records_.size()) {
      return Unavailable("response.malformed", "the answer does not name every record")
          .WithStage("query");
    }
    std::vector<std::string> again;
    bytes_ = 0;
    for (size_t i = 0; i < records_.size(); ++i) {
      NSTARX_TRY(const bool taken, Note(rows->get_array()[i]));
      if (taken) continue;
      bytes_ += records_[i].size();
      again.push_back(std::move(records_[i]));
    }
    const bool progress = again.size() < records_.size();
    records_ = std::move(again);
    tries_ = progress ? 0 : tries_ + 1;
    if (records_.empty()) return {};
    if (tries_ >= kTries) {
      return Unavailable("service.busy", fmt::format("the shards of '{}' take no more", stream_))
          .WithStage("query");
    }
    return aws::Pause(context, aws::RepeatAfter(tries_, 0.5));
  }

  /// True when the record was taken; false when it may be sent again.
  Result<bool> Note(const json::value& row) {
    const json::object empty;
    const json::object& object = row.is_object() ? row.get_object() : empty;
    const std::string_view code = GetString(object, "ErrorCode");
    if (code == "ProvisionedThroughputExceededException" || code == "InternalFailure") return false;
    const auto number = ShardNumber(GetString(object, "ShardId"));
    if (!code.empty() || !number) {
      return Unavailable("service.error",
                         fmt::format("a record was refused: {} {}", code,
                                     GetString(object, "ErrorMessage").substr(0, 300)))
          .WithStage("query")
          .WithVendorCode(std::string(code));
    }
    auto& offset = offsets_[*number];
    offset.partition = *number;
    offset.offset = std::string(GetString(object, "SequenceNumber"));
    ++offset.count;
    ++count_;
    return true;
  }

  /// What is too large is known by its words alone.
  static Error FromPutFailure(const aws::ServiceFailure& failure, std::string_view subject) {
    Error error = FromKinesisFailure(failure, subject);
    const std::string& words = failure.message;
    const bool large = words.find("data") != std::string::npos &&
                       (words.find("less than or equal to 1048576") != std::string::npos ||
                        words.find("less than or equal to 10485760") != std::string::npos);
    if (error.code() != "stream.bad_argument" || !large) return error;
    return Refused("stream.message_too_large", error.message()).WithVendorCode(failure.code);
  }

  aws::JsonClient& client_;
  const std::string stream_;
  std::vector<Shard> shards_;
  std::vector<std::string> records_;  ///< JSON, not yet taken
  size_t bytes_ = 0;
  int tries_ = 0;  ///< calls in a row that took nothing
  int64_t count_ = 0;
  int64_t message_ = 0;
  std::map<int32_t, connector::PartitionOffset> offsets_;
  std::mt19937_64 random_{std::random_device()()};
};

}  // namespace

Result<connector::ProduceReport> SendMessages(const Context& context, aws::JsonClient& client,
                                              std::string_view stream,
                                              connector::BatchStream& messages) {
  Sending sending(client, stream);
  if (Status sent = sending.Run(context, messages); !sent) {
    return Error(sent.error()).WithDetail("delivered", sending.count());
  }
  return sending.Report();
}

}  // namespace nstarx::connectors::kinesis
