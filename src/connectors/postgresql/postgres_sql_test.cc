#include "connectors/postgresql/postgres_sql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nstarx::connectors::postgresql {
namespace {

using testing::ElementsAre;

std::vector<std::string> Texts(std::string_view text) {
  std::vector<std::string> texts;
  for (const SqlStatement& statement : SplitStatements(text)) texts.emplace_back(statement.text);
  return texts;
}

SqlStatement One(std::string_view text) {
  auto statements = SplitStatements(text);
  EXPECT_EQ(statements.size(), 1U) << text;
  return statements.empty() ? SqlStatement() : statements.front();
}

TEST(PostgresSqlTest, SplitsOnlyWhereTheServerWould) {
  EXPECT_THAT(Texts("SELECT 1; SELECT 2 ;;\n"), ElementsAre("SELECT 1", "SELECT 2"));
  EXPECT_THAT(Texts("SELECT ';', \"a;b\", $$;$$, $x$;$$;$x$"), testing::SizeIs(1));
  EXPECT_THAT(Texts("SELECT 'it''s;' -- ;\n; /* ; /* ; */ ; */ SELECT 2"),
              ElementsAre("SELECT 'it''s;'", "SELECT 2"));
  EXPECT_THAT(Texts("SELECT E'\\';', 2"), testing::SizeIs(1));
  EXPECT_THAT(Texts("SELECT '\\'; SELECT 2"), testing::SizeIs(2));
  EXPECT_THAT(Texts("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END"),
              testing::SizeIs(1));
  EXPECT_THAT(Texts(" -- nothing\n /* at all */ ; "), testing::IsEmpty());
  EXPECT_THAT(Texts("SELECT 'open ; end"), testing::SizeIs(1));
  EXPECT_THAT(Texts("SELECT $open$ ; "), testing::SizeIs(1));
}

TEST(PostgresSqlTest, KnowsKindsOfStatements) {
  struct Row {
    std::string_view sql;
    StatementKind kind;
    bool leaves_state;
  };
  for (const Row& row : {
           Row{"SELECT 1", StatementKind::kQuery, false},
           Row{"(SELECT 1) UNION (SELECT 2)", StatementKind::kQuery, false},
           Row{"VALUES (1)", StatementKind::kQuery, false},
           Row{"WITH a AS (SELECT 1) SELECT * FROM a", StatementKind::kQuery, false},
           Row{"WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", StatementKind::kWrite,
               false},
           Row{"insert into t values (1)", StatementKind::kWrite, false},
           Row{"EXPLAIN ANALYZE DELETE FROM t", StatementKind::kWrite, false},
           Row{"SELECT 1 INTO t", StatementKind::kOther, false},
           Row{"CREATE TABLE t (a int)", StatementKind::kOther, false},
           Row{"CREATE TEMP TABLE t (a int)", StatementKind::kOther, true},
           Row{"BEGIN", StatementKind::kTransaction, true},
           Row{"SET x = 1", StatementKind::kSetting, true},
           Row{"SELECT set_config('a.b', 'c', false)", StatementKind::kQuery, true},
           Row{"SELECT pg_try_advisory_lock(1)", StatementKind::kQuery, true},
           Row{"LISTEN x", StatementKind::kOther, true},
           Row{"DO $$ BEGIN END $$", StatementKind::kOther, true},
           Row{"COPY t FROM STDIN", StatementKind::kCopyStream, false},
           Row{"COPY t TO '/tmp/x'", StatementKind::kOther, false},
       }) {
    SqlStatement statement = One(row.sql);
    EXPECT_EQ(statement.kind, row.kind) << row.sql;
    EXPECT_EQ(statement.leaves_state, row.leaves_state) << row.sql;
  }
}

TEST(PostgresSqlTest, ShapesForgetLiteralsButNotTheirKinds) {
  EXPECT_EQ(One("SELECT * FROM t WHERE a = 1").shape,
            One("select *  from T where a=22 -- x").shape);
  EXPECT_EQ(One("SELECT 'a'").shape, One("SELECT $$b$$").shape);
  EXPECT_NE(One("SELECT 1").shape, One("SELECT 'a'").shape);
  EXPECT_NE(One("SELECT 1").shape, One("SELECT 1.5").shape);
  EXPECT_NE(One("SELECT 1").shape, One("SELECT 30000000000").shape);
  EXPECT_NE(One("SELECT \"a\"").shape, One("SELECT \"A\"").shape);
  EXPECT_NE(One("SELECT ab").shape, One("SELECT a b").shape);
}

TEST(PostgresSqlTest, CutsPlainScans) {
  EXPECT_EQ(
      CutByPages(One("SELECT * FROM sales.\"Or der\"")),
      "SELECT * FROM sales.\"Or der\"\nWHERE \"Or der\".ctid >= $1::tid AND \"Or der\".ctid < "
      "$2::tid");
  EXPECT_EQ(
      CutByPages(One("select a, extract(year from b) from t as x where a > 1 or b is null -- c")),
      "select a, extract(year from b) from t as x\nWHERE x.ctid >= $1::tid AND x.ctid < "
      "$2::tid\nAND ( a > 1 or b is null\n)");
}

TEST(PostgresSqlTest, LeavesEverythingElseWhole) {
  for (std::string_view sql : {"SELECT * FROM a, b",
                               "SELECT * FROM a JOIN b USING (x)",
                               "SELECT * FROM a ORDER BY 1",
                               "SELECT * FROM a LIMIT 5",
                               "SELECT DISTINCT x FROM a",
                               "SELECT count(*) FROM a",
                               "SELECT x FROM a GROUP BY x",
                               "SELECT * FROM (SELECT 1) s",
                               "SELECT * FROM f(1)",
                               "SELECT * FROM a WHERE x IN (SELECT y FROM b)",
                               "SELECT * FROM a FOR UPDATE",
                               "SELECT * FROM a TABLESAMPLE SYSTEM (1)",
                               "SELECT row_number() OVER () FROM a",
                               "SELECT * FROM a UNION ALL SELECT * FROM b",
                               "SELECT nextval('s') FROM a",
                               "SELECT s.lower(x) FROM a",
                               "SELECT \"lower\"(x) FROM a",
                               "SELECT now() FROM a",
                               "SELECT current_timestamp FROM a",
                               "SELECT ctid FROM a",
                               "SELECT * FROM ONLY a",
                               "SELECT * FROM a *",
                               "SELECT * FROM a AS b (c)",
                               "SELECT * FROM a WHERE",
                               "SELECT a IS DISTINCT FROM b",
                               "SELECT 1",
                               "TABLE a",
                               "WITH x AS (SELECT 1) SELECT * FROM x",
                               "SELECT * FROM a WHERE x = $1",
                               "SELECT x INTO b FROM a",
                               "SELECT * FROM LATERAL f(x)",
                               "DELETE FROM a WHERE x = 1"}) {
    EXPECT_FALSE(One(sql).scan) << sql;
  }
}

TEST(PostgresSqlTest, PathsAndQuotes) {
  EXPECT_THAT(SplitPath("a.b"), ElementsAre("a", "b"));
  EXPECT_THAT(SplitPath("\"My Schema\".\"t.x\""), ElementsAre("My Schema", "t.x"));
  EXPECT_THAT(SplitPath("\"a\"\"b\""), ElementsAre("a\"b"));
  for (std::string_view bad : {"", ".", "a.", ".a", "\"", "\"\"", "\"a", "\"a\"b", "a..b"}) {
    EXPECT_THAT(SplitPath(bad), testing::IsEmpty()) << bad;
  }
  for (std::string_view name : {"plain", "My Schema", "t.x", "a\"b", "9x", "é"}) {
    EXPECT_THAT(SplitPath(PathPart(name)), ElementsAre(name));
  }
  EXPECT_EQ(QuoteLiteral("it's"), "'it''s'");
  EXPECT_EQ(QuoteLiteral("a\\'b"), " E'a\\\\''b'");
}

}  // namespace
}  // namespace nstarx::connectors::postgresql
