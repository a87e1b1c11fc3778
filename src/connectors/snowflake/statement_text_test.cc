#include "connectors/snowflake/statement_text.h"

#include <gtest/gtest.h>

#include "connectors/snowflake/snowflake_errors.h"
#include "connectors/snowflake/snowflake_session.h"

namespace nstarx::connectors::snowflake {
namespace {

TEST(StatementText, KnowsWhatOnlyReads) {
  for (const char* reads :
       {"/* a */ -- b\n // c\n (SELECT 1);", "WITH a AS (SELECT 'insert') SELECT * FROM a",
        "SHOW TABLES", "desc table t", "EXPLAIN DELETE FROM t", "SELECT $$; DROP TABLE t$$",
        "SELECT SYSTEM$TYPEOF(1)", "LIST @stage", "SELECT \"DELETE\" FROM t"}) {
    EXPECT_TRUE(OnlyReads(reads)) << reads;
  }
  for (const char* writes :
       {"", "INSERT INTO t VALUES (1)", "SELECT 1; DROP TABLE t", "SELECT seq.NEXTVAL",
        "SHOW TABLES ->> SELECT 1", "CALL p()", "SELECT SYSTEM$CANCEL_ALL_QUERIES(1)",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "COPY INTO t FROM @s",
        "EXECUTE IMMEDIATE 'drop table t'", "BEGIN", "'SELECT'", "/* SELECT */ DROP TABLE t",
        "SELECT '\\' /*' ; DELETE FROM t --*/"}) {
    EXPECT_FALSE(OnlyReads(writes)) << writes;
  }
}

TEST(StatementText, KnowsWhatStaysInTheSession) {
  for (const char* changes :
       {"USE ROLE x", "set a = 1", "ALTER SESSION SET TIMEZONE = 'UTC'", "BEGIN",
        "CREATE TEMPORARY TABLE t (a INT)", "CREATE OR REPLACE TEMP VIEW v AS SELECT 1",
        "CREATE DATABASE d", "CALL p()"}) {
    EXPECT_TRUE(ChangesSession(changes)) << changes;
  }
  for (const char* passes : {"SELECT 'USE'", "CREATE TABLE temporary_things (a INT)",
                             "ALTER TABLE t ADD COLUMN session INT", ""}) {
    EXPECT_FALSE(ChangesSession(passes)) << passes;
  }
}

TEST(StatementText, CountsMarkersOutsideOfQuotes) {
  EXPECT_TRUE(CheckMarkers("SELECT ?, '?\\'?', \"?\", $$?$$ /* ? */ -- ?\n, ?", 2));
  EXPECT_EQ(CheckMarkers("SELECT ?", 2).error().code(), "query.parameter_count");
  EXPECT_EQ(CheckMarkers("SELECT ?", 0).error().code(), "query.parameter_count");
  EXPECT_TRUE(CheckMarkers("SELECT :1, :2", 2));
}

TEST(StatementText, PathsKeepQuotedNames) {
  using Parts = std::vector<std::string>;
  EXPECT_EQ(SplitPath("lake.\"a.b\".\"q\"\"t\""), (Parts{"LAKE", "a.b", "q\"t"}));
  EXPECT_EQ(JoinPath({"LAKE", "a.b", "q\"t"}), "LAKE.\"a.b\".\"q\"\"t\"");
  for (const char* bad : {"", ".", "a.", "\"a", "\"a\"b", "a..b"}) {
    EXPECT_FALSE(SplitPath(bad)) << bad;
  }
  EXPECT_EQ(QuotePath({"A", "b\"c"}), "\"A\".\"b\"\"c\"");
  EXPECT_EQ(Literal("it's \\"), "'it''s \\\\'");
}

TEST(Session, SendsTypedBindings) {
  const auto fields = StatementFields(
      {.text = "SELECT ?, ?, ?, ?", .parameters = {42, nullptr, true, "x"}, .limit = 7}, true);
  ASSERT_TRUE(fields);
  EXPECT_EQ(json::serialize(fields->at("bindings")),
            R"({"1":{"type":"FIXED","value":"42"},"2":{"type":"ANY","value":null},)"
            R"("3":{"type":"BOOLEAN","value":"true"},"4":{"type":"TEXT","value":"x"}})");
  EXPECT_EQ(fields->at("parameters").at("ROWS_PER_RESULTSET").as_int64(), 7);
  const auto refused = StatementFields(
      {.text = "SELECT ?", .parameters = json::parse("[[1]]").as_array(), .limit = {}}, true);
  EXPECT_EQ(refused.error().code(), "query.unsupported_parameter");
}

std::string CodeOf(std::string_view code, std::string_view message) {
  return FromFailure({{"success", false}, {"code", code}, {"message", message}}, {}).code();
}

TEST(Errors, HaveOurCodes) {
  EXPECT_EQ(CodeOf("390100", "Incorrect username or password was specified."),
            "login.wrong_password");
  EXPECT_EQ(CodeOf("390144", "JWT token is invalid. [abc]"), "login.jwt_invalid");
  EXPECT_EQ(CodeOf("394508", "Multi-factor authentication is required for this account."),
            "login.mfa_required");
  EXPECT_EQ(CodeOf("390422", "IP 1.2.3.4 is not allowed to access Snowflake."),
            "login.network_policy");
  EXPECT_EQ(CodeOf("399999", "Something new"), "login.refused");
  EXPECT_EQ(CodeOf("002003", "Object 'T' does not exist or not authorized."),
            "query.undefined_table");
  EXPECT_EQ(CodeOf("000606", "No active warehouse selected in the current session."),
            "warehouse.none_active");
  EXPECT_EQ(CodeOf("999999", ""), "query.failed");
  EXPECT_EQ(CodeOf("", ""), "query.failed");
}

TEST(Errors, PointIntoTheStatement) {
  const Error error = FromFailure(
      {{"code", "001003"},
       {"message", "SQL compilation error:\nsyntax error line 2 at position 2 unexpected 'FORM'."},
       {"data", {{"sqlState", "42000"}, {"queryId", "01ab"}}}},
      "SELECT *\n  FORM t");
  EXPECT_EQ(error.code(), "query.syntax_error");
  EXPECT_EQ(error.details().at("position").as_int64(), 12);
  EXPECT_EQ(error.sqlstate(), "42000");
  EXPECT_EQ(error.details().at("query_id").as_string(), "01ab");
  const Error hostile = FromFailure(
      {{"code", "001003"}, {"message", "error line 99999999999999999999 at position -4"}}, "x");
  EXPECT_FALSE(hostile.details().contains("position"));
}

TEST(Errors, AnswersOutsideOfTheProtocol) {
  EXPECT_EQ(FromHttpFailure(403, "/session/v1/login-request").code(), "login.unknown_account");
  EXPECT_EQ(FromHttpFailure(429, "/queries/v1/query-request").code(), "service.busy");
  EXPECT_EQ(FromHttpFailure(500, "/queries/v1/query-request").code(), "service.unavailable");
  EXPECT_EQ(FromHttpFailure(404, "/queries/v1/query-request").code(), "response.malformed");
}

}  // namespace
}  // namespace nstarx::connectors::snowflake
