#pragma once

#include <string>
#include <string_view>

namespace nstarx::connectors::sql_text {

/// Where the dialects differ in what is quoted and what is comment.
struct Lexis {
  bool nested_comments = false;  ///< /* /* */ */
  bool slash_comments = false;   ///< // to the end of the line
  bool backslash_in_single_quotes = false;
  bool backslash_in_double_quotes = false;
  bool backticks = false;      ///< quote names
  bool dollar_quotes = false;  ///< $$ … $$
};

/// Pieces of a statement: words, single signs, and what is blank, quoted or comment as a whole.
class Pieces {
 public:
  enum class Kind { kWord, kSign, kQuoted, kComment, kBlank, kEnd };
  /// `text` must live as long.
  Pieces(std::string_view text, Lexis lexis) : text_(text), lexis_(lexis) {}

  Kind Next();
  std::string_view piece() const { return text_.substr(begin_, end_ - begin_); }
  /// What follows the piece.
  std::string_view rest() const { return text_.substr(end_); }

 private:
  void SkipBracketed();
  void SkipQuoted(char quote);
  bool SkipDollars();

  const std::string_view text_;
  const Lexis lexis_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

/// Letters, digits, _, $ and all that is not ASCII.
bool IsWordSign(char c);
/// ASCII letters in capitals.
std::string Upper(std::string_view text);
/// The first word in capitals, behind comments, blanks and opening brackets; empty if there is
/// none.
std::string FirstWord(std::string_view text, Lexis lexis);

}  // namespace nstarx::connectors::sql_text
