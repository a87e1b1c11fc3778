#include "connectors/bigquery/statement_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "connectors/sql_text/pieces.h"

namespace nstarx::connectors::bigquery {
namespace {

using sql_text::Pieces;
using sql_text::Upper;

/// # begins a comment too, and texts may be in three quotes: see Masked.
constexpr sql_text::Lexis kLexis{
    .backslash_in_single_quotes = true, .backslash_in_double_quotes = true, .backticks = true};

/// The end of a text in quotes that begins at `at`, whatever it holds.
size_t EndOfText(std::string_view text, size_t at) {
  const std::string_view one = text.substr(at, 1);
  std::string three;
  for (int i = 0; i < 3; ++i) three += one;
  const bool triple = one != "`" && text.substr(at).starts_with(three);
  const std::string_view close = triple ? std::string_view(three) : one;
  for (size_t next = at + close.size(); next < text.size(); ++next) {
    // A raw text keeps its backslashes, but they keep a quote from ending it all the same.
    if (text[next] == '\\') {
      ++next;
    } else if (text.substr(next).starts_with(close)) {
      return next + close.size();
    }
  }
  return text.size();
}

/// The statement with comments and what is quoted as blanks; lengths stay.
std::string Masked(std::string_view text) {
  std::string out(text);
  const auto blank = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < std::min(end, out.size()); ++i) out[i] = ' ';
    return end;
  };
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    if (rest.front() == '#' || rest.starts_with("--")) {
      at = blank(at, std::min(text.find_first_of("\r\n", at), text.size()));
    } else if (rest.starts_with("/*")) {
      const size_t end = text.find("*/", at + 2);
      at = blank(at, end == std::string_view::npos ? text.size() : end + 2);
    } else if (rest.front() == '\'' || rest.front() == '"' || rest.front() == '`') {
      at = blank(at, EndOfText(text, at));
    } else {
      ++at;
    }
  }
  return out;
}

bool IsPart(std::string_view part) {
  return !part.empty() && part.size() <= 1024 && part.find('`') == std::string_view::npos &&
         part.find('\n') == std::string_view::npos;
}

bool IsPlain(std::string_view part) {
  return std::ranges::all_of(
      part, [](char c) { return c == '-' || (c != '$' && sql_text::IsWordSign(c)); });
}

bool IsProject(std::string_view part) { return part.find_first_of("-:") != part.npos; }

/// The parts of "`a.b`.c".
std::optional<std::vector<std::string>> Split(std::string_view text) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (const char c : text) {
    if (c == '`') {
      quoted = !quoted;
    } else if (c == '.' && (!quoted || out.size() < 3)) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  if (quoted || out.size() > 3 || !std::ranges::all_of(out, IsPart)) return std::nullopt;
  return out;
}

}  // namespace

bool OnlyReads(std::string_view text) {
  constexpr auto kReaders = std::to_array<std::string_view>({"SELECT", "WITH", "FROM"});
  constexpr auto kWriters = std::to_array<std::string_view>(
      {"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "EXPORT", "CALL"});
  const std::string masked = Masked(text);
  const std::string first = sql_text::FirstWord(masked, kLexis);
  if (std::ranges::find(kReaders, first) == kReaders.end()) return false;
  Pieces pieces(masked, kLexis);
  bool ended = false;
  for (auto kind = pieces.Next(); kind != Pieces::Kind::kEnd; kind = pieces.Next()) {
    if (kind == Pieces::Kind::kBlank) continue;
    if (ended) return false;
    if (kind == Pieces::Kind::kSign && pieces.piece() == ";") ended = true;
    if (first != "SELECT" && kind == Pieces::Kind::kWord &&
        std::ranges::find(kWriters, Upper(pieces.piece())) != kWriters.end()) {
      return false;
    }
  }
  return true;
}

Result<Markers> CheckMarkers(std::string_view text, size_t count) {
  const std::string masked = Masked(text);
  size_t positional = 0;
  std::set<std::string> named;
  Pieces pieces(masked, kLexis);
  bool at_sign = false;
  for (auto kind = pieces.Next(); kind != Pieces::Kind::kEnd; kind = pieces.Next()) {
    if (at_sign && kind == Pieces::Kind::kWord) {
      std::string name = Upper(pieces.piece());
      if (name.size() > 1 && name[0] == 'P' &&
          name.find_first_not_of("0123456789", 1) == std::string::npos) {
        named.insert(std::move(name));
      }
    }
    const bool before = at_sign;
    at_sign = kind == Pieces::Kind::kSign && pieces.piece() == "@" && !before;
    if (kind == Pieces::Kind::kSign && pieces.piece() == "?") ++positional;
  }
  if (positional == count) return Markers::kPositional;
  if (positional == 0 && named.size() == count) return Markers::kNamed;
  return InvalidArgument("query.parameter_count",
                         fmt::format("The statement has {} markers and {} parameters",
                                     positional > 0 ? positional : named.size(), count))
      .WithStage("query")
      .WithConnector("bigquery");
}

std::optional<Path> ReadPath(std::string_view text, std::string_view home) {
  auto parts = Split(text);
  if (!parts) return std::nullopt;
  Path out{.project = std::string(home), .dataset = {}, .table = {}};
  if (parts->size() == 3 || IsProject(parts->front())) {
    out.project = parts->front();
    parts->erase(parts->begin());
  }
  if (parts->size() > 2) return std::nullopt;
  if (!parts->empty()) out.dataset = parts->front();
  if (parts->size() == 2) out.table = parts->back();
  return out;
}

std::string WritePath(const Path& path, std::string_view home) {
  std::string out;
  const std::array<std::string_view, 3> parts = {
      path.project == home ? std::string_view() : std::string_view(path.project), path.dataset,
      path.table};
  for (const std::string_view part : parts) {
    if (part.empty()) continue;
    if (!out.empty()) out += '.';
    // Of tables alone a hyphen is no sign of a project, but quoting them is right for statements.
    const bool plain = IsPlain(part);
    out += plain ? std::string(part) : fmt::format("`{}`", part);
  }
  return out;
}

std::string QuotePath(const Path& path) {
  return fmt::format("`{}`.`{}`.`{}`", path.project, path.dataset, path.table);
}

}  // namespace nstarx::connectors::bigquery
