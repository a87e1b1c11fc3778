#include "connectors/sql_text/names.h"

#include <gtest/gtest.h>

#include "connectors/sql_text/pieces.h"

namespace nstarx::connectors::sql_text {
namespace {

using Strings = std::vector<std::string>;

TEST(Names, AQuoteInsideIsDoubled) {
  EXPECT_EQ(QuoteName("a", '"'), "\"a\"");
  EXPECT_EQ(QuoteName("a\"b", '"'), "\"a\"\"b\"");
  EXPECT_EQ(QuotePath({"a`", "b"}, '`'), "`a```.`b`");
}

TEST(Names, PathsAreReadByTheirQuotes) {
  EXPECT_EQ(SplitPath("a.b", '`'), (Strings{"a", "b"}));
  EXPECT_EQ(SplitPath("a.b", '"', Upper), (Strings{"A", "B"}));
  EXPECT_EQ(SplitPath("\"a.b\".c", '"', Upper), (Strings{"a.b", "C"}));
  EXPECT_EQ(SplitPath("`a```", '`'), (Strings{"a`"}));
}

TEST(Names, WhatIsNoPathIsRefused) {
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "\"a", "\"a\"b", "\"\"", "\"a\"\""}) {
    EXPECT_FALSE(SplitPath(bad, '"')) << bad;
  }
}

TEST(Names, WhatWasQuotedIsReadBack) {
  for (const char* name : {"plain", "with.dot", "\"", "\"\"", "ü", " "}) {
    EXPECT_EQ(SplitPath(QuotePath({name, "x"}, '"'), '"'), (Strings{name, "x"})) << name;
  }
}

}  // namespace
}  // namespace nstarx::connectors::sql_text
