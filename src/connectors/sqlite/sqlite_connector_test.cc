#include "connectors/sqlite/sqlite_connector.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "connector/connector.h"
#include "connector/facets.h"
#include "connectors/sqlite/sqlite_errors.h"

namespace nstarx::connectors::sqlite {
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

class SqliteConnector : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "nstarx-sqlite-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ / "test.db";
    connector_ = MakeSqliteConnector();
  }
  void TearDown() override {
    session_.reset();
    std::filesystem::remove_all(folder_);
  }

  Result<std::unique_ptr<connector::Session>> TryOpen(json::object configuration,
                                                      bool read_only = false) {
    const json::object none{{"type", "none"}};
    const SecretMap secrets;
    const model::Ssl ssl;
    return connector_->Open(context_, {.configuration = configuration,
                                       .authentication = none,
                                       .secrets = secrets,
                                       .ssl = ssl,
                                       .read_only = read_only});
  }
  void Open(bool read_only = false) {
    auto session = TryOpen({{"path", path_.string()}, {"create", !read_only}}, read_only);
    ASSERT_TRUE(session) << session.error().ToString();
    session_ = std::move(*session);
  }

  Result<std::unique_ptr<BatchStream>> TryQuery(std::string sql, json::array parameters = {}) {
    return session_->As<connector::QueryFacet>()->Execute(
        context_, {.text = std::move(sql), .parameters = std::move(parameters)}, {});
  }
  Result<std::shared_ptr<arrow::Table>> Query(std::string sql, json::array parameters = {}) {
    NSTARX_TRY(auto stream, TryQuery(std::move(sql), std::move(parameters)));
    return Drain(*stream);
  }
  Result<std::shared_ptr<arrow::Table>> Drain(BatchStream& stream) {
    arrow::RecordBatchVector batches;
    for (;;) {
      NSTARX_TRY(auto batch, stream.Next(context_));
      if (batch == nullptr) break;
      EXPECT_TRUE(batch->ValidateFull().ok());
      batches.push_back(std::move(batch));
    }
    return arrow::Table::FromRecordBatches(stream.schema(), batches).ValueOrDie();
  }
  void Run(std::string sql) {
    auto done = Query(std::move(sql));
    ASSERT_TRUE(done) << done.error().ToString();
  }
  std::string CodeOf(std::string sql, json::array parameters = {}) {
    auto result = Query(std::move(sql), std::move(parameters));
    return result ? "ok" : result.error().code();
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
  std::unique_ptr<connector::Connector> connector_;
  std::unique_ptr<connector::Session> session_;
  Context context_ = Context().WithTimeout(std::chrono::seconds(20));
};

TEST_F(SqliteConnector, SpecNamesEveryErrorThatOpeningGives) {
  EXPECT_EQ(connector_->spec().type(), "sqlite");
  for (const char* code : {"file.not_found", "file.not_regular", "file.not_a_database",
                           "query.forbidden", "query.type_mismatch", "query.locked"}) {
    EXPECT_NE(connector_->spec().FindError(code), nullptr) << code;
  }
  auto parts = connector_->spec().FromUri("sqlite:///var/x.db");
  ASSERT_TRUE(parts) << parts.error().ToString();
  EXPECT_EQ(parts->at("configuration").at("path"), "/var/x.db");
}

TEST_F(SqliteConnector, MissingAndOddFilesAreNamed) {
  auto missing = TryOpen({{"path", path_.string()}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), "file.not_found");
  EXPECT_FALSE(missing.error().hints().empty());
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(TryOpen({{"path", folder_.string()}}).error().code(), "file.not_regular");
  EXPECT_EQ(TryOpen({{"path", "/dev/null"}}).error().code(), "file.not_regular");
  std::ofstream(path_) << std::string(4096, 'x');
  EXPECT_EQ(TryOpen({{"path", path_.string()}}).error().code(), "file.not_a_database");
  EXPECT_EQ(
      TryOpen({{"path", (folder_ / "no" / "x.db").string()}, {"create", true}}).error().code(),
      "file.not_found");
  EXPECT_EQ(TryOpen({{"path", ":memory:"}}).error().code(), "file.not_found");
}

TEST_F(SqliteConnector, DeclaredTypesAreExact) {
  Open();
  Run("CREATE TABLE t (i INTEGER, r REAL, s TEXT, b BLOB, f BOOLEAN, d DATE, ts TIMESTAMP,"
      " n DECIMAL(15,2));"
      "INSERT INTO t VALUES (-9223372036854775808, -0.1, 'é漢', x'00ff', 1, '0001-01-01',"
      " '2026-02-28 12:34:56.123456', '12345.67'), (NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL),"
      " (1, 2, '', x'', 0, '2026-02-28', '2026-02-28', 0.1)");
  auto table = Query("SELECT * FROM t");
  ASSERT_TRUE(table) << table.error().ToString();
  EXPECT_EQ((*table)->schema()->ToString(),
            "i: int64\nr: double\ns: string\nb: binary\nf: bool\nd: date32[day]\n"
            "ts: timestamp[us]\nn: decimal128(15, 2)");
  EXPECT_EQ((*table)->column(7)->GetScalar(0).ValueOrDie()->ToString(), "12345.67");
  EXPECT_EQ((*table)->column(7)->GetScalar(2).ValueOrDie()->ToString(), "0.10");
  EXPECT_EQ((*table)->column(0)->null_count(), 1);
  EXPECT_EQ((*table)->column(6)->GetScalar(0).ValueOrDie()->ToString(),
            "2026-02-28 12:34:56.123456");
}

TEST_F(SqliteConnector, ValueThatDoesNotFitIsAnErrorNotANull) {
  Open();
  Run("CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, d DATE, n DECIMAL(5,2), f BOOLEAN);"
      "INSERT INTO t VALUES (1, 'abc', '2026-13-01', 0.125, 7), (2, 1, '2026-01-01', 1, 1)");
  for (const char* column : {"i", "d", "n", "f"}) {
    auto result = Query(std::string("SELECT id, ") + column + " FROM t");
    ASSERT_FALSE(result) << column;
    EXPECT_EQ(result.error().code(), "query.type_mismatch");
    EXPECT_EQ(GetString(result.error().details(), "column"), column);
    EXPECT_EQ(GetInt(result.error().details(), "row", 0), 1);
  }
  EXPECT_EQ(CodeOf("SELECT CAST(i AS TEXT), CAST(n AS REAL) FROM t"), "ok");
}

TEST_F(SqliteConnector, UndeclaredColumnsAreDecidedByTheirRows) {
  Open();
  auto table = Query(
      "SELECT 1 AS a, 1.5 AS b, 'x' AS c, x'00' AS d, NULL AS e UNION ALL "
      "SELECT 2, 2, 3, 'y', NULL");
  ASSERT_TRUE(table) << table.error().ToString();
  EXPECT_EQ((*table)->schema()->ToString(), "a: int64\nb: double\nc: string\nd: binary\ne: string");
  EXPECT_EQ((*table)->column(2)->GetScalar(1).ValueOrDie()->ToString(), "3");
  EXPECT_EQ(CodeOf("SELECT x'00' UNION ALL SELECT 1"), "query.type_mismatch");
  // A misfit beyond the first batch.
  auto late = Query(
      "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM s WHERE n < 100000)"
      " SELECT CASE WHEN n = 99999 THEN 'late' ELSE n END AS v FROM s");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), "query.type_mismatch");
  EXPECT_EQ(GetInt(late.error().details(), "row", 0), 99'999);
}

TEST_F(SqliteConnector, ParametersAreBoundAndCounted) {
  Open();
  auto table = Query("SELECT ? AS a, ? AS b, ? AS c, ? AS d", {42, "naïve 🦆 ' \"", 0.1, nullptr});
  ASSERT_TRUE(table) << table.error().ToString();
  EXPECT_EQ((*table)->column(0)->GetScalar(0).ValueOrDie()->ToString(), "42");
  EXPECT_EQ((*table)->column(1)->GetScalar(0).ValueOrDie()->ToString(), "naïve 🦆 ' \"");
  EXPECT_EQ(CodeOf("SELECT ?", {}), "query.parameter_count");
  EXPECT_EQ(CodeOf("SELECT 1", {1}), "query.parameter_count");
}

TEST_F(SqliteConnector, StatementsWithoutRowsSayHowManyChanged) {
  Open();
  Run("CREATE TABLE t (a INTEGER PRIMARY KEY)");
  auto stream = TryQuery("INSERT INTO t VALUES (1),(2),(3)");
  ASSERT_TRUE(stream);
  EXPECT_EQ((*stream)->rows_affected(), 3);
  EXPECT_EQ((*stream)->schema()->num_fields(), 0);
  EXPECT_EQ(CodeOf("INSERT INTO t VALUES (1)"), "query.constraint_violation");
  EXPECT_EQ(CodeOf("BEGIN; INSERT INTO t VALUES (9)"), "query.transaction_left_open");
  EXPECT_EQ(CodeOf("BEGIN; INSERT INTO t VALUES (8); COMMIT"), "ok");
  auto table = Query("SELECT a FROM t WHERE a > 7");
  ASSERT_TRUE(table);
  EXPECT_EQ((*table)->num_rows(), 1);
}

TEST_F(SqliteConnector, ErrorsHaveCodeAndPosition) {
  Open();
  auto error = Query("SELECT * FORM visible");
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code(), "query.syntax_error");
  EXPECT_EQ(error.error().stage(), "query");
  EXPECT_EQ(GetInt(error.error().details(), "position", 0), 10);
  EXPECT_EQ(CodeOf("SELECT * FROM nowhere"), "query.undefined_table");
  EXPECT_EQ(CodeOf("SELECT nope"), "query.undefined_column");
  EXPECT_EQ(CodeOf("  ; "), "query.syntax_error");
}

TEST(SqliteErrors, EveryRowMapsToItself) {
  for (const ResultRow& row : ResultTable()) {
    const Error error = MapResult(row.result, "words", "", -1);
    EXPECT_EQ(error.code(), row.code);
    EXPECT_EQ(error.kind(), row.kind);
    EXPECT_EQ(error.vendor_code(), std::to_string(row.result));
  }
  EXPECT_EQ(MapResult(SQLITE_IOERR_READ, "x", "", -1).code(), "file.io_error");
}

TEST_F(SqliteConnector, NothingOutsideTheFileCanBeReached) {
  const auto other = folder_ / "other.db";
  {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(other.c_str(), &raw), SQLITE_OK);
    sqlite3_exec(raw, "CREATE TABLE secret (x)", nullptr, nullptr, nullptr);
    sqlite3_close(raw);
  }
  Open();
  const std::string name = other.string();
  EXPECT_EQ(CodeOf("ATTACH '" + name + "' AS o"), "query.forbidden");
  EXPECT_EQ(CodeOf("ATTACH ? AS o", {json::string(name)}), "query.forbidden");
  EXPECT_EQ(CodeOf("ATTACH '' || '" + name + "' AS o"), "query.forbidden");
  EXPECT_EQ(CodeOf("ATTACH 'file:" + name + "?mode=ro' AS o"), "query.forbidden");
  EXPECT_EQ(CodeOf("VACUUM INTO '" + (folder_ / "copy.db").string() + "'"), "query.forbidden");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "copy.db"));
  EXPECT_EQ(CodeOf("SELECT load_extension('x')"), "query.forbidden");
  for (const char* pragma :
       {"temp_store_directory = '/tmp'", "data_store_directory = '/tmp'", "writable_schema = 1",
        "query_only = 0", "journal_mode = OFF", "key = 'x'", "trusted_schema = 1"}) {
    EXPECT_EQ(CodeOf(std::string("PRAGMA ") + pragma), "query.forbidden") << pragma;
  }
  EXPECT_EQ(CodeOf("CREATE VIRTUAL TABLE v USING csv(filename='/etc/passwd')"), "query.forbidden");
  EXPECT_EQ(CodeOf("PRAGMA table_info(x)"), "ok");
  EXPECT_EQ(CodeOf("VACUUM"), "ok");
}

TEST_F(SqliteConnector, ReadOnlyIsKeptByTheSystem) {
  Open();
  Run("CREATE TABLE t (a)");
  session_.reset();
  Open(true);
  EXPECT_EQ(CodeOf("INSERT INTO t VALUES (1)"), "query.read_only");
  EXPECT_EQ(CodeOf("DROP TABLE t"), "query.read_only");
  EXPECT_EQ(CodeOf("SELECT * FROM t"), "ok");
}

TEST_F(SqliteConnector, DeadlineStopAndCancelEndAQuery) {
  Open();
  const std::string endless =
      "WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s) SELECT count(*) FROM s";
  context_ = Context().WithTimeout(std::chrono::milliseconds(100));
  EXPECT_EQ(CodeOf(endless), "query.timeout");
  std::stop_source stop;
  context_ = Context().WithTimeout(std::chrono::seconds(20)).WithStop(stop.get_token());
  {
    const std::jthread stopper([&stop] { stop.request_stop(); });
    EXPECT_EQ(CodeOf(endless), "query.cancelled");
  }
  context_ = Context().WithTimeout(std::chrono::seconds(20));
  std::atomic<bool> ended = false;
  {
    const std::jthread canceller([this, &ended] {
      while (!ended) {
        session_->Cancel();
        std::this_thread::yield();
      }
    });
    EXPECT_EQ(CodeOf(endless), "query.cancelled");
    ended = true;
  }
  EXPECT_EQ(CodeOf("SELECT 1"), "ok");
}

TEST_F(SqliteConnector, LockedFileIsATypedError) {
  Open();
  Run("CREATE TABLE t (a)");
  auto other = TryOpen({{"path", path_.string()}, {"busy_timeout_ms", 20}});
  ASSERT_TRUE(other);
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  session_ = std::move(*other);
  EXPECT_EQ(CodeOf("INSERT INTO t VALUES (1)"), "query.locked");
  sqlite3_close(raw);
}

TEST_F(SqliteConnector, BrowseDescribeAndSample) {
  Open();
  Run("CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL DEFAULT 'x');"
      "CREATE TABLE \"odd name\" (a INTEGER, b INTEGER REFERENCES parent(id), PRIMARY KEY (b, a));"
      "CREATE INDEX by_b ON \"odd name\" (b);"
      "CREATE VIEW look AS SELECT * FROM parent; INSERT INTO parent VALUES (1,'a'),(2,'b')");
  auto* browse = session_->As<connector::BrowseFacet>();
  auto top = browse->List(context_, "", 10);
  ASSERT_TRUE(top);
  ASSERT_EQ(top->size(), 1u);
  auto tables = browse->List(context_, "main", 10);
  ASSERT_TRUE(tables);
  ASSERT_EQ(tables->size(), 3u);
  EXPECT_EQ((*tables)[0].kind, "view");
  EXPECT_EQ((*tables)[1].path, "main.\"odd name\"");
  EXPECT_EQ((*tables)[2].row_estimate, 2);
  auto described = browse->Describe(context_, "main.\"odd name\"");
  ASSERT_TRUE(described) << described.error().ToString();
  ASSERT_EQ(described->keys.size(), 2u);
  EXPECT_EQ(described->keys[0].columns, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(described->keys[1].references, "main.parent(id)");
  EXPECT_EQ(described->indexes[0].name, "by_b");
  auto parent = browse->Describe(context_, "parent");
  ASSERT_TRUE(parent);
  EXPECT_FALSE(parent->columns[1].nullable);
  EXPECT_EQ(parent->columns[1].default_value, "'x'");
  EXPECT_EQ(browse->Describe(context_, "main.nope").error().code(), "query.undefined_table");
  EXPECT_EQ(browse->List(context_, "elsewhere.x", 5).error().code(), "query.undefined_table");
  auto sample = browse->Sample(context_, "main.parent", 1);
  ASSERT_TRUE(sample);
  auto rows = Drain(**sample);
  ASSERT_TRUE(rows);
  EXPECT_EQ((*rows)->num_rows(), 1);
}

TEST_F(SqliteConnector, IngestReadsBackAndIsAllOrNothing) {
  Open();
  auto schema =
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("name", arrow::utf8()),
                     arrow::field("price", arrow::decimal128(15, 2)),
                     arrow::field("big", arrow::decimal128(38, 4)),
                     arrow::field("at", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"))});
  arrow::Int64Builder id;
  arrow::StringBuilder name;
  arrow::Decimal128Builder price(arrow::decimal128(15, 2));
  arrow::Decimal128Builder big(arrow::decimal128(38, 4));
  arrow::TimestampBuilder at(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                             arrow::default_memory_pool());
  ASSERT_TRUE(id.AppendValues({1, 2}).ok());
  ASSERT_TRUE(name.Append("é").ok() && name.AppendNull().ok());
  ASSERT_TRUE(price.Append(arrow::Decimal128(-1)).ok() &&
              price.Append(arrow::Decimal128(1234)).ok());
  const auto digits = arrow::Decimal128::FromString("1234567890123456789012345678901234.5678");
  ASSERT_TRUE(big.Append(*digits).ok() && big.AppendNull().ok());
  ASSERT_TRUE(at.Append(-1).ok() && at.AppendNull().ok());
  auto batch = arrow::RecordBatch::Make(
      schema, 2,
      {id.Finish().ValueOrDie(), name.Finish().ValueOrDie(), price.Finish().ValueOrDie(),
       big.Finish().ValueOrDie(), at.Finish().ValueOrDie()});
  auto* ingest = session_->As<connector::IngestFacet>();
  using connector::IngestMode;
  const auto write = [&](IngestMode mode, std::shared_ptr<arrow::RecordBatch> rows) {
    TableSource source(std::move(rows));
    return ingest->Ingest(context_, "main.t", mode, source);
  };
  EXPECT_EQ(write(IngestMode::kAppend, batch).error().code(), "query.undefined_table");
  ASSERT_TRUE(write(IngestMode::kCreate, batch));
  EXPECT_EQ(write(IngestMode::kCreate, batch).error().code(), "ingest.table_exists");
  auto back = Query("SELECT * FROM t");
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_TRUE((*back)->Equals(*arrow::Table::FromRecordBatches({batch}).ValueOrDie()))
      << (*back)->ToString();
  EXPECT_EQ(write(IngestMode::kAppend, batch).value_or(0), 2);
  // A NaN would be stored as NULL; the whole write is refused.
  arrow::DoubleBuilder number;
  ASSERT_TRUE(number.Append(1).ok() && number.Append(std::nan("")).ok());
  auto nan = arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::float64())}), 2,
                                      {number.Finish().ValueOrDie()});
  EXPECT_EQ(write(IngestMode::kReplace, nan).error().code(), "ingest.value_not_storable");
  auto kept = Query("SELECT count(*) FROM t");
  EXPECT_EQ((*kept)->column(0)->GetScalar(0).ValueOrDie()->ToString(), "4");
}

TEST_F(SqliteConnector, ExplainIsATreeAndPrivilegesAreTold) {
  Open();
  Run("CREATE TABLE t (a INTEGER PRIMARY KEY, b)");
  auto plan = session_->As<connector::ExplainFacet>()->Explain(
      context_, {.text = "SELECT * FROM t x JOIN t y ON x.b = y.a"});
  ASSERT_TRUE(plan) << plan.error().ToString();
  EXPECT_EQ(plan->at("plan").at("children").as_array().size(), 2u);
  auto report = session_->As<connector::PrivilegesFacet>()->CheckPrivileges(context_);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->granted, (std::vector<std::string>{"read", "write"}));
  EXPECT_TRUE(report->missing.empty());
}

}  // namespace
}  // namespace nstarx::connectors::sqlite
