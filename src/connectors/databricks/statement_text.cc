#include "connectors/databricks/statement_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace nstarx::connectors::databricks {
namespace {

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::string Upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

/// Pieces of a statement: words, single signs, and what is quoted or comment as a whole.
class Pieces {
 public:
  enum class Kind { kWord, kSign, kQuoted, kComment, kBlank, kEnd };
  explicit Pieces(std::string_view text) : text_(text) {}

  Kind Next() {
    begin_ = end_;
    if (begin_ >= text_.size()) return Kind::kEnd;
    const char c = text_[begin_];
    if (IsBlank(c)) {
      while (end_ < text_.size() && IsBlank(text_[end_])) ++end_;
      return Kind::kBlank;
    }
    if (text_.substr(begin_).starts_with("--")) {
      end_ = std::min(text_.find_first_of("\r\n", begin_), text_.size());
      return Kind::kComment;
    }
    if (text_.substr(begin_).starts_with("/*")) {
      SkipBracketed();
      return Kind::kComment;
    }
    if (c == '\'' || c == '"' || c == '`') {
      SkipQuoted(c);
      return Kind::kQuoted;
    }
    if (IsWord(c)) {
      while (end_ < text_.size() && IsWord(text_[end_])) ++end_;
      return Kind::kWord;
    }
    ++end_;
    return Kind::kSign;
  }
  std::string_view piece() const { return text_.substr(begin_, end_ - begin_); }

 private:
  /// Comments in brackets nest.
  void SkipBracketed() {
    size_t depth = 0;
    while (end_ < text_.size()) {
      const std::string_view rest = text_.substr(end_);
      if (rest.starts_with("/*")) {
        ++depth;
        end_ += 2;
      } else if (rest.starts_with("*/")) {
        end_ += 2;
        if (--depth == 0) return;
      } else {
        ++end_;
      }
    }
  }
  /// A backslash escapes in strings; a name in backticks doubles them.
  void SkipQuoted(char quote) {
    for (++end_; end_ < text_.size(); ++end_) {
      if (text_[end_] == '\\' && quote != '`') {
        ++end_;
      } else if (text_[end_] == quote) {
        ++end_;
        return;
      }
    }
    end_ = text_.size();
  }

  const std::string_view text_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace

std::string FirstWord(std::string_view text) {
  Pieces pieces(text);
  for (auto kind = pieces.Next(); kind != Pieces::Kind::kEnd; kind = pieces.Next()) {
    if (kind == Pieces::Kind::kWord) return Upper(pieces.piece());
    if (kind == Pieces::Kind::kQuoted) return {};
    if (kind == Pieces::Kind::kSign && pieces.piece() != "(") return {};
  }
  return {};
}

bool OnlyReads(std::string_view text) {
  constexpr std::string_view kReaders[] = {"SELECT",   "VALUES", "TABLE",   "SHOW",
                                           "DESCRIBE", "DESC",   "EXPLAIN", "LIST"};
  constexpr std::string_view kWriters[] = {"INSERT", "UPDATE", "DELETE", "MERGE"};
  const std::string first = FirstWord(text);
  const bool reads = std::ranges::find(kReaders, first) != std::end(kReaders);
  const bool may_write = first == "WITH" || first == "FROM";
  if (!reads && !may_write) return false;
  Pieces pieces(text);
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
  Pieces pieces(text);
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

std::string Quote(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    if (c == '`') out += '`';
    out += c;
  }
  return out + '`';
}

std::string Literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + '\'';
}

std::optional<std::vector<std::string>> SplitPath(std::string_view path) {
  std::vector<std::string> out;
  size_t at = 0;
  while (true) {
    std::string part;
    if (at < path.size() && path[at] == '`') {
      for (++at;; ++at) {
        if (at >= path.size()) return std::nullopt;
        if (path[at] == '`') {
          if (at + 1 < path.size() && path[at + 1] == '`') {
            ++at;
          } else {
            break;
          }
        }
        part += path[at];
      }
      ++at;
    } else {
      while (at < path.size() && path[at] != '.') part += path[at++];
    }
    if (part.empty()) return std::nullopt;
    out.push_back(std::move(part));
    if (at == path.size()) return out;
    if (path[at] != '.') return std::nullopt;
    ++at;
  }
}

std::string JoinPath(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += '.';
    out += std::ranges::all_of(part, IsWord) ? part : Quote(part);
  }
  return out;
}

std::string QuotePath(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ".") + Quote(part);
  return out;
}

}  // namespace nstarx::connectors::databricks
