#include "connectors/cassandra/cql_statement.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace nstarx::connectors::cassandra {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsWordPart(char c) { return IsLetter(c) || (c >= '0' && c <= '9') || c == '_'; }

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

struct Token {
  enum class Kind { kWord, kQuoted, kSymbol, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;  ///< words in capitals, quoted names without their quotes
  std::string name;  ///< as an identifier: words in small letters
  size_t begin = 0;
  size_t end = 0;
};

/// Words, quoted names and single signs; text in single quotes counts as one sign.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  Token Next() {
    SkipBlanks();
    Token token{.begin = at_};
    if (at_ >= text_.size()) return token;
    const char first = text_[at_];
    if (IsLetter(first)) {
      token.kind = Token::Kind::kWord;
      while (at_ < text_.size() && IsWordPart(text_[at_])) {
        token.text += Upper(text_[at_]);
        token.name += Lower(text_[at_++]);
      }
    } else if (first == '"') {
      token.kind = Token::Kind::kQuoted;
      for (++at_; at_ < text_.size(); ++at_) {
        if (text_[at_] == '"' && (at_ + 1 >= text_.size() || text_[at_ + 1] != '"')) break;
        if (text_[at_] == '"') ++at_;
        token.text += text_[at_];
      }
      if (at_ >= text_.size()) token.kind = Token::Kind::kSymbol;  // It never ends.
      at_ = std::min(at_ + 1, text_.size());
      token.name = token.text;
    } else {
      token.kind = Token::Kind::kSymbol;
      token.text = first;
      ++at_;
    }
    token.end = at_;
    return token;
  }

 private:
  void SkipBlanks() {
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      size_t end = std::string_view::npos;
      if (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '\r') {
        ++at_;
        continue;
      }
      if (rest.starts_with("--") || rest.starts_with("//")) {
        end = text_.find('\n', at_);
      } else if (rest.starts_with("/*")) {
        end = text_.find("*/", at_ + 2);
        if (end != std::string_view::npos) ++end;
      } else {
        return;
      }
      at_ = end == std::string_view::npos ? text_.size() : end + 1;
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

bool IsName(const Token& token) {
  return token.kind == Token::Kind::kQuoted || token.kind == Token::Kind::kWord;
}

/// Names and signs of the selection: only plain columns or a star can be cut.
bool SkipSelection(Tokens& tokens) {
  Token token = tokens.Next();
  if (token.text == "*" && token.kind == Token::Kind::kSymbol) return tokens.Next().text == "FROM";
  for (;;) {
    const bool reserved =
        token.kind == Token::Kind::kWord &&
        (token.text == "DISTINCT" || token.text == "JSON" || token.text == "FROM");
    if (!IsName(token) || reserved) return false;
    token = tokens.Next();
    if (token.kind == Token::Kind::kWord && token.text == "FROM") return true;
    if (token.kind != Token::Kind::kSymbol || token.text != ",") return false;
    token = tokens.Next();
  }
}

/// Words that can't be names without quotes.
constexpr std::string_view kReserved[] = {
    "add",    "allow",       "alter",  "and",          "apply",    "asc",      "authorize",
    "batch",  "begin",       "by",     "columnfamily", "create",   "default",  "delete",
    "desc",   "describe",    "drop",   "entries",      "execute",  "from",     "full",
    "grant",  "if",          "in",     "index",        "infinity", "insert",   "into",
    "is",     "keyspace",    "limit",  "materialized", "mbean",    "mbeans",   "modify",
    "nan",    "norecursive", "not",    "null",         "of",       "on",       "or",
    "order",  "primary",     "rename", "replace",      "revoke",   "schema",   "select",
    "set",    "table",       "to",     "token",        "truncate", "unlogged", "unset",
    "update", "use",         "using",  "view",         "where",    "with"};

}  // namespace

std::string FirstWord(std::string_view text) {
  Token token = Tokens(text).Next();
  return token.kind == Token::Kind::kWord ? token.text : std::string();
}

bool OnlyReads(std::string_view text) {
  const std::string word = FirstWord(text);
  return word == "SELECT" || word == "LIST" || word == "DESCRIBE" || word == "DESC";
}

std::optional<PlainScan> AsPlainScan(std::string_view text) {
  Tokens tokens(text);
  if (tokens.Next().text != "SELECT" || !SkipSelection(tokens)) return std::nullopt;
  PlainScan scan;
  Token name = tokens.Next();
  if (!IsName(name)) return std::nullopt;
  scan.table = name.name;
  size_t end = name.end;
  Token token = tokens.Next();
  if (token.kind == Token::Kind::kSymbol && token.text == ".") {
    name = tokens.Next();
    if (!IsName(name)) return std::nullopt;
    scan.keyspace = std::move(scan.table);
    scan.table = name.name;
    end = name.end;
    token = tokens.Next();
  }
  if (token.kind == Token::Kind::kSymbol && token.text == ";") token = tokens.Next();
  if (token.kind != Token::Kind::kEnd) return std::nullopt;
  scan.text = text.substr(0, end);
  return scan;
}

std::vector<std::string> CutByTokens(const PlainScan& scan,
                                     const std::vector<std::string>& partition_key, int count) {
  std::string key;
  for (const std::string& column : partition_key) key += (key.empty() ? "" : ", ") + Quote(column);
  std::vector<std::string> parts;
  const uint64_t step = std::numeric_limits<uint64_t>::max() / static_cast<uint64_t>(count);
  constexpr uint64_t kLowest = uint64_t{1} << 63;
  for (int i = 0; i < count; ++i) {
    const auto lower = static_cast<int64_t>(kLowest + step * static_cast<uint64_t>(i));
    const auto upper = static_cast<int64_t>(kLowest + step * static_cast<uint64_t>(i + 1));
    std::string where;
    if (i > 0) where = fmt::format("token({}) > {}", key, lower);
    if (i + 1 < count) {
      where += fmt::format("{}token({}) <= {}", where.empty() ? "" : " AND ", key, upper);
    }
    parts.push_back(where.empty() ? scan.text : fmt::format("{} WHERE {}", scan.text, where));
  }
  return parts;
}

std::string Quote(std::string_view name) {
  const bool plain =
      !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
      std::ranges::all_of(name, [](char c) { return IsWordPart(c) && c == Lower(c); }) &&
      std::ranges::find(kReserved, name) == std::end(kReserved);
  if (plain) return std::string(name);
  std::string out = "\"";
  for (const char letter : name) out.append(letter == '"' ? 2 : 1, letter);
  return out + "\"";
}

std::string Literal(std::string_view text) {
  std::string out = "'";
  for (const char letter : text) out.append(letter == '\'' ? 2 : 1, letter);
  return out + "'";
}

std::string TablePath::Quoted() const {
  return keyspace.empty() ? Quote(table) : Quote(keyspace) + "." + Quote(table);
}

std::optional<std::vector<std::string>> SplitPath(std::string_view path) {
  std::vector<std::string> parts;
  Tokens tokens(path);
  if (path.empty()) return parts;
  for (;;) {
    const Token name = tokens.Next();
    if (!IsName(name)) return std::nullopt;
    parts.push_back(name.name);
    const Token token = tokens.Next();
    if (token.kind == Token::Kind::kEnd) return parts;
    if (token.kind != Token::Kind::kSymbol || token.text != ".") return std::nullopt;
  }
}

std::optional<TablePath> ParsePath(std::string_view path, std::string_view keyspace) {
  auto parts = SplitPath(path);
  if (!parts || parts->empty() || parts->size() > 2) return std::nullopt;
  if (parts->size() == 1) return TablePath{std::string(keyspace), std::move((*parts)[0])};
  return TablePath{std::move((*parts)[0]), std::move((*parts)[1])};
}

}  // namespace nstarx::connectors::cassandra
