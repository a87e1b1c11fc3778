#include <gtest/gtest.h>

#include "connector/connector.h"
#include "connectors/redshift/redshift_connector.h"
#include "connectors/redshift/redshift_credentials.h"
#include "connectors/redshift/redshift_errors.h"
#include "connectors/redshift/redshift_session.h"

namespace nstarx::connectors::redshift {
namespace {

TEST(RedshiftSpec, IsValid) {
  const auto connector = MakeRedshiftConnector();
  EXPECT_EQ(connector->spec().type(), "redshift");
}

TEST(RedshiftPlan, ReadsItsText) {
  const json::object plan = PlanOfLines({
      "XN Hash Join DS_DIST_NONE  (cost=112.50..3272334142.59 rows=170771 width=84)",
      "  Hash Cond: (\"outer\".venueid = \"inner\".venueid)",
      "  ->  XN Seq Scan on event  (cost=0.00..87.98 rows=8798 width=35)",
      "  ->  XN Hash  (cost=2.02..2.02 rows=202 width=41)",
      "        ->  XN Seq Scan on venue v  (cost=0.00..2.02 rows=202 width=41)",
      "              Filter: (venueid > 1)",
  });
  EXPECT_EQ(GetString(plan, "node"), "XN Hash Join DS_DIST_NONE");
  EXPECT_EQ(plan.at("rows").as_double(), 170771);
  EXPECT_EQ(plan.at("cost").as_double(), 3272334142.59);
  EXPECT_EQ(GetString(plan, "hash_condition"), "(\"outer\".venueid = \"inner\".venueid)");
  const json::array& children = plan.at("children").as_array();
  ASSERT_EQ(children.size(), 2);
  EXPECT_EQ(GetString(children[0].as_object(), "relation"), "event");
  const json::object& venue = children[1].at("children").at(0).as_object();
  EXPECT_EQ(GetString(venue, "relation"), "venue");
  EXPECT_EQ(GetString(venue, "filter"), "(venueid > 1)");
}

TEST(RedshiftPlan, HostileTextGivesWhatCanBeRead) {
  EXPECT_TRUE(PlanOfLines({}).empty());
  EXPECT_TRUE(PlanOfLines({"", "->", "Filter: x", ": "}).empty());
  std::vector<std::string> deep;
  for (size_t i = 0; i < 2000; ++i) deep.push_back(std::string(i, ' ') + "A  (cost=x..y rows= w");
  EXPECT_EQ(GetString(PlanOfLines(deep), "node"), "A");
}

TEST(RedshiftErrors, WordsTellCausesOfOneSqlstateApart) {
  Error conflict(ErrorKind::kDataLoss, "query.server_failed",
                 "1023 DETAIL: Serializable isolation violation on table - 5");
  conflict.WithStage("query").WithSqlstate("XX000").WithDetail("line", 3);
  const Error told = Refine(conflict);
  EXPECT_EQ(told.code(), "query.serialization_failure");
  EXPECT_EQ(told.connector(), "redshift");
  EXPECT_EQ(told.sqlstate(), "XX000");
  EXPECT_EQ(told.details().at("line"), 3);
  Error password(ErrorKind::kUnauthenticated, "login.refused",
                 "password authentication failed for user \"x\"");
  password.WithStage("login").WithSqlstate("28000");
  EXPECT_EQ(Refine(password).code(), "login.wrong_password");
  Error other(ErrorKind::kInvalidArgument, "query.syntax_error", "syntax error");
  other.WithStage("query").WithSqlstate("42601");
  EXPECT_EQ(Refine(other).code(), "query.syntax_error");
}

TEST(RedshiftTypes, SuperIsJson) {
  const auto type = RedshiftDialect().type_of(4000);
  ASSERT_TRUE(type.has_value());
  EXPECT_EQ(type->extension, "arrow.json");
  EXPECT_FALSE(type->binary);
  EXPECT_FALSE(RedshiftDialect().type_of(23).has_value());
}

TEST(RedshiftLogins, ReadsBothAnswers) {
  const auto cluster = ReadClusterCredentials(
      "<GetClusterCredentialsResponse><GetClusterCredentialsResult><DbUser>IAM:a</DbUser>"
      "<DbPassword>canary-p</DbPassword><Expiration>2026-01-01T00:15:00Z</Expiration>"
      "</GetClusterCredentialsResult></GetClusterCredentialsResponse>");
  ASSERT_TRUE(cluster.has_value());
  EXPECT_EQ((*cluster)->user, "IAM:a");
  EXPECT_EQ((*cluster)->password.Reveal(), "canary-p");
  const auto serverless = ReadServerlessCredentials(
      R"({"dbUser":"IAMR:b","dbPassword":"canary-q","expiration":1767226500.0})");
  ASSERT_TRUE(serverless.has_value());
  EXPECT_EQ((*serverless)->user, "IAMR:b");
  EXPECT_EQ((*serverless)->expires, (*cluster)->expires);
}

TEST(RedshiftLogins, RefusesWhatIsNoLogin) {
  for (const char* text : {"", "{}", "[]", R"({"dbUser":"a","dbPassword":"b"})",
                           R"({"dbUser":"a","dbPassword":"b","expiration":1e300})",
                           R"({"dbUser":"a","dbPassword":"b","expiration":-1})"}) {
    EXPECT_FALSE(ReadServerlessCredentials(text).has_value()) << text;
  }
  for (const char* text : {"", "<a/>",
                           "<R><GetClusterCredentialsResult><DbUser>u</DbUser>"
                           "</GetClusterCredentialsResult></R>"}) {
    EXPECT_FALSE(ReadClusterCredentials(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace nstarx::connectors::redshift
