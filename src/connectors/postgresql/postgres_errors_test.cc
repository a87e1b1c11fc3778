#include "connectors/postgresql/postgres_errors.h"

#include <gtest/gtest.h>

#include <set>

#include "connector/spec.h"
#include "connectors/postgresql/postgres_connector.h"

namespace nstarx::connectors::postgresql {
namespace {

std::string Body(std::initializer_list<std::pair<char, std::string>> fields) {
  std::string body;
  for (const auto& [kind, value] : fields) body += kind + value + '\0';
  return body + '\0';
}

TEST(PostgresErrorsTest, EveryRowIsReached) {
  std::set<std::string_view> seen;
  for (const SqlstateRow& row : SqlstateTable()) {
    EXPECT_TRUE(seen.insert(row.sqlstate).second) << row.sqlstate << " twice";
    std::string state(row.sqlstate);
    if (state.size() == 2) state += "ZZZ";
    if (state.empty()) state = "ZZZZZ";
    EXPECT_EQ(RowOfSqlstate(state).code, row.code) << state;
    EXPECT_NE(row.code.find('.'), std::string_view::npos);
  }
}

TEST(PostgresErrorsTest, ExactRowsComeBeforeTheirClass) {
  EXPECT_EQ(RowOfSqlstate("42P01").code, "query.undefined_table");
  EXPECT_EQ(RowOfSqlstate("42ZZZ").code, "query.invalid_statement");
  EXPECT_EQ(RowOfSqlstate("22012").code, "query.division_by_zero");
  EXPECT_EQ(RowOfSqlstate("").code, "query.failed");
}

TEST(PostgresErrorsTest, PositionsCountCharacters) {
  auto server =
      ParseServerError(Body({{'S', "ERROR"}, {'C', "42601"}, {'M', "syntax error"}, {'P', "10"}}));
  Error error = QueryError(server, "SELECT * FORM x", 0);
  EXPECT_EQ(error.code(), "query.syntax_error");
  EXPECT_EQ(error.stage(), "query");
  EXPECT_EQ(error.sqlstate(), "42601");
  EXPECT_EQ(error.details().at("position").as_int64(), 10);
  EXPECT_EQ(error.details().at("line").as_int64(), 1);
  EXPECT_EQ(error.details().at("column").as_int64(), 10);
  server.position = 3;
  error = QueryError(server, "é;\nSELECT", 4);
  EXPECT_EQ(error.details().at("position").as_int64(), 6);
  EXPECT_EQ(error.details().at("line").as_int64(), 2);
  EXPECT_EQ(error.details().at("column").as_int64(), 3);
}

TEST(PostgresErrorsTest, RowValuesStayWithTheServer) {
  auto server = ParseServerError(Body({{'C', "23505"},
                                       {'M', "duplicate key"},
                                       {'D', "Key (card)=(4111) already exists."},
                                       {'n', "cards_key"}}));
  Error error = QueryError(server, "", 0);
  EXPECT_EQ(error.code(), "query.constraint_violation");
  EXPECT_EQ(error.details().at("constraint").as_string(), "cards_key");
  EXPECT_EQ(json::serialize(error.ToJson()).find("4111"), std::string::npos);
}

TEST(PostgresErrorsTest, TimeoutAndCancelShareASqlstate) {
  ServerError server{.sqlstate = "57014",
                     .message = "canceling statement due to statement timeout"};
  EXPECT_EQ(QueryError(server, "", 0).code(), "query.timeout");
  server.message = "canceling statement due to user request";
  EXPECT_EQ(QueryError(server, "", 0).code(), "query.cancelled");
}

TEST(PostgresErrorsTest, HostileBodies) {
  for (std::string body : {std::string(), std::string("C"), std::string("C42601"),
                           std::string("\0\0", 2), std::string("P99999999999999999999\0", 22)}) {
    ServerError error = ParseServerError(body);
    EXPECT_GE(error.position, 0);
    EXPECT_FALSE(QueryError(error, "SELECT 1", 0).code().empty());
  }
}

TEST(PostgresErrorsTest, LoginErrorsByLibpqsMessage) {
  struct Row {
    std::string_view message;
    std::string_view code;
    std::string_view sqlstate;
  };
  for (const Row& row : {
           Row{"connection to server at \"h\" (1.2.3.4), port 5432 failed: FATAL:  28P01: password "
               "authentication failed for user \"u\"\nLOCATION:  auth_failed, auth.c:334\n",
               "login.wrong_password", "28P01"},
           Row{"FATAL:  28000: role \"u\" does not exist\n", "login.unknown_user", "28000"},
           Row{"FATAL:  28000: no pg_hba.conf entry for host \"1.2.3.4\", no encryption\n",
               "login.refused", "28000"},
           Row{"FATAL:  3D000: database \"d\" does not exist\n", "login.unknown_database", "3D000"},
           Row{"FATAL:  42501: permission denied for database \"d\"\n", "login.no_privilege",
               "42501"},
           Row{"FATAL:  53300: sorry, too many clients already\n", "login.too_many_connections",
               "53300"},
           Row{"FATAL:  57P03: the database system is starting up\n", "login.starting_up", "57P03"},
           Row{"FATAL:  08P01: SASL authentication failed\n", "login.wrong_password", "08P01"},
           Row{"FATAL:  08P01: no such database: d\n", "login.unknown_database", "08P01"},
           Row{"FATAL:  XX000: odd\n", "login.refused", "XX000"},
           Row{"could not connect: Connection refused\n", "connection.failed", ""},
       }) {
    Error error = LoginError(row.message);
    EXPECT_EQ(error.code(), row.code) << row.message;
    EXPECT_EQ(error.sqlstate(), row.sqlstate) << row.message;
    EXPECT_EQ(error.message().find("LOCATION"), std::string::npos);
  }
}

TEST(PostgresErrorsTest, TheSpecExplainsWhatPeopleMeet) {
  auto spec = connector::Spec::Parse(SpecDocument());
  ASSERT_TRUE(spec) << spec.error().ToString();
  EXPECT_EQ(spec->type(), "postgresql");
  EXPECT_EQ(spec->default_port(), 5432);
  for (std::string_view code :
       {"login.wrong_password", "login.unknown_database", "login.no_privilege",
        "query.undefined_table", "query.syntax_error", "query.no_privilege", "query.timeout"}) {
    const auto* known = spec->FindError(code);
    ASSERT_NE(known, nullptr) << code;
    EXPECT_FALSE(known->hints.empty()) << code;
  }
}

}  // namespace
}  // namespace nstarx::connectors::postgresql
