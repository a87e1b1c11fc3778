#include "connector/scan.h"

#include <gtest/gtest.h>

namespace nstarx::connector {
namespace {

TEST(ScanText, ColumnsAndComparisonsAreQuoted) {
  EXPECT_EQ(ScanText("t", {.path = "t"}, '"'), "SELECT * FROM t");
  EXPECT_EQ(ScanText("`d`.`t`", {.path = "d.t", .columns = {"a", "b`c"}}, '`'),
            "SELECT `a`, `b``c` FROM `d`.`t`");
  EXPECT_EQ(ScanText("t",
                     {.path = "t",
                      .columns = {"a"},
                      .where = {{"a", ">=", int64_t{-5}}, {"b", "=", std::string("new")}}},
                     '"'),
            "SELECT \"a\" FROM t WHERE \"a\" >= -5 AND \"b\" = 'new'");
}

TEST(ScanText, TextsThatDialectsReadDifferentlyAreNotSent) {
  for (const char* text : {"it's", "back\\slash", "\"", "ü", "line\n", "\x7F"}) {
    EXPECT_EQ(ScanText("t", {.path = "t", .where = {{"a", "=", std::string(text)}}}, '"'),
              "SELECT * FROM t")
        << text;
  }
  EXPECT_EQ(
      ScanText("t", {.path = "t", .where = {{"a", "=", std::string("'")}, {"b", "<>", int64_t{0}}}},
               '"'),
      "SELECT * FROM t WHERE \"b\" <> 0");
}

}  // namespace
}  // namespace nstarx::connector
