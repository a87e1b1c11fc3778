#include "connectors/sql_text/pieces.h"

#include <gtest/gtest.h>

#include <vector>

namespace nstarx::connectors::sql_text {
namespace {

std::vector<std::string> Words(std::string_view text, Lexis lexis) {
  std::vector<std::string> out;
  Pieces pieces(text, lexis);
  for (auto kind = pieces.Next(); kind != Pieces::Kind::kEnd; kind = pieces.Next()) {
    if (kind == Pieces::Kind::kWord) out.emplace_back(pieces.piece());
  }
  return out;
}

using Strings = std::vector<std::string>;

TEST(Pieces, CommentsNestOnlyWhereTheDialectSaysSo) {
  EXPECT_EQ(Words("a /* /* b */ c */ d", {}), (Strings{"a", "c", "d"}));
  EXPECT_EQ(Words("a /* /* b */ c */ d", {.nested_comments = true}), (Strings{"a", "d"}));
  EXPECT_EQ(Words("a // b\nc -- d\ne /* f", {.slash_comments = true}), (Strings{"a", "c", "e"}));
  EXPECT_EQ(Words("a // b", {}), (Strings{"a", "b"}));
  EXPECT_EQ(Words("/*/ a */ b", {}), (Strings{"b"}));
}

TEST(Pieces, QuotesHideWords) {
  EXPECT_EQ(Words(R"(a 'b''c' "d""e" f)", {}), (Strings{"a", "f"}));
  EXPECT_EQ(Words(R"('\' a)", {}), (Strings{"a"}));
  EXPECT_EQ(Words(R"('\' a)", {.backslash_in_single_quotes = true}), (Strings{}));
  EXPECT_EQ(Words(R"("\" a)", {.backslash_in_single_quotes = true}), (Strings{"a"}));
  EXPECT_EQ(Words("$$ a ' $$ b $c", {.dollar_quotes = true}), (Strings{"b", "$c"}));
  EXPECT_EQ(Words("`a` b", {.backticks = true}), (Strings{"b"}));
  EXPECT_EQ(Words("'never closed", {}), (Strings{}));
}

TEST(Pieces, TheFirstWord) {
  EXPECT_EQ(FirstWord("/* x */ -- y\n ((select 1)", {}), "SELECT");
  EXPECT_EQ(FirstWord("'select'", {}), "");
  EXPECT_EQ(FirstWord("; select", {}), "");
  EXPECT_EQ(FirstWord("", {}), "");
}

}  // namespace
}  // namespace nstarx::connectors::sql_text
