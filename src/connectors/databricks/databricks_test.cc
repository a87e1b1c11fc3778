#include <arrow/api.h>
#include <gtest/gtest.h>

#include "connectors/databricks/databricks_connector.h"
#include "connectors/databricks/databricks_errors.h"
#include "connectors/databricks/databricks_session.h"
#include "connectors/databricks/databricks_types.h"
#include "connectors/databricks/statement_text.h"

namespace nstarx::connectors::databricks {
namespace {

TEST(StatementText, KnowsWhatOnlyReads) {
  EXPECT_TRUE(OnlyReads("/* a */ -- b\n (SELECT 1);"));
  EXPECT_TRUE(OnlyReads("WITH a AS (SELECT 'insert') SELECT * FROM a"));
  EXPECT_TRUE(OnlyReads("explain formatted select 1 -- ;\n"));
  EXPECT_FALSE(OnlyReads("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a"));
  EXPECT_FALSE(OnlyReads("SELECT 1; DROP TABLE t"));
  EXPECT_FALSE(OnlyReads("FROM a INSERT INTO b SELECT *"));
  EXPECT_FALSE(OnlyReads("SET x = 1"));
  EXPECT_FALSE(OnlyReads("EXECUTE IMMEDIATE 'drop table t'"));
  EXPECT_FALSE(OnlyReads(""));
}

TEST(StatementText, NamesMarkersOutsideOfQuotes) {
  const auto named = NameMarkers("SELECT ?, '?\\'?', `?` /* ? */ -- ?\n, ?", 2);
  ASSERT_TRUE(named);
  EXPECT_EQ(*named, "SELECT :p1, '?\\'?', `?` /* ? */ -- ?\n, :p2");
  EXPECT_EQ(NameMarkers("SELECT ?", 2).error().code(), "query.parameter_count");
}

TEST(Session, SendsTypedParameters) {
  Workspace workspace;
  workspace.warehouse_id = "abc";
  const auto fields = StatementFields(
      workspace, {.text = "SELECT ?, ?", .parameters = {42, nullptr}, .limit = 7}, true);
  ASSERT_TRUE(fields);
  EXPECT_EQ(json::serialize(fields->at("parameters")),
            R"([{"name":"p1","type":"BIGINT","value":"42"},{"name":"p2","type":"VOID"}])");
  EXPECT_EQ(fields->at("row_limit").as_int64(), 7);
}

TEST(Errors, ReadsConditionPositionAndSqlstate) {
  const Error error = FromStatementError(
      "BAD_REQUEST",
      "[PARSE_SYNTAX_ERROR] Syntax error at or near 'FORM'. SQLSTATE: 42601 (line 2, pos 2)", "",
      "SELECT é\n  FORM t");
  EXPECT_EQ(error.code(), "query.syntax_error");
  EXPECT_EQ(error.sqlstate(), "42601");
  EXPECT_EQ(error.vendor_code(), "PARSE_SYNTAX_ERROR");
  EXPECT_EQ(error.details().at("position").as_int64(), 12);
  EXPECT_EQ(FromStatementError("", "[TABLE_OR_VIEW_NOT_FOUND] x", "42P01", "").code(),
            "query.undefined_table");
  EXPECT_EQ(FromHttpFailure(401, "<html>", "").code(), "login.token_refused");
  EXPECT_EQ(FromHttpFailure(403, R"({"error_code":"PERMISSION_DENIED","message":"no"})", "").code(),
            "query.no_privilege");
}

TEST(Types, ReadsDeclaredTypes) {
  EXPECT_TRUE(ArrowTypeOf("decimal(38,10)")->Equals(arrow::decimal128(38, 10)));
  EXPECT_TRUE(ArrowTypeOf("MAP<STRING, ARRAY<INT>>")
                  ->Equals(arrow::map(arrow::utf8(), arrow::list(arrow::int32()))));
  EXPECT_EQ(ArrowTypeOf("DECIMAL(99,1)"), nullptr);
  EXPECT_EQ(ArrowTypeOf("VARIANT"), nullptr);
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "ARRAY<";
  EXPECT_EQ(ArrowTypeOf(deep + std::string(5000, '>')), nullptr);
}

TEST(Types, InlineRowsBecomeExactValues) {
  const std::vector<DeclaredColumn> columns = {{"d", "DECIMAL(5,2)"}, {"b", "BINARY"}};
  const auto rows = RowsOfJson(columns, {json::array{"1.50", "AP8="}, json::array{nullptr, ""}});
  ASSERT_TRUE(rows);
  const auto schema = ResultSchema(columns, (*rows)->schema().get());
  const auto batch = Conform(schema, *rows);
  ASSERT_TRUE(batch);
  EXPECT_EQ((*batch)->column(0)->GetScalar(0).ValueOrDie()->ToString(), "1.50");
  EXPECT_TRUE((*batch)->column(0)->IsNull(1));
  json::array inexact;
  inexact.emplace_back(json::array{"1.555", ""});
  const auto wrong = RowsOfJson(columns, inexact);
  ASSERT_TRUE(wrong);
  EXPECT_EQ(Conform(schema, *wrong).error().code(), "result.value_not_exact");
}

TEST(Connector, TakesTheWarehouseFromThePath) {
  EXPECT_EQ(*WarehouseId({{"http_path", "/sql/1.0/warehouses/ab12"}}), "ab12");
  EXPECT_FALSE(WarehouseId({{"http_path", "/sql/1.0/warehouses/../x?y"}}));
  EXPECT_NE(MakeDatabricksConnector(), nullptr);
}

}  // namespace
}  // namespace nstarx::connectors::databricks
