#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "connectors/redis/redis_client.h"

namespace nstarx::connectors::redis {

enum class ColumnType { kGuess, kText, kBinary, kInteger, kDouble };

/// A field of FIELDS: `age:int`.
struct TableField {
  std::string name;
  ColumnType type = ColumnType::kGuess;
};

/// TABLE <pattern> [DB n] [TYPE t] [FIELDS a,b:int,…] [SORTED]: our own statement, which reads the
/// keys of a pattern as rows.
struct TableScan {
  std::string pattern;
  std::optional<int64_t> database;
  std::string type;                ///< hash, string, …; empty: any
  std::vector<TableField> fields;  ///< empty: key, type, ttl_ms and what the samples have
  bool sorted = false;             ///< by key
  std::optional<int64_t> limit;    ///< stop after so many rows; not part of the text
};

/// What a request runs: commands in order, of which the last one's answer is the result, or a scan.
struct Parsed {
  std::vector<Arguments> commands;
  std::optional<TableScan> table;
  bool binary = false;  ///< BINARY <command>: all text of the answer as bytes
};

/// A JSON array is one command, an array of arrays several; its items are text, numbers, booleans
/// or {"$param": n}. Other text is split as redis-cli does; one command a line; lines that begin
/// with # or -- are comments. Unquoted `?`, or `$1`, `$2`, … are parameters when any are given;
/// they become whole arguments. query.syntax_error with details.position (characters from 1),
/// query.parameter_count, query.parameter_type.
Result<Parsed> ParseStatement(std::string_view text, const json::array& parameters);

/// `text` with what glob patterns give a meaning escaped.
std::string EscapePattern(std::string_view text);
/// The key of a pattern without wildcards.
std::string UnescapePattern(std::string_view pattern);

/// In capitals (ASCII).
std::string Upper(std::string_view text);

}  // namespace nstarx::connectors::redis
