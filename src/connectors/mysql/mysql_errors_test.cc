#include "connectors/mysql/mysql_errors.h"

#include <gtest/gtest.h>

#include <set>

#include "base/json.h"
#include "connector/connector.h"
#include "connectors/mysql/mysql_connector.h"

namespace nstarx::connectors::mysql {
namespace {

TEST(MysqlErrors, EveryNumberHasItsCodeOnce) {
  std::set<int> seen;
  for (const ErrorNumber& row : ErrorNumbers()) {
    EXPECT_TRUE(seen.insert(row.number).second) << row.number;
    const Error error = MapError(row.number, "42000", "words", "SELECT 1");
    EXPECT_EQ(error.code(), row.code);
    EXPECT_EQ(error.kind(), row.kind);
    EXPECT_EQ(error.stage(), row.stage);
    EXPECT_EQ(error.vendor_code(), std::to_string(row.number));
    EXPECT_EQ(error.sqlstate(), "42000");
  }
  const Error unknown = MapError(9999, "HY000", "words", "");
  EXPECT_EQ(unknown.code(), "query.failed");
  EXPECT_EQ(unknown.stage(), "query");
}

TEST(MysqlErrors, LoginsErrorsAreExplainedInTheSpec) {
  const auto connector = MakeMysqlConnector();
  for (const ErrorNumber& row : ErrorNumbers()) {
    if (row.stage == "query") continue;
    if (row.code.starts_with("tls.")) continue;  // net/ gives these their hints.
    EXPECT_NE(connector->spec().FindError(row.code), nullptr) << row.code;
  }
}

TEST(MysqlErrors, SyntaxErrorsSayWhere) {
  const Error error =
      MapError(1064, "42000",
               "You have an error in your SQL syntax; check the manual that corresponds to your "
               "MariaDB server version for the right syntax to use near 'FORM visible' at line 2",
               "SELECT 'é'\n  FORM visible");
  EXPECT_EQ(GetInt(error.details(), "line", 0), 2);
  EXPECT_EQ(GetString(error.details(), "near"), "FORM visible");
  EXPECT_EQ(GetInt(error.details(), "position", 0), 14);
  const Error twice = MapError(1064, "42000", "near 'x' at line 1", "x x");
  EXPECT_EQ(twice.details().if_contains("position"), nullptr);
  EXPECT_TRUE(MapError(1064, "", "no place", "x").details().empty());
}

}  // namespace
}  // namespace nstarx::connectors::mysql
