#include "connectors/snowflake/statement_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "connectors/sql_text/names.h"
#include "connectors/sql_text/pieces.h"

namespace nstarx::connectors::snowflake {
namespace {

using sql_text::Pieces;
using sql_text::Upper;

constexpr sql_text::Lexis kLexis{
    .slash_comments = true, .backslash_in_single_quotes = true, .dollar_quotes = true};

template <size_t size>
bool OneOf(const std::array<std::string_view, size>& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

/// Functions of this kind act on the account, but for these, which only look.
bool ActsOnSystem(std::string_view word) {
  constexpr auto kLooking = std::to_array<std::string_view>(
      {"SYSTEM$TYPEOF", "SYSTEM$CLUSTERING_DEPTH", "SYSTEM$CLUSTERING_INFORMATION",
       "SYSTEM$LAST_CHANGE_COMMIT_TIME", "SYSTEM$STREAM_HAS_DATA", "SYSTEM$PIPE_STATUS",
       "SYSTEM$ALLOWLIST", "SYSTEM$BOOTSTRAP_DATA_REQUEST"});
  return word.starts_with("SYSTEM$") && !OneOf(kLooking, word) &&
         !word.starts_with("SYSTEM$GET_") && !word.starts_with("SYSTEM$SHOW_") &&
         !word.starts_with("SYSTEM$ESTIMATE_");
}

/// Words of a statement in capitals, without what is quoted; signs are left out but for ; and ->>.
std::vector<std::string> Words(std::string_view text, size_t most) {
  std::vector<std::string> out;
  Pieces pieces(text, kLexis);
  for (auto kind = pieces.Next(); kind != Pieces::Kind::kEnd && out.size() < most;
       kind = pieces.Next()) {
    if (kind == Pieces::Kind::kWord) out.push_back(Upper(pieces.piece()));
  }
  return out;
}

bool IsPlain(std::string_view part) {
  constexpr std::string_view kFirst = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  constexpr std::string_view kOthers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789$";
  return !part.empty() && kFirst.find(part.front()) != std::string_view::npos &&
         part.find_first_not_of(kOthers) == std::string_view::npos;
}

}  // namespace

std::string FirstWord(std::string_view text) { return sql_text::FirstWord(text, kLexis); }

bool OnlyReads(std::string_view text) {
  constexpr auto kReaders = std::to_array<std::string_view>(
      {"SELECT", "WITH", "VALUES", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "LIST", "LS"});
  // WITH is followed by SELECT in this system, but that is not ours to rely on.
  constexpr auto kWriters =
      std::to_array<std::string_view>({"INSERT", "UPDATE", "DELETE", "MERGE", "CALL", "NEXTVAL"});
  const std::string first = FirstWord(text);
  if (!OneOf(kReaders, first)) return false;
  const bool plain = first == "SHOW" || first == "EXPLAIN" || first.starts_with("DESC");
  Pieces pieces(text, kLexis);
  bool ended = false;
  for (auto kind = pieces.Next(); kind != Pieces::Kind::kEnd; kind = pieces.Next()) {
    if (kind == Pieces::Kind::kBlank || kind == Pieces::Kind::kComment) continue;
    if (ended) return false;
    if (kind == Pieces::Kind::kSign) {
      if (pieces.piece() == ";") ended = true;
      if (pieces.piece() == "-" && pieces.rest().starts_with(">>")) return false;
    }
    if (kind != Pieces::Kind::kWord) continue;
    const std::string word = Upper(pieces.piece());
    if (ActsOnSystem(word) || (!plain && OneOf(kWriters, word))) return false;
  }
  return true;
}

bool ChangesSession(std::string_view text) {
  constexpr auto kChanging = std::to_array<std::string_view>(
      {"USE", "SET", "UNSET", "BEGIN", "START", "DECLARE", "EXECUTE", "CALL"});
  constexpr auto kPassing = std::to_array<std::string_view>({"OR", "REPLACE", "TRANSIENT"});
  constexpr auto kMade = std::to_array<std::string_view>(
      {"DATABASE", "SCHEMA", "TEMP", "TEMPORARY", "VOLATILE", "LOCAL", "GLOBAL"});
  const auto words = Words(text, 8);
  if (words.empty()) return false;
  if (OneOf(kChanging, words[0])) return true;
  if (words[0] == "ALTER") return words.size() > 1 && words[1] == "SESSION";
  if (words[0] != "CREATE") return false;
  const auto kind = std::find_if(words.begin() + 1, words.end(),
                                 [&](const std::string& word) { return !OneOf(kPassing, word); });
  return kind != words.end() && OneOf(kMade, *kind);
}

Status CheckMarkers(std::string_view text, size_t count) {
  size_t found = 0;
  bool numbered = false;
  Pieces pieces(text, kLexis);
  for (auto kind = pieces.Next(); kind != Pieces::Kind::kEnd; kind = pieces.Next()) {
    if (kind != Pieces::Kind::kSign) continue;
    if (pieces.piece() == "?") ++found;
    const std::string_view rest = pieces.rest();
    if (pieces.piece() == ":" && !rest.empty() && rest.front() >= '1' && rest.front() <= '9') {
      numbered = true;
    }
  }
  if (found == count || (found == 0 && numbered)) return {};
  return InvalidArgument(
             "query.parameter_count",
             fmt::format("The statement has {} markers (?) and {} parameters", found, count))
      .WithStage("query")
      .WithConnector("snowflake");
}

std::string Quote(std::string_view name) { return sql_text::QuoteName(name, '"'); }

std::string Literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    if (c == '\\') out += '\\';
    out += c;
  }
  return out + '\'';
}

std::optional<std::vector<std::string>> SplitPath(std::string_view path) {
  return sql_text::SplitPath(path, '"', Upper);
}

std::string JoinPath(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += '.';
    out += IsPlain(part) ? part : Quote(part);
  }
  return out;
}

std::string QuotePath(const std::vector<std::string>& parts) {
  return sql_text::QuotePath(parts, '"');
}

}  // namespace nstarx::connectors::snowflake
