#include <arrow/api.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "connector/connector.h"
#include "connector/facets.h"
#include "connectors/mysql/mysql_connector.h"

namespace nstarx::connectors::mysql {
namespace {

using connector::BatchStream;

/// Batches from memory, as a source for Ingest.
class TableSource final : public BatchStream {
 public:
  explicit TableSource(std::shared_ptr<arrow::RecordBatch> batch)
      : schema_(batch->schema()), batch_(std::move(batch)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context&) override {
    return std::exchange(batch_, nullptr);
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::RecordBatch> batch_;
};

/// Tests on a real server: NSTARX_TEST_MYSQL_URI names a login that may create tables in its
/// database; NSTARX_TEST_MYSQL_CA is the PEM file of the server's CA, if it has TLS.
class MysqlSessionTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* uri = std::getenv("NSTARX_TEST_MYSQL_URI");
    if (uri == nullptr) GTEST_SKIP() << "not run: NSTARX_TEST_MYSQL_URI is not set";
    connector_ = MakeMysqlConnector();
    auto parts = connector_->spec().FromUri(uri);
    ASSERT_TRUE(parts) << parts.error().ToString();
    configuration_ = parts->at("configuration").as_object();
    authentication_ = parts->at("authentication").as_object();
    authentication_["type"] = "basic";
    password_ = GetString(authentication_, "password");
    authentication_.erase("password");
    Open();
  }

  Result<std::unique_ptr<connector::Session>> TryOpen(bool read_only = false) {
    SecretMap secrets;
    secrets.emplace("password", Secret(password_));
    return connector_->Open(
        context_, {.connection_name = "test",
                   .configuration = configuration_,
                   .authentication = authentication_,
                   .secrets = secrets,
                   .ssl = ssl_,
                   .endpoint = {.host = std::string(GetString(configuration_, "host")),
                                .port = static_cast<int>(GetInt(configuration_, "port", 3306))},
                   .read_only = read_only});
  }
  void Open(bool read_only = false) {
    auto session = TryOpen(read_only);
    ASSERT_TRUE(session) << session.error().ToString();
    session_ = std::move(*session);
  }
  std::string OpenCode() {
    auto session = TryOpen();
    if (session) return "ok";
    EXPECT_EQ(session.error().ToString().find(password_), std::string::npos);
    EXPECT_FALSE(session.error().hints().empty()) << session.error().ToString();
    return session.error().code();
  }

  Result<std::unique_ptr<BatchStream>> TryQuery(std::string sql, json::array parameters = {}) {
    return session_->As<connector::QueryFacet>()->Execute(
        context_, {.text = std::move(sql), .parameters = std::move(parameters)}, {});
  }
  Result<std::shared_ptr<arrow::Table>> Drain(BatchStream& stream) {
    arrow::RecordBatchVector batches;
    for (;;) {
      NSTARX_TRY(auto batch, stream.Next(context_));
      if (batch == nullptr) break;
      EXPECT_TRUE(batch->ValidateFull().ok()) << batch->ValidateFull().ToString();
      batches.push_back(std::move(batch));
    }
    return arrow::Table::FromRecordBatches(stream.schema(), batches).ValueOrDie();
  }
  Result<std::shared_ptr<arrow::Table>> Query(std::string sql, json::array parameters = {}) {
    NSTARX_TRY(auto stream, TryQuery(std::move(sql), std::move(parameters)));
    return Drain(*stream);
  }
  void Run(std::string sql) {
    auto done = Query(std::move(sql));
    ASSERT_TRUE(done) << done.error().ToString();
  }
  std::string CodeOf(std::string sql, json::array parameters = {}) {
    auto result = Query(std::move(sql), std::move(parameters));
    return result ? "ok" : result.error().code();
  }
  std::string Value(const arrow::Table& table, int column, int64_t row) {
    return table.column(column)->GetScalar(row).ValueOrDie()->ToString();
  }

  std::unique_ptr<connector::Connector> connector_;
  std::unique_ptr<connector::Session> session_;
  json::object configuration_;
  json::object authentication_;
  std::string password_;
  model::Ssl ssl_;
  Context context_ = Context().WithTimeout(std::chrono::seconds(60));
};

constexpr const char* kTypes =
    "CREATE OR REPLACE TABLE unit_types (id int primary key, t tinyint, ut tinyint unsigned,"
    " s smallint, m mediumint, i int, ui int unsigned, b bigint, ub bigint unsigned, f float,"
    " d double, n decimal(15,2), w decimal(65,30), v varchar(200), c char(5), vb varbinary(10),"
    " bl blob, da date, dt datetime(6), ts timestamp(6) null, ti time(6), y year,"
    " e enum('small','großartig'), st set('a','b','c'), bi bit(10), g geometry)";

TEST_F(MysqlSessionTest, EveryTypeIsExactInBothFormats) {
  Run(kTypes);
  Run("INSERT INTO unit_types VALUES "
      "(0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,"
      "NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),"
      "(1,-128,255,-32768,-8388608,-2147483648,4294967295,-9223372036854775808,"
      "18446744073709551615,0.1,1.7976931348623157e308,-9999999999999.99,"
      "-0.000000000000000000000000000001,'naïve 漢字 🦆','ab',x'0001feff',x'00ff00','1000-01-01',"
      "'9999-12-31 23:59:59.999999','1970-01-01 00:00:01.000001','-838:59:59.999999',1901,"
      "'großartig','a,c',b'1111111111',ST_GeomFromText('POINT(1 2)'))");
  const auto binary = Query("SELECT * FROM unit_types ORDER BY id");
  ASSERT_TRUE(binary) << binary.error().ToString();
  EXPECT_EQ((*binary)->schema()->ToString(),
            "id: int32\nt: int8\nut: uint8\ns: int16\nm: int32\ni: int32\nui: uint32\nb: int64\n"
            "ub: uint64\nf: float\nd: double\nn: decimal128(15, 2)\nw: decimal256(65, 30)\n"
            "v: string\nc: string\nvb: binary\nbl: binary\nda: date32[day]\ndt: timestamp[us]\n"
            "ts: timestamp[us, tz=UTC]\nti: duration[us]\ny: int16\ne: string\nst: string\n"
            "bi: uint64\ng: binary");
  for (int column = 1; column < (*binary)->num_columns(); ++column) {
    EXPECT_EQ((*binary)->column(column)->null_count(), 1) << column;
  }
  EXPECT_EQ(Value(**binary, 7, 1), "-9223372036854775808");
  EXPECT_EQ(Value(**binary, 8, 1), "18446744073709551615");
  EXPECT_EQ(
      static_cast<arrow::FloatScalar&>(*(*binary)->column(9)->GetScalar(1).ValueOrDie()).value,
      0.1F);
  EXPECT_EQ(Value(**binary, 11, 1), "-9999999999999.99");
  EXPECT_EQ(Value(**binary, 12, 1), "-1E-30");
  EXPECT_EQ(Value(**binary, 13, 1), "naïve 漢字 🦆");
  EXPECT_EQ(Value(**binary, 17, 1), "1000-01-01");
  EXPECT_EQ(Value(**binary, 18, 1), "9999-12-31 23:59:59.999999");
  EXPECT_EQ(Value(**binary, 20, 1), "-3020399999999");
  EXPECT_EQ(Value(**binary, 24, 1), "1023");
  // Behind a second statement the server answers in text.
  const auto text = Query("SELECT 1; SELECT * FROM unit_types ORDER BY id");
  ASSERT_TRUE(text) << text.error().ToString();
  EXPECT_TRUE((*text)->Equals(**binary)) << (*text)->ToString();
  EXPECT_FALSE(session_->healthy()) << "many statements may have changed the session";
}

TEST_F(MysqlSessionTest, DaysThatDoNotExistAreToldOrNull) {
  Run("CREATE OR REPLACE TABLE unit_zero (d date, t datetime)");
  Run("SET SESSION sql_mode = ''; INSERT INTO unit_zero VALUES ('0000-00-00', '2024-00-10 "
      "01:02:03')");
  for (const char* sql : {"SELECT d FROM unit_zero", "SELECT t FROM unit_zero",
                          "SHOW TABLES LIKE 'x'; SELECT d FROM unit_zero"}) {
    auto error = Query(sql);
    ASSERT_FALSE(error) << sql;
    EXPECT_EQ(error.error().code(), "query.zero_date");
    EXPECT_EQ(GetInt(error.error().details(), "row", 0), 1);
  }
  configuration_["zero_dates"] = "null";
  Open();
  const auto table = Query("SELECT d, t FROM unit_zero");
  ASSERT_TRUE(table) << table.error().ToString();
  EXPECT_EQ((*table)->column(0)->null_count() + (*table)->column(1)->null_count(), 2);
}

TEST_F(MysqlSessionTest, LargeResultStreamsAndLimitAndDropLeaveTheSessionUsable) {
  const std::string sql = "SELECT CAST(seq AS SIGNED) AS n, rpad(seq, 100, 'x') AS pad FROM ";
  const auto all = Query(sql + "seq_0_to_299999");
  ASSERT_TRUE(all) << all.error().ToString();
  EXPECT_EQ((*all)->num_rows(), 300'000);
  EXPECT_EQ(Value(**all, 0, 299'999), "299999");
  auto limited = session_->As<connector::QueryFacet>()->Execute(
      context_, {.text = sql + "seq_0_to_2000000000", .limit = 7}, {});
  ASSERT_TRUE(limited) << limited.error().ToString();
  auto rows = Drain(**limited);
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_EQ((*rows)->num_rows(), 7);
  {
    auto dropped = TryQuery(sql + "seq_0_to_2000000000");
    ASSERT_TRUE(dropped) << dropped.error().ToString();
    auto batch = (*dropped)->Next(context_);
    ASSERT_TRUE(batch) << batch.error().ToString();
  }
  EXPECT_TRUE(session_->healthy());
  EXPECT_EQ(CodeOf("SELECT 1"), "ok");
}

TEST_F(MysqlSessionTest, DeadlineStopAndCancelEndTheStatementOnTheServer) {
  const auto begun = std::chrono::steady_clock::now();
  const Context whole = context_;
  context_ = whole.WithTimeout(std::chrono::milliseconds(200));
  EXPECT_EQ(CodeOf("SELECT SLEEP(30) /* unit_marker */"), "query.timeout");
  context_ = whole;
  std::stop_source stop;
  {
    const std::jthread stopper([&stop] { stop.request_stop(); });
    context_ = whole.WithStop(stop.get_token());
    EXPECT_EQ(CodeOf("SELECT SLEEP(30) /* unit_marker */"), "query.cancelled");
  }
  context_ = whole;
  std::atomic<bool> ended = false;
  {
    const std::jthread canceller([this, &ended] {
      while (!ended) {
        session_->Cancel();
        std::this_thread::yield();
      }
    });
    EXPECT_EQ(CodeOf("SELECT SLEEP(30) /* unit_marker */"), "query.cancelled");
    ended = true;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
  EXPECT_TRUE(session_->healthy());
  const auto running = Query(
      "SELECT count(*) FROM information_schema.processlist WHERE command <> 'Sleep' AND"
      " id <> connection_id() AND info LIKE '%unit_marker%'");
  ASSERT_TRUE(running) << running.error().ToString();
  EXPECT_EQ(Value(**running, 0, 0), "0");
}

TEST_F(MysqlSessionTest, ParametersAndPreparedStatements) {
  for (int i = 0; i < 40; ++i) {  // More texts than are kept prepared.
    const auto table = Query(
        "SELECT CAST(? AS SIGNED) AS a, ? AS b, CAST(? AS DOUBLE) AS d,"
        " CAST(? AS CHAR) AS e, " +
            std::to_string(i % 35),
        {42, "naïve 🦆 ' \" \\", 0.1, nullptr});
    ASSERT_TRUE(table) << table.error().ToString();
    EXPECT_EQ(Value(**table, 0, 0), "42");
    EXPECT_EQ(Value(**table, 1, 0), "naïve 🦆 ' \" \\");
    EXPECT_EQ(Value(**table, 2, 0), "0.1");
    EXPECT_EQ((*table)->column(3)->null_count(), 1);
  }
  EXPECT_EQ(CodeOf("SELECT ?"), "query.parameter_count");
  EXPECT_EQ(CodeOf("SELECT 1", {1}), "query.parameter_count");
  json::array list;
  list.push_back(json::array());
  EXPECT_EQ(CodeOf("SELECT ?", list), "query.parameter_type");
  Run("CREATE OR REPLACE TABLE unit_p (a int)");
  auto wrote = TryQuery("INSERT INTO unit_p VALUES (?), (?)", {1, 2});
  ASSERT_TRUE(wrote);
  EXPECT_EQ((*wrote)->rows_affected(), 2);
  // A table changed under a prepared statement shows its new columns.
  EXPECT_EQ((*Query("SELECT * FROM unit_p"))->num_columns(), 1);
  Run("ALTER TABLE unit_p ADD b bigint");
  EXPECT_EQ((*Query("SELECT * FROM unit_p"))->num_columns(), 2);
}

TEST_F(MysqlSessionTest, ErrorsHaveTheirCodes) {
  const auto syntax = Query("SELECT * FORM visible");
  ASSERT_FALSE(syntax);
  EXPECT_EQ(syntax.error().code(), "query.syntax_error");
  EXPECT_EQ(GetInt(syntax.error().details(), "line", 0), 1);
  EXPECT_EQ(GetString(syntax.error().details(), "near"), "FORM visible");
  EXPECT_EQ(GetInt(syntax.error().details(), "position", 0), 10);
  EXPECT_EQ(CodeOf("SELECT * FROM no_such_table"), "query.undefined_table");
  EXPECT_EQ(CodeOf("SELECT nope FROM information_schema.tables"), "query.undefined_column");
  Run("CREATE OR REPLACE TABLE unit_e (a int primary key)");
  Run("INSERT INTO unit_e VALUES (1)");
  EXPECT_EQ(CodeOf("INSERT INTO unit_e VALUES (1)"), "query.constraint_violation");
  EXPECT_EQ(CodeOf("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE unit_e"), "query.forbidden");
  EXPECT_EQ(CodeOf("START TRANSACTION; INSERT INTO unit_e VALUES (2)"),
            "query.transaction_left_open");
  const auto rows = Query("SELECT * FROM unit_e");
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_EQ((*rows)->num_rows(), 1);
}

TEST_F(MysqlSessionTest, OpeningNamesTheCause) {
  const std::string right = std::exchange(password_, "canary-wrong");
  EXPECT_EQ(OpenCode(), "login.wrong_password");
  password_ = right;
  auto database = configuration_["database"];
  configuration_["database"] = "no_such_database";
  const std::string code = OpenCode();
  EXPECT_TRUE(code == "login.unknown_database" || code == "login.no_privilege") << code;
  configuration_["database"] = database;
  configuration_["host"] = "no-such-host.invalid";
  EXPECT_EQ(OpenCode(), "dns.not_found");
  configuration_["host"] = "127.0.0.1";
  configuration_["port"] = 1;
  EXPECT_EQ(OpenCode(), "tcp.refused");
}

TEST_F(MysqlSessionTest, TlsIsVerifiedAsAsked) {
  const char* file = std::getenv("NSTARX_TEST_MYSQL_CA");
  if (file == nullptr) GTEST_SKIP() << "not run: NSTARX_TEST_MYSQL_CA is not set";
  std::ifstream stream(file);
  const std::string authority((std::istreambuf_iterator<char>(stream)), {});
  ssl_ = {.enabled = true, .mode = "require"};
  Open();
  EXPECT_TRUE(session_->facts().at("tls").at("version").as_string().starts_with("TLSv1."));
  const auto large = Query("SELECT rpad(seq, 1000, 'x') FROM seq_1_to_20000");
  ASSERT_TRUE(large) << large.error().ToString();
  EXPECT_EQ((*large)->num_rows(), 20'000);
  for (const char* mode : {"verify-ca", "verify-full"}) {
    ssl_ = {.enabled = true, .mode = mode, .certificate = authority};
    EXPECT_TRUE(TryOpen()) << mode;
    ssl_.certificate.clear();
    EXPECT_NE(OpenCode(), "ok") << mode;
  }
  ssl_ = {.enabled = true,
          .mode = "verify-full",
          .certificate = authority,
          .server_name = "another.example"};
  EXPECT_EQ(OpenCode(), "tls.host_mismatch");
}

TEST_F(MysqlSessionTest, ReadOnlyIsKeptByTheServer) {
  Run("CREATE OR REPLACE TABLE unit_r (a int)");
  Open(true);
  for (const char* sql : {"INSERT INTO unit_r VALUES (1)", "DROP TABLE unit_r", "TRUNCATE unit_r",
                          "SET STATEMENT tx_read_only = 0 FOR INSERT INTO unit_r VALUES (1)",
                          "SET SESSION TRANSACTION READ WRITE", "INSERT INTO unit_r VALUES (2)"}) {
    const std::string code = CodeOf(sql);
    if (std::string_view(sql).starts_with("SET SESSION")) continue;
    EXPECT_EQ(code, "query.read_only") << sql;
  }
  EXPECT_EQ(CodeOf("COMMIT; INSERT INTO unit_r VALUES (1)"), "query.read_only");
  EXPECT_EQ(CodeOf("SELECT 1; INSERT INTO unit_r VALUES (1)"), "query.syntax_error");
  EXPECT_EQ(CodeOf("EXPLAIN INSERT INTO unit_r VALUES (1)"), "query.read_only");
  EXPECT_EQ(CodeOf("SELECT 1 INTO OUTFILE '/tmp/x'"), "query.read_only");
  EXPECT_EQ(CodeOf("/*! DROP TABLE unit_r */"), "query.read_only");
  const auto rows = Query("SELECT * FROM unit_r");
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_EQ((*rows)->num_rows(), 0);
}

TEST_F(MysqlSessionTest, BrowseDescribeSampleExplainAndPrivileges) {
  Run("DROP TABLE IF EXISTS `unit child`");
  Run("CREATE OR REPLACE TABLE unit_parent (id int primary key, name varchar(20) unique not null"
      " default 'x' comment 'its name') comment 'a parent'");
  Run("CREATE TABLE `unit child` (a int, b int, primary key (b, a), key by_b (b),"
      " foreign key fk (a) references unit_parent (id))");
  Run("INSERT INTO unit_parent VALUES (1,'a'),(2,'b')");
  auto* browse = session_->As<connector::BrowseFacet>();
  const std::string database(GetString(configuration_, "database"));
  auto top = browse->List(context_, "", 100);
  ASSERT_TRUE(top) << top.error().ToString();
  EXPECT_TRUE(std::ranges::any_of(*top, [&](const auto& node) { return node.path == database; }));
  auto tables = browse->List(context_, database, 1000);
  ASSERT_TRUE(tables) << tables.error().ToString();
  EXPECT_TRUE(std::ranges::any_of(
      *tables, [&](const auto& node) { return node.path == database + ".`unit child`"; }));
  auto child = browse->Describe(context_, database + ".`unit child`");
  ASSERT_TRUE(child) << child.error().ToString();
  ASSERT_EQ(child->keys.size(), 2u);
  EXPECT_EQ(child->keys[0].columns, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(child->keys[1].references, database + ".unit_parent(id)");
  auto parent = browse->Describe(context_, "unit_parent");
  ASSERT_TRUE(parent) << parent.error().ToString();
  EXPECT_EQ(parent->comment, "a parent");
  EXPECT_EQ(parent->columns[1].comment, "its name");
  EXPECT_EQ(parent->columns[1].arrow_type, "string");
  EXPECT_EQ(browse->Describe(context_, database + ".nope").error().code(), "query.undefined_table");
  EXPECT_EQ(browse->List(context_, "no_such_db", 5).error().code(), "query.undefined_table");
  auto sample = browse->Sample(context_, database + ".unit_parent", 1);
  ASSERT_TRUE(sample) << sample.error().ToString();
  EXPECT_EQ((*Drain(**sample))->num_rows(), 1);
  auto plan = session_->As<connector::ExplainFacet>()->Explain(
      context_, {.text = "SELECT * FROM unit_parent WHERE id > 0"});
  ASSERT_TRUE(plan) << plan.error().ToString();
  EXPECT_EQ(plan->at("plan").at("node"), "query_block");
  EXPECT_NE(json::serialize(plan->at("plan")).find("unit_parent"), std::string::npos);
  EXPECT_FALSE(session_->As<connector::ExplainFacet>()->Explain(
      context_, {.text = "SELECT 1; DROP TABLE unit_parent"}));
  auto report = session_->As<connector::PrivilegesFacet>()->CheckPrivileges(context_);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_TRUE(report->missing.empty());
  EXPECT_FALSE(report->granted.empty());
  for (const auto& grant : report->granted) EXPECT_EQ(grant.find("PASSWORD"), std::string::npos);
  EXPECT_TRUE(session_->healthy());
}

TEST_F(MysqlSessionTest, IngestReadsBackAndIsAllOrNothing) {
  Run("DROP TABLE IF EXISTS unit_in");
  arrow::Int64Builder id;
  arrow::StringBuilder name;
  arrow::BinaryBuilder data;
  arrow::Decimal128Builder price(arrow::decimal128(15, 2));
  arrow::TimestampBuilder at(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                             arrow::default_memory_pool());
  arrow::DoubleBuilder ratio;
  ASSERT_TRUE(id.AppendValues({1, 2, 3}).ok());
  ASSERT_TRUE(
      name.AppendValues({"naïve\t\n\\N \\", "", "x"}, std::vector<uint8_t>{1, 1, 0}.data()).ok());
  ASSERT_TRUE(data.Append("\xff\x00\n", 3).ok() && data.Append("").ok() && data.AppendNull().ok());
  ASSERT_TRUE(price.Append(arrow::Decimal128(-1)).ok() &&
              price.Append(arrow::Decimal128(123456)).ok() && price.AppendNull().ok());
  ASSERT_TRUE(at.Append(1'000'001).ok() && at.AppendNull().ok() && at.Append(2'000'000).ok());
  ASSERT_TRUE(ratio.AppendValues({0.1, -2.5e300, 3}).ok());
  auto schema = arrow::schema(
      {arrow::field("id", arrow::int64()), arrow::field("name", arrow::utf8()),
       arrow::field("data", arrow::binary()), arrow::field("price", arrow::decimal128(15, 2)),
       arrow::field("at", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")),
       arrow::field("ratio", arrow::float64())});
  auto batch = arrow::RecordBatch::Make(
      schema, 3,
      {id.Finish().ValueOrDie(), name.Finish().ValueOrDie(), data.Finish().ValueOrDie(),
       price.Finish().ValueOrDie(), at.Finish().ValueOrDie(), ratio.Finish().ValueOrDie()});
  using connector::IngestMode;
  const auto write = [&](IngestMode mode, std::shared_ptr<arrow::RecordBatch> rows) {
    TableSource source(std::move(rows));
    return session_->As<connector::IngestFacet>()->Ingest(context_, "unit_in", mode, source);
  };
  EXPECT_EQ(write(IngestMode::kAppend, batch).error().code(), "query.undefined_table");
  auto created = write(IngestMode::kCreate, batch);
  ASSERT_TRUE(created) << created.error().ToString();
  EXPECT_EQ(write(IngestMode::kCreate, batch).error().code(), "ingest.table_exists");
  auto back = Query("SELECT * FROM unit_in ORDER BY id");
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_TRUE((*back)->Equals(*arrow::Table::FromRecordBatches({batch}).ValueOrDie()))
      << (*back)->ToString();
  EXPECT_EQ(write(IngestMode::kReplace, batch).value_or(0), 3);
  EXPECT_EQ(write(IngestMode::kAppend, batch).value_or(0), 3);
  // A timestamp beyond what TIMESTAMP holds would be a warning in LOAD DATA LOCAL.
  Run("CREATE OR REPLACE TABLE unit_small (n tinyint)");
  arrow::Int64Builder big;
  ASSERT_TRUE(big.AppendValues({1, 1000}).ok());
  TableSource source(arrow::RecordBatch::Make(arrow::schema({arrow::field("n", arrow::int64())}), 2,
                                              {big.Finish().ValueOrDie()}));
  auto refused = session_->As<connector::IngestFacet>()->Ingest(context_, "unit_small",
                                                                IngestMode::kAppend, source);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "query.value_out_of_range") << refused.error().ToString();
  const auto rows =
      Query("SELECT (SELECT count(*) FROM unit_in), (SELECT count(*) FROM unit_small)");
  EXPECT_EQ(Value(**rows, 0, 0), "6");
  EXPECT_EQ(Value(**rows, 1, 0), "0");
  const auto left = Query(
      "SELECT count(*) FROM information_schema.tables WHERE table_schema ="
      " database() AND table_name LIKE 'nstarx%'");
  EXPECT_EQ(Value(**left, 0, 0), "0");
}

}  // namespace
}  // namespace nstarx::connectors::mysql
