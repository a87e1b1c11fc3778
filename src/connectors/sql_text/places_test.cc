#include "connectors/sql_text/places.h"

#include <gtest/gtest.h>

namespace nstarx::connectors::sql_text {
namespace {

TEST(Places, NumbersAreReadBehindAWord) {
  EXPECT_EQ(NumberBehind("error line 3 at position 14 near", "line "), 3);
  EXPECT_EQ(NumberBehind("error line 3 at position 14 near", "position "), 14);
  for (const char* none : {"", "line", "line x", "line -1", "line 99999999999999999999"}) {
    EXPECT_FALSE(NumberBehind(none, "line ")) << none;
  }
}

TEST(Places, LinesAreCountedInCharacters) {
  EXPECT_EQ(PlaceOf("SELECT x", 1, 7), 8);
  EXPECT_EQ(PlaceOf("SELECT\nx", 2, 0), 8);
  EXPECT_EQ(PlaceOf("'ü'\nx", 2, 0), 5);
  EXPECT_FALSE(PlaceOf("SELECT x", 2, 0));
  EXPECT_FALSE(PlaceOf("SELECT x", 0, 0));
  EXPECT_FALSE(PlaceOf("SELECT x", 1, 9));
  EXPECT_FALSE(PlaceOf("SELECT x", 1, -1));
}

}  // namespace
}  // namespace nstarx::connectors::sql_text
