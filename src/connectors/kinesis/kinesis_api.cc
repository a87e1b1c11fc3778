#include "connectors/kinesis/kinesis_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/base64.h"
#include "connectors/kinesis/kinesis_errors.h"

namespace nstarx::connectors::kinesis {
namespace {

constexpr int64_t kStreamsAtOnce = 1000;

Error Malformed(std::string_view what) {
  return Unavailable("response.malformed", fmt::format("the answer can't be read: {}", what))
      .WithStage("query");
}

const json::array* ArrayIn(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_array() ? &value->get_array() : nullptr;
}

Result<Shard> ReadShard(const json::value& value) {
  if (!value.is_object()) return Malformed("a shard is no object");
  const json::object& object = value.get_object();
  Shard out{.id = std::string(GetString(object, "ShardId"))};
  const auto number = ShardNumber(out.id);
  if (!number) return Malformed("a shard's id has an unknown form");
  out.number = *number;
  for (const char* key : {"ParentShardId", "AdjacentParentShardId"}) {
    if (const std::string_view parent = GetString(object, key); !parent.empty()) {
      out.parents.emplace_back(parent);
    }
  }
  if (const json::value* range = object.if_contains("HashKeyRange"); range && range->is_object()) {
    out.first_hash = GetString(range->get_object(), "StartingHashKey");
    out.last_hash = GetString(range->get_object(), "EndingHashKey");
  }
  const json::value* sequence = object.if_contains("SequenceNumberRange");
  out.open = sequence == nullptr || !sequence->is_object() ||
             GetString(sequence->get_object(), "EndingSequenceNumber").empty();
  return out;
}

}  // namespace

std::optional<int32_t> ShardNumber(std::string_view id) {
  constexpr std::string_view kBegin = "shardId-";
  if (!id.starts_with(kBegin)) return std::nullopt;
  id.remove_prefix(kBegin.size());
  int32_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size() || number < 0) return std::nullopt;
  return number;
}

Result<json::object> Ask(const Context& context, aws::JsonClient& client,
                         std::string_view operation, const json::object& arguments,
                         std::string_view subject) {
  NSTARX_TRY(const std::string body,
             client.Call(context, operation, json::serialize(arguments),
                         aws::JsonClient::Repeat::kAlways, FromKinesisFailure, subject));
  if (body.empty()) return json::object();
  auto parsed = ParseJson(body);
  if (!parsed || !parsed->is_object()) return Malformed("the body is no JSON object");
  return std::move(parsed->get_object());
}

Result<std::vector<std::string>> ListStreams(const Context& context, aws::JsonClient& client,
                                             int64_t limit) {
  std::vector<std::string> out;
  while (static_cast<int64_t>(out.size()) < limit) {
    json::object arguments{
        {"Limit", std::min(kStreamsAtOnce, limit - static_cast<int64_t>(out.size()))}};
    if (!out.empty()) arguments["ExclusiveStartStreamName"] = out.back();
    NSTARX_TRY(const json::object page, Ask(context, client, "ListStreams", arguments, ""));
    const json::array* names = ArrayIn(page, "StreamNames");
    if (names == nullptr) return Malformed("StreamNames is missing");
    for (const json::value& name : *names) {
      if (name.is_string()) out.emplace_back(name.get_string());
    }
    if (names->empty() || !GetBool(page, "HasMoreStreams", false)) break;
  }
  return out;
}

Result<std::vector<Shard>> ListShards(const Context& context, aws::JsonClient& client,
                                      std::string_view stream) {
  std::vector<Shard> out;
  std::string token;
  do {
    json::object arguments{{"StreamName", stream}};
    if (!token.empty()) arguments = {{"NextToken", token}};
    NSTARX_TRY(const json::object page, Ask(context, client, "ListShards", arguments, stream));
    const json::array* shards = ArrayIn(page, "Shards");
    if (shards == nullptr) return Malformed("Shards is missing");
    for (const json::value& item : *shards) {
      NSTARX_TRY(out.emplace_back(), ReadShard(item));
    }
    token = GetString(page, "NextToken");
  } while (!token.empty());
  std::ranges::sort(out, {}, &Shard::number);
  return out;
}

Result<RecordPage> ReadPage(std::string_view body) {
  const auto parsed = ParseJson(body);
  if (!parsed || !parsed->is_object()) return Malformed("the body is no JSON object");
  const json::object& object = parsed->get_object();
  const json::array* records = ArrayIn(object, "Records");
  if (records == nullptr) return Malformed("Records is missing");
  RecordPage out{.next_iterator = std::string(GetString(object, "NextShardIterator")),
                 .behind_ms = GetInt(object, "MillisBehindLatest", 0)};
  out.records.reserve(records->size());
  for (const json::value& item : *records) {
    if (!item.is_object()) return Malformed("a record is no object");
    const json::object& row = item.get_object();
    auto data = DecodeBase64(GetString(row, "Data"));
    if (!data) return Malformed("a record's data is no Base64");
    Record& record = out.records.emplace_back();
    record.sequence_number = GetString(row, "SequenceNumber");
    record.key = GetString(row, "PartitionKey");
    record.data = *std::move(data);
    if (const json::value* at = row.if_contains("ApproximateArrivalTimestamp");
        at != nullptr && at->is_number()) {
      const auto seconds = at->to_number<double>();
      if (std::abs(seconds) < 1e12) record.arrived_ms = std::llround(seconds * 1000);
    }
  }
  return out;
}

}  // namespace nstarx::connectors::kinesis
