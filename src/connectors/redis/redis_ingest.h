#pragma once

#include <string>
#include <string_view>

#include "connector/facets.h"
#include "connectors/redis/redis_client.h"

namespace nstarx::connectors::redis {

/// Where the key of a row comes from: `user:{id}` takes a column's value, `event:*` a new id of its
/// own. A column named `key` is the whole key, and the template only says which keys are replaced.
struct KeyTemplate {
  struct Part {
    enum class Kind { kText, kColumn, kUnique };
    Kind kind = Kind::kText;
    std::string text;
  };
  std::vector<Part> parts;

  /// ingest.bad_path.
  static Result<KeyTemplate> Parse(std::string_view text);
  /// The pattern of all keys that it makes.
  std::string Pattern() const;
};

/// Writes each row as a hash, pipelined; NULLs are left out. kReplace removes the keys of the
/// pattern first, kCreate refuses when there is one. Not all or nothing: Redis has no transactions
/// of that size.
Result<int64_t> IngestHashes(const Context& context, Client& client, std::string_view path,
                             connector::IngestMode mode, connector::BatchStream& source);

}  // namespace nstarx::connectors::redis
