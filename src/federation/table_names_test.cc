#include "federation/table_names.h"

#include <gtest/gtest.h>

namespace nstarx::federation {
namespace {

TEST(TableNames, TheFirstPartIsTheConnection) {
  const TableName two = NameOf("", "sales", "public.orders");
  EXPECT_EQ(two.connection, "sales");
  EXPECT_EQ(two.path, "public.orders");
  const TableName three = NameOf("sales", "public", "orders");
  EXPECT_EQ(three.connection, "sales");
  EXPECT_EQ(three.path, "public.orders");
}

TEST(TableNames, PathsOfOnePartAreAsTheyAre) {
  EXPECT_EQ(NameOf("", "lake", "events/*.parquet").path, "events/*.parquet");
  EXPECT_EQ(NameOf("", "s", "\"odd name\".t").path, "\"odd name\".t");
}

TEST(TableNames, OddNamesAreQuotedInPathsOfTwo) {
  EXPECT_EQ(NameOf("sales", "public", "Order Lines").path, "public.\"Order Lines\"");
  EXPECT_EQ(NameOf("sales", "a.b", "c\"d").path, "\"a.b\".\"c\"\"d\"");
}

TEST(TableNames, OneNameIsNoConnections) { EXPECT_TRUE(NameOf("", "", "t").connection.empty()); }

}  // namespace
}  // namespace nstarx::federation
