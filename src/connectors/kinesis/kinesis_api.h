#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "connectors/aws/json_client.h"

namespace nstarx::connectors::kinesis {

/// A shard of a stream: what the Stream facet calls a partition.
struct Shard {
  int32_t number = 0;  ///< of "shardId-000000000012": 12
  std::string id;
  std::vector<std::string> parents;  ///< at most two; empty when they are gone
  std::string first_hash;            ///< decimal, of 128 bits
  std::string last_hash;
  bool open = true;  ///< takes records; a closed one is only read
};

struct Record {
  std::string sequence_number;
  std::optional<int64_t> arrived_ms;
  std::string key;
  std::string data;
};

/// What GetRecords gave.
struct RecordPage {
  std::vector<Record> records;
  std::string next_iterator;  ///< empty: the shard is closed and read to its end
  int64_t behind_ms = 0;
};

// Calls of the service that may be repeated. Errors: those of the spec's table, and
// response.malformed.
Result<json::object> Ask(const Context& context, aws::JsonClient& client,
                         std::string_view operation, const json::object& arguments,
                         std::string_view subject);
Result<std::vector<std::string>> ListStreams(const Context& context, aws::JsonClient& client,
                                             int64_t limit);
/// In order of their numbers, closed ones too.
Result<std::vector<Shard>> ListShards(const Context& context, aws::JsonClient& client,
                                      std::string_view stream);
Result<RecordPage> ReadPage(std::string_view body);

/// 12 of "shardId-000000000012"; nullopt for anything else.
std::optional<int32_t> ShardNumber(std::string_view id);

}  // namespace nstarx::connectors::kinesis
