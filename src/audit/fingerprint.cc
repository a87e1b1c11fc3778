#include <string>
#include <string_view>
#include <vector>

#include "audit/journal.h"
#include "audit/line.h"

namespace nstarx::audit {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWord(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         (c & 0x80) != 0;
}
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// Reads a statement of any SQL dialect token by token; literals become '?', comments and white
/// space one blank, words lower case, a list of literals one '?'.
class Normaliser {
 public:
  explicit Normaliser(std::string_view text) : text_(text) {}

  std::string Run() {
    while (at_ < text_.size()) Token();
    return std::move(out_);
  }

 private:
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void Token() {
    const char c = Peek();
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
      ++at_;
      blank_ = true;
    } else if (c == '-' && Peek(1) == '-') {
      SkipLine();
    } else if (c == '/' && Peek(1) == '*') {
      SkipComment();
    } else if (c == '\'') {
      Quoted('\'');
      Literal();
    } else if (c == '"') {
      QuotedName();
    } else if (c == '$' && SkipDollarQuote()) {
      Literal();
    } else if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
      Number();
      Literal();
    } else if (IsWord(c) || c == '`') {
      Word();
    } else {
      ++at_;
      if (c == '(') in_values_.push_back(last_ == "values" || last_ == "in");
      if (c == ')' && !in_values_.empty()) in_values_.pop_back();
      Emit(std::string_view(&c, 1));
    }
  }

  void SkipLine() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    blank_ = true;
  }

  void SkipComment() {
    int depth = 0;
    do {
      if (Peek() == '/' && Peek(1) == '*') {
        ++depth;
        at_ += 2;
      } else if (Peek() == '*' && Peek(1) == '/') {
        --depth;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (depth > 0 && at_ < text_.size());
    blank_ = true;
  }

  /// Skips a quoted text with doubled quotes and backslash escapes.
  void Quoted(char quote) {
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '\\') {
        ++at_;
      } else if (c == quote) {
        if (Peek() != quote) return;
        ++at_;
      }
    }
    at_ = text_.size();
  }

  /// "name" is a name, or a text literal in MySQL, which shows by what stands before it.
  void QuotedName() {
    const size_t begin = at_;
    Quoted('"');
    const char before = last_.empty() ? '\0' : last_.back();
    const bool value =
        before == '=' || before == '<' || before == '>' || before == '|' || before == '+' ||
        last_ == "like" || last_ == "between" || last_ == "and" ||
        ((before == '(' || before == ',') && !in_values_.empty() && in_values_.back());
    if (value) {
      Literal();
    } else {
      Emit(text_.substr(begin, at_ - begin));
    }
  }

  bool SkipDollarQuote() {
    size_t end = at_ + 1;
    while (end < text_.size() && (IsWord(text_[end]) && text_[end] != '$')) ++end;
    if (end >= text_.size() || text_[end] != '$' || (end > at_ + 1 && IsDigit(text_[at_ + 1]))) {
      return false;
    }
    const std::string_view tag = text_.substr(at_, end + 1 - at_);
    const size_t close = text_.find(tag, end + 1);
    at_ = close == std::string_view::npos ? text_.size() : close + tag.size();
    return true;
  }

  void Number() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const bool exponent_sign =
          (c == '+' || c == '-') && (Lower(text_[at_ - 1]) == 'e') && IsDigit(Peek(1));
      if (!IsWord(c) && c != '.' && !exponent_sign) return;
      ++at_;
    }
  }

  void Word() {
    const size_t begin = at_;
    if (text_[at_] == '`') {
      Quoted('`');
    } else {
      while (at_ < text_.size() && IsWord(text_[at_])) ++at_;
    }
    std::string word(text_.substr(begin, at_ - begin));
    // The prefix of E'…', N'…', X'…' belongs to the literal.
    if (word.size() == 1 && Peek() == '\'') return;
    for (char& c : word) c = Lower(c);
    Emit(word);
  }

  void Literal() {
    // "(?, ?, ?)" is the same statement as "(?)".
    if (out_.ends_with(",") && last_ == "," && literal_before_comma_) {
      out_.pop_back();
      blank_ = false;
      last_ = "?";
      return;
    }
    Emit("?");
  }

  void Emit(std::string_view token) {
    if (token == ",") literal_before_comma_ = last_ == "?";
    const bool word = IsWord(token.front()) || token.front() == '?';
    const bool word_before = !out_.empty() && (IsWord(out_.back()) || out_.back() == '?');
    if (blank_ && word && word_before) out_ += ' ';
    blank_ = false;
    out_ += token;
    last_ = token;
  }

  const std::string_view text_;
  size_t at_ = 0;
  bool blank_ = false;
  bool literal_before_comma_ = false;
  std::vector<bool> in_values_;
  std::string out_;
  std::string last_;
};

}  // namespace

std::string Fingerprint(std::string_view statement) {
  std::string normal = Normaliser(statement).Run();
  while (normal.ends_with(';')) normal.pop_back();
  return HashText(normal).substr(0, 16);
}

}  // namespace nstarx::audit
