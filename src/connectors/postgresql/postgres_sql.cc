#include "connectors/postgresql/postgres_sql.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace nstarx::connectors::postgresql {
namespace {

bool IsWordStart(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordPart(char c) { return IsWordStart(c) || IsDigit(c) || c == '$'; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lower;
}

/// Behind the quoted text that begins at `at`; a doubled quote stays inside.
size_t SkipQuoted(std::string_view text, size_t at, char quote, bool backslash) {
  for (++at; at < text.size(); ++at) {
    if (backslash && text[at] == '\\') {
      ++at;
    } else if (text[at] == quote) {
      if (at + 1 >= text.size() || text[at + 1] != quote) return at + 1;
      ++at;
    }
  }
  return text.size();
}

size_t SkipBlockComment(std::string_view text, size_t at) {
  int depth = 0;
  while (at + 1 < text.size()) {
    if (text[at] == '/' && text[at + 1] == '*') {
      ++depth;
      at += 2;
    } else if (text[at] == '*' && text[at + 1] == '/') {
      at += 2;
      if (--depth == 0) return at;
    } else {
      ++at;
    }
  }
  return text.size();
}

/// Behind white space and comments.
size_t SkipBlank(std::string_view text, size_t at) {
  while (at < text.size()) {
    if (std::isspace(static_cast<unsigned char>(text[at])) != 0) {
      ++at;
    } else if (text.substr(at).starts_with("--")) {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at).starts_with("/*")) {
      at = SkipBlockComment(text, at);
    } else {
      break;
    }
  }
  return at;
}

/// Behind the dollar-quoted string that begins at `at`, or 0 if none does.
size_t SkipDollarQuoted(std::string_view text, size_t at) {
  size_t tag_end = at + 1;
  while (tag_end < text.size() && text[tag_end] != '$') {
    if (!IsWordPart(text[tag_end]) || (tag_end == at + 1 && IsDigit(text[tag_end]))) return 0;
    ++tag_end;
  }
  if (tag_end >= text.size()) return 0;
  std::string_view tag = text.substr(at, tag_end + 1 - at);
  size_t close = text.find(tag, tag_end + 1);
  return close == std::string_view::npos ? text.size() : close + tag.size();
}

size_t SkipNumber(std::string_view text, size_t at) {
  while (at < text.size() && (IsWordPart(text[at]) || text[at] == '.')) {
    bool exponent = (text[at] == 'e' || text[at] == 'E') && at + 1 < text.size() &&
                    (text[at + 1] == '+' || text[at + 1] == '-');
    at += exponent ? 2 : 1;
  }
  return at;
}

/// The token at `at`, which is neither blank nor a comment.
Token NextToken(std::string_view text, size_t at) {
  const char c = text[at];
  const char next = at + 1 < text.size() ? text[at + 1] : '\0';
  if (c == '\'') return {TokenKind::kString, at, SkipQuoted(text, at, '\'', false)};
  if (c == '"') return {TokenKind::kQuoted, at, SkipQuoted(text, at, '"', false)};
  if (next == '\'' && std::string_view("eEbBxXnN").find(c) != std::string_view::npos) {
    return {TokenKind::kString, at, SkipQuoted(text, at + 1, '\'', c == 'e' || c == 'E')};
  }
  if ((c == 'u' || c == 'U') && next == '&' && at + 2 < text.size()) {
    if (text[at + 2] == '\'') {
      return {TokenKind::kString, at, SkipQuoted(text, at + 2, '\'', false)};
    }
    if (text[at + 2] == '"') return {TokenKind::kQuoted, at, SkipQuoted(text, at + 2, '"', false)};
  }
  if (c == '$' && IsDigit(next)) {
    size_t end = at + 1;
    while (end < text.size() && IsDigit(text[end])) ++end;
    return {TokenKind::kParameter, at, end};
  }
  if (c == '$') {
    if (size_t end = SkipDollarQuoted(text, at); end > 0) return {TokenKind::kString, at, end};
  }
  if (IsDigit(c) || (c == '.' && IsDigit(next))) {
    return {TokenKind::kNumber, at, SkipNumber(text, at)};
  }
  if (IsWordStart(c)) {
    size_t end = at;
    while (end < text.size() && IsWordPart(text[end])) ++end;
    return {TokenKind::kWord, at, end};
  }
  return {TokenKind::kSymbol, at, at + 1};
}

/// The words that end a claim to be a plain scan, wherever they stand.
constexpr auto kNotInScans = std::to_array<std::string_view>({"ctid",
                                                              "current_catalog",
                                                              "current_date",
                                                              "current_role",
                                                              "current_schema",
                                                              "current_time",
                                                              "current_user",
                                                              "distinct",
                                                              "except",
                                                              "fetch",
                                                              "for",
                                                              "group",
                                                              "having",
                                                              "intersect",
                                                              "into",
                                                              "join",
                                                              "limit",
                                                              "localtime",
                                                              "localtimestamp",
                                                              "offset",
                                                              "only",
                                                              "order",
                                                              "over",
                                                              "current_timestamp",
                                                              "returning",
                                                              "select",
                                                              "session_user",
                                                              "tablesample",
                                                              "union",
                                                              "user",
                                                              "window",
                                                              "with",
                                                              "exists",
                                                              "tableoid",
                                                              "grouping"});

/// Functions of the row alone, and words that look like a call.
constexpr auto kRowFunctions = std::to_array<std::string_view>(
    {"abs",       "all",        "and",         "any",       "ascii",   "between",   "bpchar",
     "btrim",     "cast",       "ceil",        "ceiling",   "char",    "coalesce",  "concat",
     "concat_ws", "date_part",  "date_trunc",  "decimal",   "exp",     "extract",   "float",
     "floor",     "from",       "greatest",    "in",        "initcap", "interval",  "left",
     "length",    "like",       "ln",          "lower",     "lpad",    "ltrim",     "md5",
     "mod",       "not",        "nullif",      "numeric",   "or",      "power",     "replace",
     "reverse",   "right",      "round",       "rpad",      "rtrim",   "sign",      "split_part",
     "sqrt",      "strpos",     "substr",      "substring", "then",    "timestamp", "to_char",
     "trim",      "trunc",      "upper",       "varchar",   "when",    "where",     "else",
     "least",     "time",       "timestamptz", "case",      "is",      "position",  "overlay",
     "some",      "starts_with"});

template <size_t N>
bool Contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// A statement's tokens with their words in lower case.
struct Words {
  std::string_view text;
  const std::vector<Token>& tokens;
  std::vector<std::string> lower;

  Words(std::string_view whole, const std::vector<Token>& all) : text(whole), tokens(all) {
    lower.reserve(all.size());
    for (const Token& token : all) {
      lower.push_back(token.kind == TokenKind::kWord ? Lower(token.in(whole)) : std::string());
    }
  }
  bool Is(size_t i, std::string_view word) const { return i < lower.size() && lower[i] == word; }
  bool IsSymbol(size_t i, char symbol) const {
    return i < tokens.size() && tokens[i].kind == TokenKind::kSymbol &&
           text[tokens[i].begin] == symbol;
  }
  bool IsName(size_t i) const {
    return i < tokens.size() &&
           (tokens[i].kind == TokenKind::kWord || tokens[i].kind == TokenKind::kQuoted);
  }
  bool Has(std::string_view word) const {
    return std::find(lower.begin(), lower.end(), word) != lower.end();
  }
};

bool HasOnlyRowExpressions(const Words& words) {
  for (size_t i = 1; i < words.tokens.size(); ++i) {
    if (words.tokens[i].kind == TokenKind::kParameter) return false;
    if (Contains(kNotInScans, words.lower[i])) return false;
    if (!words.IsSymbol(i, '(') || !words.IsName(i - 1)) continue;
    if (!Contains(kRowFunctions, words.lower[i - 1])) return false;
    if (i >= 2 && words.IsSymbol(i - 2, '.')) return false;
  }
  return true;
}

std::optional<PlainScan> FindPlainScan(const Words& words) {
  if (!words.Is(0, "select") || !HasOnlyRowExpressions(words)) return std::nullopt;
  int depth = 0;
  size_t from = 0;
  for (size_t i = 1; i < words.tokens.size(); ++i) {
    if (words.IsSymbol(i, '(')) ++depth;
    if (words.IsSymbol(i, ')')) --depth;
    if (depth == 0 && words.Is(i, "from")) {
      from = i;
      break;
    }
  }
  if (from == 0 || !words.IsName(from + 1)) return std::nullopt;
  size_t last = from + 1;
  while (words.IsSymbol(last + 1, '.') && words.IsName(last + 2)) last += 2;
  PlainScan scan;
  scan.relation = words.text.substr(words.tokens[from + 1].begin,
                                    words.tokens[last].end - words.tokens[from + 1].begin);
  size_t qualifier = last;
  size_t next = last + 1;
  if (words.Is(next, "as")) ++next;
  if (words.IsName(next) && !words.Is(next, "where"))
    qualifier = next++;
  else if (words.Is(next - 1, "as"))
    return std::nullopt;
  scan.qualifier = words.tokens[qualifier].in(words.text);
  scan.from_end = words.tokens[next - 1].end;
  if (next == words.tokens.size()) return scan;
  if (!words.Is(next, "where") || next + 1 == words.tokens.size()) return std::nullopt;
  scan.where_end = words.tokens[next].end;
  return scan;
}

StatementKind KindOf(const Words& words) {
  size_t first = 0;
  while (words.IsSymbol(first, '(')) ++first;
  if (first >= words.lower.size()) return StatementKind::kOther;
  const std::string& verb = words.lower[first];
  auto is = [&verb](auto... options) { return ((verb == options) || ...); };
  if (is("insert", "update", "delete", "merge", "truncate")) return StatementKind::kWrite;
  if (is("begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release")) {
    return StatementKind::kTransaction;
  }
  if (is("set", "reset", "discard")) return StatementKind::kSetting;
  if (is("copy") && (words.Has("stdin") || words.Has("stdout"))) return StatementKind::kCopyStream;
  if (is("select", "values", "table", "show", "with", "explain")) {
    for (size_t i = first + 1; i < words.lower.size(); ++i) {
      const std::string& word = words.lower[i];
      bool writes = word == "insert" || word == "update" || word == "delete" || word == "merge";
      if (writes && (words.IsSymbol(i - 1, '(') || is("with", "explain"))) {
        return StatementKind::kWrite;
      }
    }
    return words.Has("into") ? StatementKind::kOther : StatementKind::kQuery;
  }
  return StatementKind::kOther;
}

bool LeavesState(const Words& words, StatementKind kind) {
  if (kind == StatementKind::kTransaction || kind == StatementKind::kSetting) return true;
  for (const std::string& word : words.lower) {
    if (word == "set_config" || word == "temp" || word == "temporary" || word == "pg_temp" ||
        word.find("advisory") != std::string::npos || word.starts_with("dblink")) {
      return true;
    }
  }
  if (kind != StatementKind::kOther) return false;
  constexpr auto kClean = std::to_array<std::string_view>(
      {"create", "alter", "drop", "grant", "revoke", "comment", "analyze", "vacuum", "reindex",
       "refresh", "cluster", "select", "security", "checkpoint", "copy"});
  return words.lower.empty() || !Contains(kClean, words.lower[0]);
}

uint64_t ShapeOf(const Words& words) {
  uint64_t hash = 14695981039346656037U;
  auto mix = [&hash](std::string_view bytes) {
    for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    hash = (hash ^ 0xFF) * 1099511628211U;
  };
  for (size_t i = 0; i < words.tokens.size(); ++i) {
    const Token& token = words.tokens[i];
    std::string_view text = token.in(words.text);
    if (token.kind == TokenKind::kWord) {
      mix(words.lower[i]);
    } else if (token.kind == TokenKind::kString) {
      mix("'");
    } else if (token.kind == TokenKind::kNumber) {
      bool whole = text.find_first_not_of("0123456789") == std::string_view::npos;
      mix(!whole ? "1.5" : text.size() > 9 ? "1111111111" : "1");
    } else {
      mix(text);
    }
  }
  return hash;
}

}  // namespace

std::vector<Token> Tokenize(std::string_view text) {
  std::vector<Token> tokens;
  for (size_t at = SkipBlank(text, 0); at < text.size(); at = SkipBlank(text, tokens.back().end)) {
    tokens.push_back(NextToken(text, at));
  }
  return tokens;
}

std::vector<SqlStatement> SplitStatements(std::string_view text) {
  std::vector<SqlStatement> statements;
  std::vector<Token> all = Tokenize(text);
  bool routine_body = false;  // BEGIN ATOMIC … END has semicolons of its own
  size_t first = 0;
  for (size_t i = 0; i <= all.size(); ++i) {
    bool end = i == all.size() ||
               (all[i].kind == TokenKind::kSymbol && text[all[i].begin] == ';' && !routine_body);
    if (!end) {
      routine_body = routine_body ||
                     (all[i].kind == TokenKind::kWord && i > first &&
                      Lower(all[i].in(text)) == "atomic" && Lower(all[i - 1].in(text)) == "begin");
      continue;
    }
    if (i > first) {
      SqlStatement statement;
      statement.offset = all[first].begin;
      statement.text = text.substr(statement.offset, all[i - 1].end - statement.offset);
      std::vector<Token> tokens(all.begin() + static_cast<ptrdiff_t>(first),
                                all.begin() + static_cast<ptrdiff_t>(i));
      for (Token& token : tokens) {
        token.begin -= statement.offset;
        token.end -= statement.offset;
      }
      Words words(statement.text, tokens);
      statement.kind = KindOf(words);
      statement.leaves_state = LeavesState(words, statement.kind);
      statement.shape = ShapeOf(words);
      if (statement.kind == StatementKind::kQuery) statement.scan = FindPlainScan(words);
      statements.push_back(std::move(statement));
    }
    first = i + 1;
  }
  return statements;
}

std::string CutByPages(const SqlStatement& statement) {
  const PlainScan& scan = *statement.scan;
  std::string cut(statement.text.substr(0, scan.from_end));
  cut += "\nWHERE " + scan.qualifier + ".ctid >= $1::tid AND " + scan.qualifier + ".ctid < $2::tid";
  if (scan.where_end > 0) {
    // A line of its own: the condition may end in a comment.
    cut += "\nAND (" + std::string(statement.text.substr(scan.where_end)) + "\n)";
  }
  return cut;
}

std::string QuoteName(std::string_view name) {
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string PathPart(std::string_view name) {
  bool plain = !name.empty() && !(name[0] >= '0' && name[0] <= '9');
  for (char c : name)
    plain = plain && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
  return plain ? std::string(name) : QuoteName(name);
}

std::string QuoteLiteral(std::string_view text) {
  bool escapes = text.find('\\') != std::string_view::npos;
  std::string quoted = escapes ? " E'" : "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

std::vector<std::string> SplitPath(std::string_view path) {
  std::vector<std::string> parts;
  size_t at = 0;
  while (true) {
    std::string part;
    if (at < path.size() && path[at] == '"') {
      size_t end = SkipQuoted(path, at, '"', false);
      if (end - at < 3 || path[end - 1] != '"') return {};
      for (size_t i = at + 1; i + 1 < end; ++i) {
        part += path[i];
        if (path[i] == '"') ++i;
      }
      at = end;
    } else {
      size_t end = std::min(path.find('.', at), path.size());
      part = path.substr(at, end - at);
      at = end;
    }
    if (part.empty() || part.find('\0') != std::string::npos) return {};
    parts.push_back(std::move(part));
    if (at == path.size()) return parts;
    if (path[at] != '.') return {};
    ++at;
  }
}

}  // namespace nstarx::connectors::postgresql
