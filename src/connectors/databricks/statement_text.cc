#include "connectors/databricks/statement_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/sql_text/names.h"
#include "connectors/sql_text/pieces.h"

namespace nstarx::connectors::databricks {
namespace {

using sql_text::Pieces;
using sql_text::Upper;

constexpr sql_text::Lexis kLexis{.nested_comments = true,
                                 .backslash_in_single_quotes = true,
                                 .backslash_in_double_quotes = true,
                                 .backticks = true};

bool IsPlain(char c) { return c != '$' && sql_text::IsWordSign(c); }

}  // namespace

std::string FirstWord(std::string_view text) { return sql_text::FirstWord(text, kLexis); }

bool OnlyReads(std::string_view text) {
  constexpr std::string_view kReaders[] = {"SELECT",   "VALUES", "TABLE",   "SHOW",
                                           "DESCRIBE", "DESC",   "EXPLAIN", "LIST"};
  constexpr std::string_view kWriters[] = {"INSERT", "UPDATE", "DELETE", "MERGE"};
  const std::string first = FirstWord(text);
  const bool reads = std::ranges::find(kReaders, first) != std::end(kReaders);
  const bool may_write = first == "WITH" || first == "FROM";
  if (!reads && !may_write) return false;
  Pieces pieces(text, kLexis);
  bool ended = false;
  for (auto kind = pieces.Next(); kind != Pieces::Kind::kEnd; kind = pieces.Next()) {
    if (kind == Pieces::Kind::kBlank || kind == Pieces::Kind::kComment) continue;
    if (ended) return false;
    if (kind == Pieces::Kind::kSign && pieces.piece() == ";") ended = true;
    if (may_write && kind == Pieces::Kind::kWord &&
        std::ranges::find(kWriters, Upper(pieces.piece())) != std::end(kWriters)) {
      return false;
    }
  }
  return true;
}

Result<std::string> NameMarkers(std::string_view text, size_t count) {
  if (count == 0) return std::string(text);
  std::string out;
  size_t found = 0;
  Pieces pieces(text, kLexis);
  for (auto kind = pieces.Next(); kind != Pieces::Kind::kEnd; kind = pieces.Next()) {
    if (kind == Pieces::Kind::kSign && pieces.piece() == "?") {
      out += fmt::format(":p{}", ++found);
    } else {
      out += pieces.piece();
    }
  }
  if (found != count) {
    return InvalidArgument(
               "query.parameter_count",
               fmt::format("The statement has {} markers (?) and {} parameters", found, count))
        .WithStage("query")
        .WithConnector("databricks");
  }
  return out;
}

std::string Quote(std::string_view name) { return sql_text::QuoteName(name, '`'); }

std::string Literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + '\'';
}

std::optional<std::vector<std::string>> SplitPath(std::string_view path) {
  return sql_text::SplitPath(path, '`');
}

std::string JoinPath(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += '.';
    out += std::ranges::all_of(part, IsPlain) ? part : Quote(part);
  }
  return out;
}

std::string QuotePath(const std::vector<std::string>& parts) {
  return sql_text::QuotePath(parts, '`');
}

}  // namespace nstarx::connectors::databricks
