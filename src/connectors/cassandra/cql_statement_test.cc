#include "connectors/cassandra/cql_statement.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "connectors/cassandra/cassandra_connector.h"
#include "connectors/cassandra/cassandra_errors.h"
#include "connectors/cassandra/cql_encode.h"
#include "connectors/cassandra/cql_wire.h"

namespace nstarx::connectors::cassandra {
namespace {

std::string ErrorBody(int32_t number, std::string_view message) {
  BodyWriter body;
  body.Int(number);
  body.String(message);
  return body.text();
}

TEST(CqlStatement, KnowsWhatOnlyReads) {
  for (const std::string_view text :
       {"select 1", "-- c\n SELECT *", "/* x */ // y\nList roles", "describe tables"}) {
    EXPECT_TRUE(OnlyReads(text)) << text;
  }
  for (const std::string_view text :
       {"INSERT INTO t", "BEGIN BATCH", "", "-- SELECT", "/* SELECT", "(SELECT)", "\"SELECT\" 1",
        "SELECTED", "USE k", "GRANT SELECT ON x", "/* */ DROP TABLE t"}) {
    EXPECT_FALSE(OnlyReads(text)) << text;
  }
}

TEST(CqlStatement, FindsPlainScans) {
  const auto scan = AsPlainScan("SELECT a, \"B\" FROM Ks.\"T t\" /* all */;");
  ASSERT_TRUE(scan.has_value());
  EXPECT_EQ(scan->keyspace, "ks");
  EXPECT_EQ(scan->table, "T t");
  EXPECT_TRUE(AsPlainScan("select * from t").has_value());
  for (const std::string_view text :
       {"SELECT count(*) FROM t", "SELECT a FROM t WHERE b = 1", "SELECT a FROM t LIMIT 3",
        "SELECT DISTINCT a FROM t", "SELECT JSON a FROM t", "SELECT a AS b FROM t",
        "SELECT * FROM t; DROP TABLE t", "SELECT a, FROM t", "SELECT FROM t", "SELECT * FROM",
        "SELECT * FROM a.b.c", "SELECT token(a) FROM t", "INSERT INTO t", "SELECT * FROM \"t"}) {
    EXPECT_FALSE(AsPlainScan(text).has_value()) << text;
  }
}

TEST(CqlStatement, CutsTheRingWithoutGapsOrOverlap) {
  const auto parts = CutByTokens(*AsPlainScan("SELECT * FROM k.t"), {"a", "B"}, 4);
  EXPECT_EQ(parts, (std::vector<std::string>{
                       "SELECT * FROM k.t WHERE token(a, \"B\") <= -4611686018427387905",
                       "SELECT * FROM k.t WHERE token(a, \"B\") > -4611686018427387905 AND "
                       "token(a, \"B\") <= -2",
                       "SELECT * FROM k.t WHERE token(a, \"B\") > -2 AND token(a, \"B\") <= "
                       "4611686018427387901",
                       "SELECT * FROM k.t WHERE token(a, \"B\") > 4611686018427387901"}));
  EXPECT_EQ(CutByTokens(*AsPlainScan("SELECT * FROM t"), {"a"}, 1),
            (std::vector<std::string>{"SELECT * FROM t"}));
}

TEST(CqlStatement, QuotesNames) {
  EXPECT_EQ(Quote("plain_1"), "plain_1");
  EXPECT_EQ(Quote("Table"), "\"Table\"");
  EXPECT_EQ(Quote("select"), "\"select\"");
  EXPECT_EQ(Quote("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(Quote(""), "\"\"");
  EXPECT_EQ(Literal("it's"), "'it''s'");
  EXPECT_EQ(ParsePath("Ks.\"a.b\"", "")->table, "a.b");
  EXPECT_EQ(ParsePath("t", "ks")->Quoted(), "ks.t");
  EXPECT_FALSE(ParsePath("a.b.c", "").has_value());
  EXPECT_FALSE(ParsePath("a b", "").has_value());
  EXPECT_FALSE(ParsePath("\"open", "").has_value());
  EXPECT_FALSE(ParsePath("", "").has_value());
}

TEST(CqlParameters, FitOrAreRefused) {
  const auto encode = [](std::string_view cql, const json::value& value) {
    return EncodeParameter(*ParseCql(cql, {}), value, 1);
  };
  EXPECT_EQ(**encode("int", 258), std::string("\0\0\1\2", 4));
  EXPECT_EQ(**encode("varint", "300"), std::string("\1\x2C", 2));
  EXPECT_EQ(**encode("list<int>", "[1]"), std::string("\0\0\0\1\0\0\0\4\0\0\0\1", 12));
  EXPECT_EQ(**encode("map<text, boolean>", R"({"a": true})"),
            std::string("\0\0\0\1\0\0\0\1a\0\0\0\1\1", 14));
  EXPECT_FALSE((*encode("int", nullptr)).has_value());
  const std::pair<std::string_view, json::value> wrong[] = {
      {"int", int64_t{1} << 40},
      {"tinyint", 128},
      {"int", 1.5},
      {"int", "x"},
      {"boolean", 1},
      {"uuid", "12"},
      {"inet", "1.2.3"},
      {"date", "2026-02-30"},
      {"timestamp", "2026-01-01T00:00:00.0001Z"},
      {"blob", "ff"},
      {"list<int>", "[null]"},
      {"list<int>", "{}"},
      {"list<int>", "\"[]\""},
      {"tuple<int>", "[1, 2]"},
      {"vector<int, 2>", "[1]"},
      {"double", true},
      {"bigint", uint64_t{1} << 63}};
  for (const auto& [cql, value] : wrong) {
    const auto bytes = encode(cql, value);
    ASSERT_FALSE(bytes.has_value()) << cql << json::serialize(value);
    EXPECT_EQ(bytes.error().code(), "query.bad_parameter");
  }
}

TEST(CassandraErrors, HaveCodesOfTheTable) {
  EXPECT_EQ(ServerError(ErrorBody(0x2200, "table nope does not exist"), {}).code(),
            "query.undefined_table");
  EXPECT_EQ(ServerError(ErrorBody(0x2200, "keyspace nope does not exist"), {}).code(),
            "query.undefined_keyspace");
  EXPECT_EQ(ServerError(ErrorBody(0x2100, "User x has no SELECT permission"), {}).code(),
            "query.no_privilege");
  const Error syntax = ServerError(ErrorBody(0x2000, "line 2:0 no viable"), "é é\nFORM");
  EXPECT_EQ(syntax.code(), "query.syntax_error");
  EXPECT_EQ(syntax.details().at("position").as_int64(), 5);
  EXPECT_EQ(ServerError(ErrorBody(0x2000, "line 99999999999:0"), "x").details().count("position"),
            0U);
  EXPECT_EQ(LoginError(ErrorBody(0x0100, "bad")).code(), "login.wrong_password");
  EXPECT_EQ(LoginError(ErrorBody(0x0100, "bad")).stage(), "login");
  const Error roles = LoginError(ErrorBody(0x0100, "Cannot achieve consistency level QUORUM"));
  EXPECT_EQ(roles.code(), "login.roles_unreadable");
  EXPECT_EQ(roles.kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(ServerError("abc", {}).code(), "connection.protocol");
  const auto spec = connector::Spec::Parse(SpecDocument());
  ASSERT_TRUE(spec.has_value());
  for (const int32_t number :
       {0x0000, 0x000A, 0x0100, 0x1000, 0x1001, 0x1002, 0x1003, 0x1100, 0x1200, 0x1300, 0x1400,
        0x1500, 0x1600, 0x1700, 0x2000, 0x2100, 0x2200, 0x2300, 0x2400, 0x2500, 0x7777}) {
    const Error error = ServerError(ErrorBody(number, "x"), {});
    EXPECT_NE(spec->FindError(error.code()), nullptr) << error.code();
  }
}

}  // namespace
}  // namespace nstarx::connectors::cassandra
