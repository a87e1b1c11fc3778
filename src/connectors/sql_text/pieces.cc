#include "connectors/sql_text/pieces.h"

#include <algorithm>

namespace nstarx::connectors::sql_text {
namespace {

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

bool IsWordSign(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

std::string Upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

Pieces::Kind Pieces::Next() {
  begin_ = end_;
  if (begin_ >= text_.size()) return Kind::kEnd;
  const std::string_view rest = text_.substr(begin_);
  const char c = rest.front();
  if (IsBlank(c)) {
    while (end_ < text_.size() && IsBlank(text_[end_])) ++end_;
    return Kind::kBlank;
  }
  if (rest.starts_with("--") || (lexis_.slash_comments && rest.starts_with("//"))) {
    end_ = std::min(text_.find_first_of("\r\n", begin_), text_.size());
    return Kind::kComment;
  }
  if (rest.starts_with("/*")) {
    SkipBracketed();
    return Kind::kComment;
  }
  if (c == '\'' || c == '"' || (c == '`' && lexis_.backticks)) {
    SkipQuoted(c);
    return Kind::kQuoted;
  }
  if (lexis_.dollar_quotes && SkipDollars()) return Kind::kQuoted;
  if (IsWordSign(c)) {
    while (end_ < text_.size() && IsWordSign(text_[end_])) ++end_;
    return Kind::kWord;
  }
  ++end_;
  return Kind::kSign;
}

void Pieces::SkipBracketed() {
  end_ += 2;
  for (size_t depth = 1; end_ < text_.size();) {
    const std::string_view rest = text_.substr(end_);
    if (lexis_.nested_comments && rest.starts_with("/*")) {
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

/// A doubled quote ends one piece and begins the next: both are quoted.
void Pieces::SkipQuoted(char quote) {
  const bool backslash = (quote == '\'' && lexis_.backslash_in_single_quotes) ||
                         (quote == '"' && lexis_.backslash_in_double_quotes);
  for (++end_; end_ < text_.size(); ++end_) {
    if (text_[end_] == '\\' && backslash) {
      ++end_;
    } else if (text_[end_] == quote) {
      ++end_;
      return;
    }
  }
  end_ = text_.size();
}

bool Pieces::SkipDollars() {
  if (!text_.substr(begin_).starts_with("$$")) return false;
  const size_t close = text_.find("$$", begin_ + 2);
  end_ = close == std::string_view::npos ? text_.size() : close + 2;
  return true;
}

std::string FirstWord(std::string_view text, Lexis lexis) {
  Pieces pieces(text, lexis);
  for (auto kind = pieces.Next(); kind != Pieces::Kind::kEnd; kind = pieces.Next()) {
    if (kind == Pieces::Kind::kWord) return Upper(pieces.piece());
    if (kind == Pieces::Kind::kQuoted) return {};
    if (kind == Pieces::Kind::kSign && pieces.piece() != "(") return {};
  }
  return {};
}

}  // namespace nstarx::connectors::sql_text
