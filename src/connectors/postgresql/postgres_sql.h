#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nstarx::connectors::postgresql {

enum class TokenKind : uint8_t { kWord, kQuoted, kNumber, kString, kParameter, kSymbol };

/// A piece of SQL. Comments and white space are not tokens.
struct Token {
  TokenKind kind = TokenKind::kSymbol;
  size_t begin = 0;
  size_t end = 0;
  std::string_view in(std::string_view text) const { return text.substr(begin, end - begin); }
};

/// Cuts SQL as the server does with standard_conforming_strings on: nested comments, dollar quotes,
/// escape strings. What is left open runs to the end of the text.
std::vector<Token> Tokenize(std::string_view text);

enum class StatementKind : uint8_t {
  kQuery,        ///< SELECT, VALUES, TABLE, SHOW, EXPLAIN and WITH without a writing part
  kWrite,        ///< INSERT, UPDATE, DELETE, MERGE, TRUNCATE, and WITH that has one inside
  kTransaction,  ///< BEGIN, COMMIT, SAVEPOINT …
  kSetting,      ///< SET, RESET, DISCARD
  kCopyStream,   ///< COPY … FROM STDIN / TO STDOUT
  kOther,
};

/// A query that reads one relation and nothing else, row by row: the rows of any cut of the
/// relation, put together, are the rows of the whole.
struct PlainScan {
  std::string relation;   ///< as written, e.g. `sales."Order"`
  std::string qualifier;  ///< what its columns are called by: alias or last name, as written
  size_t from_end = 0;    ///< behind the relation and its alias, in the statement's text
  size_t where_end = 0;   ///< behind WHERE; 0: there is none
};

/// One statement of a text.
struct SqlStatement {
  std::string_view text;
  size_t offset = 0;  ///< in the whole text
  StatementKind kind = StatementKind::kOther;
  bool leaves_state = false;  ///< may change the session for whoever comes next
  uint64_t shape = 0;         ///< equal for statements that differ only in their literals
  std::optional<PlainScan> scan;
};

/// The statements between the semicolons; empty ones are left out.
std::vector<SqlStatement> SplitStatements(std::string_view text);

/// The plain scan of a statement, cut to the rows of a range of pages: $1 <= ctid < $2.
std::string CutByPages(const SqlStatement& statement);

/// A name as SQL: quoted where it must be.
std::string QuoteName(std::string_view name);
/// A name as a part of a path: quoted when SplitPath or SQL would read it otherwise.
std::string PathPart(std::string_view name);
std::string QuoteLiteral(std::string_view text);
/// The parts of a path such as `"My Schema"."t.x"`; empty when it is malformed.
std::vector<std::string> SplitPath(std::string_view path);

}  // namespace nstarx::connectors::postgresql
