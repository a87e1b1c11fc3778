#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nstarx::connectors::cassandra {

/// The first word in capitals, behind comments.
std::string FirstWord(std::string_view text);
/// SELECT, LIST, DESCRIBE: what a read-only connection lets through.
bool OnlyReads(std::string_view text);

/// `SELECT columns FROM table` and nothing else: it can be cut by tokens.
struct PlainScan {
  std::string keyspace;  ///< empty: the session's
  std::string table;
  std::string text;  ///< without a closing semicolon
};
std::optional<PlainScan> AsPlainScan(std::string_view text);
/// The scan as `count` statements, one for each equal part of the Murmur3 ring.
std::vector<std::string> CutByTokens(const PlainScan& scan,
                                     const std::vector<std::string>& partition_key, int count);

/// The name as CQL writes it, in double quotes where it must be.
std::string Quote(std::string_view name);
/// A text literal.
std::string Literal(std::string_view text);
/// `keyspace.table`, each part quoted or not; nothing when it is more or less than that.
struct TablePath {
  std::string keyspace;
  std::string table;
  std::string Quoted() const;
};
/// A path without a keyspace gets the given one.
std::optional<TablePath> ParsePath(std::string_view path, std::string_view keyspace);
/// All parts of a path, unquoted; nothing for what is no path.
std::optional<std::vector<std::string>> SplitPath(std::string_view path);

}  // namespace nstarx::connectors::cassandra
