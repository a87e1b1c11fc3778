#include <gtest/gtest.h>

#include "connectors/bigquery/bigquery_connector.h"
#include "connectors/bigquery/bigquery_errors.h"
#include "connectors/bigquery/bigquery_job.h"
#include "connectors/bigquery/bigquery_result.h"
#include "connectors/bigquery/statement_text.h"

namespace nstarx::connectors::bigquery {
namespace {

Error Of(int status, std::string_view reason, std::string_view message,
         std::string_view text = {}) {
  const std::string body = json::serialize(json::object{
      {"error", json::object{{"code", status},
                             {"message", message},
                             {"errors", json::array{json::object{{"reason", reason}}}}}}});
  return FromFailure(ReadFailure(status, body), text);
}

TEST(ErrorsTest, ReasonsAndMessagesAreNamed) {
  const std::tuple<int, std::string_view, std::string_view, std::string_view> cases[] = {
      {400, "invalidQuery", "Syntax error: Unexpected keyword FROM at [1:8]", "query.syntax_error"},
      {400, "invalidQuery", "Unrecognized name: nope at [1:8]", "query.undefined_column"},
      {400, "invalidQuery", "Function not found: F at [1:8]", "query.undefined_function"},
      {400, "invalidQuery", "division by zero: 1 / 0", "query.bad_value"},
      {400, "invalidQuery", "Cannot query over table 'p.d.t' without a filter over column(s) 'day'",
       "query.partition_filter_required"},
      {400, "invalid", "Table \"t\" must be qualified with a dataset (e.g. dataset.table).",
       "query.no_dataset"},
      {404, "notFound", "Not found: Table p:d.t was not found in location US",
       "query.undefined_table"},
      {404, "notFound", "Not found: Project no-such", "login.project_not_found"},
      {404, "notFound", "Not found: Job p:US.job_1", "query.result_gone"},
      {403, "accessDenied", "Access Denied: Table p:d.t: User does not have permission",
       "query.no_privilege"},
      {403, "accessDenied",
       "Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.",
       "login.no_job_privilege"},
      {403, "accessNotConfigured", "BigQuery API has not been used in project 1 before",
       "login.api_disabled"},
      {403, "rateLimitExceeded", "Exceeded rate limits", "service.busy"},
      {403, "quotaExceeded", "Quota exceeded: Your project exceeded quota", "quota.exceeded"},
      {403, "responseTooLarge", "Response too large to return.", "query.result_too_large"},
      {400, "resourcesExceeded", "Resources exceeded during query execution",
       "query.out_of_resources"},
      {400, "bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 1. 10485760 or",
       "query.bytes_limit"},
      {403, "billingNotEnabled", "Billing has not been enabled for this project.",
       "login.billing_disabled"},
      {409, "duplicate", "Already Exists: Table p:d.t", "query.already_exists"},
      {400, "invalidQuery", "Could not serialize access to table p:d.t due to concurrent update",
       "query.write_conflict"},
      {503, "backendError", "Error encountered during execution.", "service.unavailable"},
      {500, "", "", "service.unavailable"},
      {429, "", "", "service.busy"},
      {499, "stopped", "Job execution was cancelled: User requested cancellation",
       "query.cancelled"},
      {400, "somethingNew", "Odd.", "query.failed"}};
  for (const auto& [status, reason, message, code] : cases) {
    EXPECT_EQ(Of(status, reason, message).code(), code) << message;
  }
  // A statement's own failure may repeat any text of the statement.
  EXPECT_EQ(Of(400, "invalidQuery", "Bad int64 value: Not found: Project x").code(),
            "query.bad_value");
  EXPECT_EQ(Of(401, "authError", "Request had invalid credentials: canary").message(),
            "The service does not accept the access token");
  EXPECT_EQ(FromFailure(ReadFailure(502, "<html>"), "").code(), "service.unavailable");
  EXPECT_EQ(FromFailure(ReadFailure(400, R"({"error": [1]})"), "").code(), "query.failed");
}

TEST(ErrorsTest, PositionsCountCharacters) {
  const auto position = [](std::string_view message, std::string_view text) {
    const Error error = Of(400, "invalidQuery", message, text);
    const auto* found = error.details().if_contains("position");
    return found ? found->as_int64() : -1;
  };
  EXPECT_EQ(position("Syntax error: x at [1:10]", "SELECT * FORM visible"), 10);
  EXPECT_EQ(position("Syntax error: x at [2:3]", "-- é\nSELECT"), 8);
  EXPECT_EQ(position("Syntax error: x at [9:1]", "SELECT"), -1);
  EXPECT_EQ(position("Syntax error: x at [1:99999999999999999999]", "SELECT"), -1);
  EXPECT_EQ(position("Syntax error: x at [1:", "SELECT"), -1);
  EXPECT_EQ(position("Syntax error: x at [", "SELECT"), -1);
}

TEST(StatementTest, OnlyReadingIsLetThrough) {
  for (const std::string_view text :
       {"SELECT 1", "-- x\n# y\n(select 1);", "WITH a AS (SELECT 'DELETE') SELECT * FROM a",
        "FROM t |> WHERE x > 1", "SELECT \"\"\"; DROP TABLE t\"\"\"", "SELECT r'\\'; DROP' ;",
        "SELECT `delete` FROM `p.d.insert`", "SELECT 1 -- ; DROP TABLE t"}) {
    EXPECT_TRUE(OnlyReads(text)) << text;
  }
  for (const std::string_view text :
       {"", ";", "INSERT INTO t VALUES (1)", "SELECT 1; DROP TABLE t", "/* SELECT */ DROP TABLE t",
        "SELECT '\\\\'; DROP TABLE t", "SELECT '''x'''; DROP TABLE t",
        "SELECT 1 # '\n; DROP TABLE t", "WITH a AS (SELECT 1) DELETE FROM t", "BEGIN SELECT 1; END",
        "EXECUTE IMMEDIATE 'SELECT 1'", "EXPORT DATA OPTIONS (uri = 'x') AS SELECT 1", "`SELECT` 1",
        "FROM t |> CALL p()"}) {
    EXPECT_FALSE(OnlyReads(text)) << text;
  }
}

TEST(StatementTest, MarkersAreCounted) {
  EXPECT_EQ(*CheckMarkers("SELECT ?, '?', `?`, \"\"\"?\"\"\" -- ?\n# ?", 1), Markers::kPositional);
  EXPECT_EQ(*CheckMarkers("SELECT 1", 0), Markers::kPositional);
  EXPECT_EQ(*CheckMarkers("SELECT @p2, @P1, @p1, @@p9", 2), Markers::kNamed);
  EXPECT_EQ(CheckMarkers("SELECT ?, ?", 1).error().code(), "query.parameter_count");
  EXPECT_EQ(CheckMarkers("SELECT 1", 1).error().code(), "query.parameter_count");
  EXPECT_EQ(CheckMarkers("SELECT @p1, ?", 2).error().code(), "query.parameter_count");
}

TEST(StatementTest, PathsGoInAndOut) {
  const auto shown = [](std::string_view text) -> std::string {
    const auto path = ReadPath(text, "home-1");
    if (!path) return "no path";
    return fmt::format("{}|{}|{} {}", path->project, path->dataset, path->table,
                       WritePath(*path, "home-1"));
  };
  EXPECT_EQ(shown("lake"), "home-1|lake| lake");
  EXPECT_EQ(shown("lake.t"), "home-1|lake|t lake.t");
  EXPECT_EQ(shown("other-2"), "other-2|| other-2");
  EXPECT_EQ(shown("other-2.lake"), "other-2|lake| other-2.lake");
  EXPECT_EQ(shown("plain.lake.t"), "plain|lake|t plain.lake.t");
  EXPECT_EQ(shown("`home-1.lake.t x`"), "home-1|lake|t x lake.`t x`");
  EXPECT_EQ(shown("lake.`t x`"), "home-1|lake|t x lake.`t x`");
  for (const std::string_view bad : {"a.b.c.d", "", "a..b", ".a", "`a", "other-2.a.b.c"}) {
    EXPECT_EQ(shown(bad), "no path") << bad;
  }
  EXPECT_EQ(QuotePath({.project = "p-1", .dataset = "d", .table = "t x"}), "`p-1`.`d`.`t x`");
}

TEST(QueryFieldsTest, SayAllThatTheConnectionSays) {
  Service service;
  service.project = "p-1";
  service.default_project = "other-2";
  service.default_dataset = "lake";
  service.maximum_bytes_billed = 10;
  const auto fields = QueryFields(
      service, {.text = "SELECT ?, ?", .parameters = {nullptr, 1.5}, .limit = std::nullopt});
  ASSERT_TRUE(fields);
  EXPECT_EQ(json::serialize(*fields),
            R"({"query":"SELECT ?, ?","useLegacySql":false,"useQueryCache":true,)"
            R"("defaultDataset":{"projectId":"other-2","datasetId":"lake"},)"
            R"("maximumBytesBilled":"10","parameterMode":"POSITIONAL","queryParameters":[)"
            R"({"parameterType":{"type":"STRING"},"parameterValue":{"value":null}},)"
            R"({"parameterType":{"type":"FLOAT64"},"parameterValue":{"value":"1.5"}}]})");
  connector::Statement nested{.text = "SELECT ?", .parameters = {}, .limit = std::nullopt};
  nested.parameters.push_back(json::array());
  EXPECT_EQ(QueryFields(service, nested).error().code(), "query.unsupported_parameter");
}

TEST(ResultTest, StatementsWithoutRowsSayWhatTheyChanged) {
  const auto affected = [](std::string_view answer) -> int64_t {
    const auto service = std::make_shared<const Service>();
    const auto result = OpenResult(service, ParseJson(answer)->as_object(), -1);
    return result ? (*result)->rows_affected() : -2;
  };
  EXPECT_EQ(affected(R"({"numDmlAffectedRows": "3", "schema": {"fields": [{"name": "a"}]}})"), 3);
  EXPECT_EQ(affected(R"({"numDmlAffectedRows": "x"})"), -1);
  EXPECT_EQ(affected(R"({"statementType": "CREATE_TABLE",
                         "schema": {"fields": [{"name": "a", "type": "INT64"}]}})"),
            -1);
  EXPECT_EQ(affected("{}"), -1);
}

TEST(SpecTest, UrisGoIn) {
  const auto connector = MakeBigqueryConnector();
  const auto draft = connector->spec().FromUri("bigquery://my-project-1/lake?location=EU");
  ASSERT_TRUE(draft) << draft.error().ToString();
  const json::object& configuration = draft->at("configuration").as_object();
  EXPECT_EQ(configuration.at("project"), "my-project-1");
  EXPECT_EQ(configuration.at("dataset"), "lake");
  EXPECT_EQ(configuration.at("location"), "EU");
  const auto endpoints = connector->Endpoints(configuration);
  ASSERT_TRUE(endpoints);
  EXPECT_EQ(endpoints->front().host, "bigquery.googleapis.com");
  EXPECT_EQ(endpoints->front().port, 443);
}

}  // namespace
}  // namespace nstarx::connectors::bigquery
