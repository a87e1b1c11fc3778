// Against a real server, named by NSTARX_TEST_POSTGRES_URI; skips visibly without it.
#include <arrow/api.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <cstdlib>

#include "connector/facets.h"
#include "connectors/postgresql/postgres_connector.h"

namespace nstarx::connectors::postgresql {
namespace {

using connector::ExecuteOptions;
using connector::Session;
using connector::Statement;

/// Opens sessions as the pool would, with what the URI says.
class Server {
 public:
  Server() : connector_(MakePostgresqlConnector()) {
    if (const char* uri = std::getenv("NSTARX_TEST_POSTGRES_URI")) uri_ = uri;
  }
  bool there() const { return !uri_.empty(); }

  Result<std::unique_ptr<Session>> Open(const json::object& changes = {}, std::string password = {},
                                        const model::Ssl& ssl = {}) {
    NSTARX_TRY(json::object draft, connector_->spec().FromUri(uri_));
    json::object configuration = draft.at("configuration").get_object();
    json::object authentication = draft.at("authentication").get_object();
    for (const auto& [key, value] : changes) configuration[key] = value;
    SecretMap secrets;
    if (password.empty()) password = authentication.at("password").get_string();
    secrets.emplace("password", Secret::FromString(std::move(password)));
    authentication.erase("password");
    connector::OpenRequest request{
        .connection_name = "test",
        .configuration = configuration,
        .authentication = authentication,
        .secrets = secrets,
        .ssl = ssl,
        .endpoint = {.host = std::string(configuration.at("host").get_string()),
                     .port = static_cast<int>(GetInt(configuration, "port", 5432))}};
    return connector_->Open(Context().WithTimeout(std::chrono::seconds(10)), request);
  }

 private:
  std::unique_ptr<connector::Connector> connector_;
  std::string uri_;
};

/// Lends fresh sessions, up to a number.
class FreshSessions final : public connector::SessionSource {
 public:
  FreshSessions(Server& server, int most) : server_(server), left_(most) {}
  Result<std::unique_ptr<connector::SessionHandle>> TryBorrow(const Context&) override {
    if (left_-- <= 0) return Error(ErrorKind::kResourceExhausted, "pool.exhausted", "no more");
    NSTARX_TRY(auto session, server_.Open());
    ++lent_;
    return std::make_unique<Handle>(std::move(session));
  }
  int lent() const { return lent_; }

 private:
  struct Handle final : connector::SessionHandle {
    explicit Handle(std::unique_ptr<Session> one) : owned(std::move(one)) {}
    Session& session() override { return *owned; }
    void Discard() override {}
    std::unique_ptr<Session> owned;
  };
  Server& server_;
  int left_;
  int lent_ = 0;
};

class PostgresServerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!server_.there()) GTEST_SKIP() << "NSTARX_TEST_POSTGRES_URI is not set";
    auto session = server_.Open();
    ASSERT_TRUE(session) << session.error().ToString();
    session_ = std::move(*session);
  }

  Result<std::shared_ptr<arrow::Table>> Run(const std::string& sql, json::array parameters = {},
                                            ExecuteOptions options = {},
                                            std::optional<int64_t> limit = {}) {
    return RunOn(*session_, sql, std::move(parameters), options, limit);
  }

  static Result<std::shared_ptr<arrow::Table>> RunOn(Session& session, const std::string& sql,
                                                     json::array parameters = {},
                                                     ExecuteOptions options = {},
                                                     std::optional<int64_t> limit = {}) {
    Context context = Context().WithTimeout(std::chrono::seconds(60));
    Statement statement{.text = sql, .parameters = std::move(parameters), .limit = limit};
    auto* query = session.As<connector::QueryFacet>();
    NSTARX_TRY(auto stream, query->Execute(context, statement, options));
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
    for (;;) {
      NSTARX_TRY(auto batch, stream->Next(context));
      if (!batch) break;
      auto valid = batch->ValidateFull();
      if (!valid.ok()) return Internal(valid.ToString());
      batches.push_back(std::move(batch));
    }
    auto table = arrow::Table::FromRecordBatches(stream->schema(), batches);
    if (!table.ok()) return Internal(table.status().ToString());
    return *table;
  }

  std::string Cell(const std::string& sql, json::array parameters = {}) {
    auto table = Run(sql, std::move(parameters));
    if (!table) return table.error().ToString();
    if ((*table)->num_rows() == 0) return "(no row)";
    return (*(*table)->column(0)->GetScalar(0))->ToString();
  }

  std::string CodeOf(const std::string& sql) {
    auto table = Run(sql);
    return table ? "none" : table.error().code();
  }

  Server server_;
  std::unique_ptr<Session> session_;
};

TEST_F(PostgresServerTest, FactsAndPing) {
  EXPECT_TRUE(session_->Ping(Context()));
  EXPECT_FALSE(session_->facts().at("server_version").get_string().empty());
  EXPECT_TRUE(session_->healthy());
}

TEST_F(PostgresServerTest, AnothersTlsErrorOnTheThreadIsNotOurs) {
  auto session = server_.Open(
      {}, {}, {.enabled = true, .mode = "require", .certificate = {}, .server_name = {}});
  ASSERT_TRUE(session) << session.error().ToString();
  ASSERT_TRUE((*session)->facts().contains("tls"));
  for (int i = 0; i < 3; ++i) {
    ERR_raise(ERR_LIB_USER, 1);  // What a failed handshake elsewhere leaves on a worker's thread.
    auto table = RunOn(**session, "SELECT pg_sleep(0.01)::text");
    ASSERT_TRUE(table) << table.error().ToString();
  }
  ERR_clear_error();
}

TEST_F(PostgresServerTest, StatementsRunAgainAndAgain) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Cell("SELECT 41 + 1"), "42");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Cell("SELECT $1::bigint * 2", {i}), std::to_string(2 * i));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Cell("SELECT " + std::to_string(i)), std::to_string(i));
}

TEST_F(PostgresServerTest, RememberedStatementSurvivesAChangedTable) {
  EXPECT_TRUE(Run("DROP TABLE IF EXISTS changing; CREATE TABLE changing (a int)"));
  EXPECT_TRUE(Run("INSERT INTO changing VALUES (7)"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Cell("SELECT * FROM changing"), "7");
  auto other = server_.Open();
  ASSERT_TRUE(other);
  ASSERT_TRUE(RunOn(**other, "ALTER TABLE changing ALTER a TYPE text USING 'x' || a"));
  EXPECT_EQ(Cell("SELECT * FROM changing"), "x7");
  EXPECT_EQ(Cell("SELECT * FROM changing"), "x7");
  EXPECT_TRUE(Run("DROP TABLE changing"));
}

TEST_F(PostgresServerTest, ErrorsHaveTheirCodes) {
  EXPECT_EQ(CodeOf("SELECT * FORM x"), "query.syntax_error");
  EXPECT_EQ(CodeOf("SELECT * FROM no_such_table"), "query.undefined_table");
  EXPECT_EQ(CodeOf("SELECT no_such FROM pg_class"), "query.undefined_column");
  EXPECT_EQ(CodeOf("SELECT no_such()"), "query.undefined_function");
  EXPECT_EQ(CodeOf("SELECT 1 / 0"), "query.division_by_zero");
  EXPECT_EQ(CodeOf("SELECT 'x'::int"), "query.bad_value");
  EXPECT_EQ(CodeOf("SELECT 'infinity'::date"), "query.value_out_of_range");
  EXPECT_EQ(CodeOf("SELECT 'NaN'::numeric"), "query.value_out_of_range");
  EXPECT_EQ(CodeOf("SELECT ARRAY[[1,2],[3,4]]"), "query.value_out_of_range");
  EXPECT_EQ(CodeOf(""), "query.empty");
  EXPECT_EQ(CodeOf("BEGIN"), "query.open_transaction");
  EXPECT_EQ(CodeOf("COPY pg_class TO STDOUT"), "query.not_supported");
  EXPECT_EQ(Cell("SELECT 1"), "1");
}

TEST_F(PostgresServerTest, PositionCountsFromTheWholeText) {
  auto table = Run("SELECT 'é';\n SELECT * FORM x");
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().details().at("position").to_number<int64_t>(), 23);
  EXPECT_EQ(table.error().details().at("line").to_number<int64_t>(), 2);
  EXPECT_EQ(table.error().details().at("column").to_number<int64_t>(), 11);
}

TEST_F(PostgresServerTest, SeveralStatementsAreOneTransaction) {
  EXPECT_TRUE(Run("DROP TABLE IF EXISTS several"));
  EXPECT_EQ(CodeOf("CREATE TABLE several (a int); INSERT INTO several VALUES (1); SELECT 1/0"),
            "query.division_by_zero");
  EXPECT_EQ(CodeOf("SELECT * FROM several"), "query.undefined_table");
  EXPECT_EQ(Cell("CREATE TEMP TABLE several (a int); INSERT INTO several VALUES (1), (2);"
                 "SELECT count(*) FROM several"),
            "2");
  EXPECT_EQ(CodeOf("SELECT * FROM several"), "query.undefined_table") << "temporary tables stay";
}

TEST_F(PostgresServerTest, SettingsDoNotOutliveTheirText) {
  EXPECT_EQ(Cell("SET work_mem = '3MB'; SHOW work_mem"), "3MB");
  EXPECT_NE(Cell("SHOW work_mem"), "3MB");
}

TEST_F(PostgresServerTest, NumericWithoutPrecisionIsExact) {
  auto table = Run("SELECT sum(x) AS s, avg(x) AS a FROM (VALUES (1.50), (2.25)) AS v(x)");
  ASSERT_TRUE(table) << table.error().ToString();
  EXPECT_EQ((*(*table)->column(0)->GetScalar(0))->ToString(), "3.75");
  EXPECT_EQ((*table)->schema()->field(0)->type()->ToString(), "decimal128(38, 2)");
  EXPECT_EQ(Cell("SELECT 1e40::numeric + 0.5"), "10000000000000000000000000000000000000000.5");
  auto many = Run("SELECT n::numeric / 8 AS x FROM generate_series(1, 200000) AS s(n)");
  ASSERT_TRUE(many) << many.error().ToString();
  EXPECT_EQ((*many)->schema()->field(0)->type()->ToString(), "decimal256(76, 38)");
}

TEST_F(PostgresServerTest, BigResultsStreamAndCanBeLeft) {
  auto all = Run("SELECT n, repeat('x', 50) AS pad FROM generate_series(1, 300000) AS s(n)");
  ASSERT_TRUE(all) << all.error().ToString();
  EXPECT_EQ((*all)->num_rows(), 300000);
  for (int pulls : {0, 1, 3}) {
    Statement statement{.text = "SELECT n, repeat('x', 500) FROM generate_series(1, 3000000) s(n)"};
    auto* query = session_->As<connector::QueryFacet>();
    auto stream = query->Execute(Context(), statement, {});
    ASSERT_TRUE(stream) << stream.error().ToString();
    for (int i = 0; i < pulls; ++i) ASSERT_TRUE((*stream)->Next(Context()));
    stream->reset();
    EXPECT_TRUE(session_->healthy());
    EXPECT_EQ(Cell("SELECT 7"), "7");
  }
  auto limited = Run("SELECT n FROM generate_series(1, 1000000) s(n)", {}, {}, 70000);
  ASSERT_TRUE(limited);
  EXPECT_EQ((*limited)->num_rows(), 70000);
}

TEST_F(PostgresServerTest, DeadlineAndCancelEndAStatement) {
  auto* query = session_->As<connector::QueryFacet>();
  auto begun = std::chrono::steady_clock::now();
  auto late = query->Execute(Context().WithTimeout(std::chrono::milliseconds(200)),
                             {.text = "SELECT pg_sleep(30)"}, {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), "query.timeout");
  EXPECT_TRUE(session_->healthy());
  std::stop_source stop;
  std::thread stopper([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  auto stopped =
      query->Execute(Context().WithStop(stop.get_token()), {.text = "SELECT pg_sleep(30)"}, {});
  stopper.join();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), "query.cancelled");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_EQ(Cell("SELECT 7"), "7");
  std::thread canceller([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    session_->Cancel();
  });
  EXPECT_EQ(CodeOf("SELECT pg_sleep(30)"), "query.cancelled");
  canceller.join();
  EXPECT_EQ(Cell("SELECT 7"), "7");
}

TEST_F(PostgresServerTest, EveryWayToRunAStatementComesToRest) {
  // New, of a known shape, remembered, prepared: each is stopped while it waits.
  ASSERT_TRUE(Run("SELECT pg_sleep(0)"));
  for (const char* sql :
       {"SELECT pg_sleep(31)", "SELECT pg_sleep(32)", "SELECT pg_sleep(32)", "SELECT pg_sleep(32)",
        "SELECT 1; SELECT pg_sleep(33)", "SELECT pg_sleep(34); SELECT 1"}) {
    auto late = session_->As<connector::QueryFacet>()->Execute(
        Context().WithTimeout(std::chrono::milliseconds(150)), {.text = sql}, {});
    ASSERT_FALSE(late) << sql;
    EXPECT_EQ(late.error().code(), "query.timeout") << sql;
    EXPECT_TRUE(session_->healthy()) << sql;
    EXPECT_EQ(Cell("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE "
                   "'%pg_sleep(3%' AND pid <> pg_backend_pid()"),
              "0")
        << sql;
    EXPECT_EQ(Cell("SELECT 7"), "7") << sql;
  }
}

TEST_F(PostgresServerTest, ParallelScanGivesEveryRowOnce) {
  ASSERT_TRUE(
      Run("DROP TABLE IF EXISTS wide; CREATE TABLE wide AS SELECT n::bigint AS id, "
          "(n % 1000 / 8.0)::numeric(12,3) AS price, repeat('p', 100) AS pad FROM "
          "generate_series(1, 400000) AS s(n)"));
  FreshSessions siblings(server_, 3);
  ExecuteOptions options{.parallelism = 3, .siblings = &siblings};
  auto table = Run("SELECT id, price AS p, pad FROM wide AS w WHERE id % 4 <> 0 -- three of four",
                   {}, options);
  ASSERT_TRUE(table) << table.error().ToString();
  EXPECT_EQ(siblings.lent(), 2);
  ASSERT_EQ((*table)->num_rows(), 300000);
  std::vector<bool> seen(400001);
  int64_t twice = 0;
  for (const auto& chunk : (*table)->column(0)->chunks()) {
    const auto& ids = static_cast<const arrow::Int64Array&>(*chunk);
    for (int64_t i = 0; i < ids.length(); ++i) {
      twice += seen[static_cast<size_t>(ids.Value(i))] ? 1 : 0;
      seen[static_cast<size_t>(ids.Value(i))] = true;
    }
  }
  EXPECT_EQ(twice, 0);
  EXPECT_EQ(Cell("SELECT 7"), "7");
  // Left in the middle.
  FreshSessions more(server_, 3);
  ExecuteOptions again{.parallelism = 2, .siblings = &more};
  auto stream = session_->As<connector::QueryFacet>()->Execute(
      Context(), {.text = "SELECT * FROM wide"}, again);
  ASSERT_TRUE(stream) << stream.error().ToString();
  EXPECT_EQ(more.lent(), 1);
  ASSERT_TRUE((*stream)->Next(Context()));
  stream->reset();
  EXPECT_TRUE(session_->healthy());
  EXPECT_EQ(Cell("SELECT 7"), "7");
  // An error in one of the streams.
  FreshSessions last(server_, 3);
  ExecuteOptions failing{.parallelism = 2, .siblings = &last};
  auto failed = Run("SELECT 1 / (id - 399999) FROM wide", {}, failing);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), "query.division_by_zero");
  EXPECT_EQ(Cell("SELECT 7"), "7");
  ASSERT_TRUE(Run("DROP TABLE wide"));
}

TEST_F(PostgresServerTest, ReadOnlySessionsRefuseToWrite) {
  auto session = server_.Open({{"read_only", true}});
  ASSERT_TRUE(session);
  for (const char* sql :
       {"CREATE TABLE x (a int)", "SET default_transaction_read_only = off",
        "BEGIN READ WRITE; CREATE TABLE x (a int); COMMIT", "DELETE FROM pg_class WHERE false"}) {
    auto table = RunOn(**session, sql);
    ASSERT_FALSE(table) << sql;
    EXPECT_EQ(table.error().code(), "query.read_only") << sql;
  }
  EXPECT_TRUE(RunOn(**session, "SELECT set_config('default_transaction_read_only', 'off', false)"));
  auto table = RunOn(**session, "INSERT INTO pg_class SELECT * FROM pg_class WHERE false");
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code(), "query.read_only");
}

TEST_F(PostgresServerTest, LoginErrors) {
  auto wrong = server_.Open({}, "not the password");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), "login.wrong_password");
  EXPECT_EQ(wrong.error().stage(), "login");
  EXPECT_FALSE(wrong.error().hints().empty());
  auto database = server_.Open({{"database", "no_such_database"}});
  ASSERT_FALSE(database);
  EXPECT_EQ(database.error().code(), "login.unknown_database");
  auto port = server_.Open({{"port", 1}});
  ASSERT_FALSE(port);
  EXPECT_EQ(port.error().code(), "tcp.refused");
}

TEST_F(PostgresServerTest, BrowseAndDescribe) {
  ASSERT_TRUE(
      Run("DROP SCHEMA IF EXISTS \"My Schema\" CASCADE; CREATE SCHEMA \"My Schema\";"
          "CREATE TABLE \"My Schema\".\"t.x\" (id int PRIMARY KEY, \"Na me\" text NOT NULL "
          "DEFAULT 'x', price numeric(10,2), parent int REFERENCES \"My Schema\".\"t.x\");"
          "CREATE INDEX by_name ON \"My Schema\".\"t.x\" (lower(\"Na me\"), price);"
          "COMMENT ON TABLE \"My Schema\".\"t.x\" IS 'a table';"
          "CREATE TABLE \"My Schema\".parts (d date) PARTITION BY RANGE (d);"
          "CREATE TABLE \"My Schema\".parts_1 PARTITION OF \"My Schema\".parts DEFAULT"));
  auto* browse = session_->As<connector::BrowseFacet>();
  Context context;
  auto top = browse->List(context, "", 100);
  ASSERT_TRUE(top) << top.error().ToString();
  auto tables = browse->List(context, "\"My Schema\"", 100);
  ASSERT_TRUE(tables) << tables.error().ToString();
  ASSERT_EQ(tables->size(), 2U);
  EXPECT_EQ((*tables)[1].path, "\"My Schema\".\"t.x\"");
  EXPECT_EQ((*tables)[1].comment, "a table");
  auto children = browse->List(context, (*tables)[0].path, 100);
  ASSERT_TRUE(children) << children.error().ToString();
  ASSERT_EQ(children->size(), 1U);
  EXPECT_EQ((*children)[0].name, "parts_1");
  auto described = browse->Describe(context, (*tables)[1].path);
  ASSERT_TRUE(described) << described.error().ToString();
  ASSERT_EQ(described->columns.size(), 4U);
  EXPECT_TRUE(described->columns[0].primary_key);
  EXPECT_FALSE(described->columns[1].nullable);
  EXPECT_EQ(described->columns[1].default_value, "'x'::text");
  EXPECT_EQ(described->columns[2].arrow_type, "decimal128(10, 2)");
  ASSERT_EQ(described->keys.size(), 2U);
  EXPECT_EQ(described->keys[1].references, "\"My Schema\".\"t.x\"(id)");
  ASSERT_EQ(described->indexes.size(), 2U);
  EXPECT_EQ(described->indexes[0].columns[0], "lower(\"Na me\")");
  auto sample = browse->Sample(context, (*tables)[1].path, 5);
  ASSERT_TRUE(sample) << sample.error().ToString();
  EXPECT_EQ((*sample)->schema()->num_fields(), 4);
  sample->reset();
  auto nothing = browse->Describe(context, "public.no_such");
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code(), "query.undefined_table");
  EXPECT_FALSE(browse->List(context, "no_such_schema", 10));
  ASSERT_TRUE(Run("DROP SCHEMA \"My Schema\" CASCADE"));
}

TEST_F(PostgresServerTest, ExplainAndPrivileges) {
  auto plan = session_->As<connector::ExplainFacet>()->Explain(
      Context(), {.text = "SELECT * FROM pg_class WHERE oid = $1", .parameters = {1259}});
  ASSERT_TRUE(plan) << plan.error().ToString();
  EXPECT_TRUE(plan->at("plan").get_object().contains("cost"));
  auto report = session_->As<connector::PrivilegesFacet>()->CheckPrivileges(Context());
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_FALSE(report->user.empty());
  EXPECT_FALSE(report->granted.empty());
}

/// Batches from memory.
class Given final : public connector::BatchStream {
 public:
  explicit Given(std::shared_ptr<arrow::Table> table) : table_(table), reader_(*table_) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return table_->schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context&) override {
    std::shared_ptr<arrow::RecordBatch> batch;
    auto status = reader_.ReadNext(&batch);
    if (!status.ok()) return Internal(status.ToString());
    return batch;
  }

 private:
  std::shared_ptr<arrow::Table> table_;
  arrow::TableBatchReader reader_;
};

TEST_F(PostgresServerTest, IngestedRowsComeBackTheSame) {
  auto table = Run(
      "SELECT n::int AS i, n::bigint * 1000000007 AS b, (n * 1.25)::numeric(15,2) AS p, "
      "-(n::numeric(50,20) / 7)::numeric(50,20) AS q, n % 2 = 0 AS f, 'é' || n AS t, "
      "decode(lpad(to_hex(n), 8, '0'), 'hex') AS y, date '2000-01-01' - n AS d, "
      "timestamp '1969-12-31 23:59:59.123456' + n * interval '1 hour' AS ts, "
      "timestamptz '2026-03-29 03:00+02' AS tz, time '23:59:59.999999' AS tm, "
      "md5(n::text)::uuid AS u, '{\"a\": 1}'::jsonb AS j, array[n, NULL]::int[] AS l, "
      "interval '1 month 2 days 3 us' AS v, CASE WHEN n % 3 = 0 THEN NULL ELSE n::float8 END AS x, "
      "0.0001::numeric(10,4) AS small, 12345678.9::numeric(20,1) AS wide "
      "FROM generate_series(1, 5000) AS s(n)");
  ASSERT_TRUE(table) << table.error().ToString();
  auto* ingest = session_->As<connector::IngestFacet>();
  for (auto mode : {connector::IngestMode::kReplace, connector::IngestMode::kAppend}) {
    Given source(*table);
    auto rows = ingest->Ingest(Context(), "public.\"In gested\"", mode, source);
    ASSERT_TRUE(rows) << rows.error().ToString();
    EXPECT_EQ(*rows, 5000);
  }
  auto back = Run("SELECT DISTINCT * FROM (SELECT * FROM public.\"In gested\") x ORDER BY i");
  ASSERT_TRUE(back) << back.error().ToString();
  ASSERT_EQ((*back)->num_rows(), 5000);
  for (int i = 0; i < (*table)->num_columns(); ++i) {
    EXPECT_TRUE((*table)->column(i)->Equals((*back)->column(i)))
        << (*table)->schema()->field(i)->ToString();
  }
  Given again(*table);
  auto taken =
      ingest->Ingest(Context(), "public.\"In gested\"", connector::IngestMode::kCreate, again);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), "query.duplicate_object");
  EXPECT_EQ(Cell("SELECT count(*) FROM \"In gested\""), "10000");
  ASSERT_TRUE(Run("DROP TABLE \"In gested\""));
}

TEST_F(PostgresServerTest, IngestCastsAndIsAllOrNothing) {
  ASSERT_TRUE(Run("DROP TABLE IF EXISTS narrow; CREATE TABLE narrow (i smallint UNIQUE, a inet)"));
  auto good = Run("SELECT 5::bigint AS i, '10.0.0.1' AS a");
  ASSERT_TRUE(good);
  Given source(*good);
  auto* ingest = session_->As<connector::IngestFacet>();
  auto rows = ingest->Ingest(Context(), "narrow", connector::IngestMode::kAppend, source);
  ASSERT_TRUE(rows) << rows.error().ToString();
  auto bad = Run("SELECT n::smallint AS i FROM generate_series(1, 20000) s(n)");
  ASSERT_TRUE(bad);
  Given clash(*bad);
  auto refused = ingest->Ingest(Context(), "narrow", connector::IngestMode::kAppend, clash);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "query.constraint_violation");
  EXPECT_TRUE(session_->healthy());
  EXPECT_EQ(Cell("SELECT count(*) FROM narrow"), "1");
  ASSERT_TRUE(Run("DROP TABLE narrow"));
}

}  // namespace
}  // namespace nstarx::connectors::postgresql
