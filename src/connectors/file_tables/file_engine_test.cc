#include "connectors/file_tables/file_engine.h"

#include <arrow/api.h>
#include <arrow/filesystem/localfs.h>
#include <arrow/io/file.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

#include <filesystem>
#include <fstream>

namespace nstarx::connectors::file_tables {
namespace {

class FileEngineTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "nstarx-engine-XXXXXX");
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    Write("inside/people.csv", "id,name\n1,Zoë\n2,Bob\n");
    Write("inside/people.ndjson", "{\"id\":1,\"tags\":[\"a\"]}\n{\"id\":2,\"tags\":[]}\n");
    Write("secret.csv", "id,word\n1,topsecret\n");
    WriteParquet("inside/events/year=2025/part-0.parquet", 0, 1000);
    WriteParquet("inside/events/year=2026/part-0.parquet", 1000, 500);
    Write("inside/events/_SUCCESS", "x");
    files_ = std::make_shared<arrow::fs::SubTreeFileSystem>(
        (folder_ / "inside").string(), std::make_shared<arrow::fs::LocalFileSystem>());
    auto engine = FileEngine::Open({.read_failure = [](std::string_view message) {
      return Unavailable("connection.lost", std::string(message));
    }});
    ASSERT_TRUE(engine) << engine.error().ToString();
    engine_ = *std::move(engine);
  }
  void TearDown() override {
    engine_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Write(const std::string& path, std::string_view text) {
    const auto full = folder_ / path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }

  void WriteParquet(const std::string& path, int64_t first, int64_t rows) {
    const auto full = folder_ / path;
    std::filesystem::create_directories(full.parent_path());
    arrow::Int64Builder ids;
    arrow::StringBuilder names;
    arrow::Decimal128Builder prices(arrow::decimal128(15, 2));
    for (int64_t i = first; i < first + rows; ++i) {
      ASSERT_TRUE(ids.Append(i).ok());
      ASSERT_TRUE(names.Append("name" + std::to_string(i)).ok());
      ASSERT_TRUE(prices.Append(arrow::Decimal128(i * 100 + 1)).ok());
    }
    const auto table = arrow::Table::Make(
        arrow::schema({arrow::field("id", arrow::int64()), arrow::field("name", arrow::utf8()),
                       arrow::field("price", arrow::decimal128(15, 2))}),
        {*ids.Finish(), *names.Finish(), *prices.Finish()});
    auto out = arrow::io::FileOutputStream::Open(full.string());
    ASSERT_TRUE(out.ok());
    ASSERT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), *out, 100).ok());
  }

  Result<std::shared_ptr<arrow::Table>> Query(std::string text, json::array parameters = {},
                                              const Context& context = {}) {
    const connector::Statement statement{
        .text = std::move(text), .parameters = std::move(parameters), .limit = std::nullopt};
    NSTARX_TRY(auto stream, engine_->Execute(context, files_, statement));
    arrow::RecordBatchVector batches;
    while (true) {
      NSTARX_TRY(auto batch, stream->Next(context));
      if (!batch) break;
      batches.push_back(batch);
    }
    return *arrow::Table::FromRecordBatches(stream->schema(), batches);
  }

  std::string Code(std::string text, json::array parameters = {}) {
    const auto result = Query(std::move(text), std::move(parameters));
    return result ? "ok: " + (*result)->ToString() : result.error().code();
  }

  std::string Value(std::string text, json::array parameters = {}) {
    const auto table = Query(text, std::move(parameters));
    if (!table) return table.error().ToString();
    if ((*table)->num_rows() == 0) return "no rows";
    return (*(*table)->column(0)->GetScalar(0))->ToString();
  }

  std::filesystem::path folder_;
  std::shared_ptr<arrow::fs::FileSystem> files_;
  std::unique_ptr<FileEngine> engine_;
};

TEST_F(FileEngineTest, ReadsEveryFormat) {
  EXPECT_EQ(Value("SELECT name FROM 'people.csv' WHERE id = 1"), "Zoë");
  EXPECT_EQ(Value("SELECT count(*) FROM 'people.ndjson'"), "2");
  EXPECT_EQ(Value("SELECT sum(price) FROM 'events/year=2025/part-0.parquet'"), "499510.00");
  EXPECT_EQ(Value("SELECT count(*) FROM 'events/*/*.parquet'"), "1500");
  EXPECT_EQ(Value("SELECT count(*) FROM 'events/**/*.parquet' WHERE year = 2026"), "500");
  EXPECT_EQ(Value("SELECT count(*) FROM 'events/'"), "1500");
  EXPECT_EQ(Value("SELECT count(*) FROM 'events/year=202[56]/part-?.parquet' e JOIN 'people.csv' p "
                  "ON e.id = p.id"),
            "2");
}

TEST_F(FileEngineTest, TypesAreExact) {
  const auto table = Query(
      "SELECT 1::TINYINT AS a, 2::HUGEINT AS b, '1.50'::DECIMAL(10,2) AS c, "
      "TIMESTAMPTZ '2026-01-02 03:04:05+00' AS d, TIMESTAMP '2026-01-02 03:04:05' AS e, "
      "DATE '0001-01-01' AS f, 'x'::BLOB AS g, [1, NULL] AS h, {'k': 1, 'v': 'é'} AS i, "
      "MAP {'k': 1.5} AS j, uuid '00000000-0000-0000-0000-000000000001' AS k, "
      "18446744073709551615::UBIGINT AS l, INTERVAL 1 DAY AS m, TIME '01:02:03' AS n, "
      "'{}'::JSON AS o, NULL AS p");
  ASSERT_TRUE(table) << table.error().ToString();
  const char* expected[] = {"int8",
                            "decimal128(38, 0)",
                            "decimal128(10, 2)",
                            "timestamp[us, tz=UTC]",
                            "timestamp[us]",
                            "date32[day]",
                            "binary",
                            "list<l: int32>",
                            "struct<k: int32, v: string>",
                            "map<string, decimal128(2, 1)>",
                            "string",
                            "uint64",
                            "month_day_nano_interval",
                            "time64[us]",
                            "string",
                            "int32"};
  for (int i = 0; i < (*table)->num_columns(); ++i) {
    EXPECT_EQ((*table)->schema()->field(i)->type()->ToString(), expected[i])
        << (*table)->schema()->field(i)->name();
  }
}

TEST_F(FileEngineTest, ParametersAreBound) {
  EXPECT_EQ(Value("SELECT name FROM 'people.csv' WHERE id = ?", {2}), "Bob");
  EXPECT_EQ(Value("SELECT $2 || $1", {"a", "ü"}), "üa");
  EXPECT_EQ(Code("SELECT ?"), "query.invalid_parameters");
  EXPECT_EQ(Code("SELECT 1", {1}), "query.invalid_parameters");
  EXPECT_EQ(Code("SELECT ?", json::array(1, json::value(json::array(1, 1)))),
            "query.invalid_parameters");
  const auto refused = Query("SELECT ?::INTEGER", {"canary-value"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "query.invalid_value");
  EXPECT_EQ(refused.error().message().find("canary"), std::string::npos);
}

TEST_F(FileEngineTest, ErrorsHaveCodesAndPositions) {
  const auto syntax = Query("SELECT * FORM 'people.csv'");
  ASSERT_FALSE(syntax);
  EXPECT_EQ(syntax.error().code(), "query.syntax_error");
  EXPECT_EQ(syntax.error().details().contains("position")
                ? GetInt(syntax.error().details(), "position", 0)
                : 0,
            15)
      << syntax.error().ToString();
  EXPECT_EQ(Code("SELECT * FROM 'none/*.parquet'"), "query.undefined_table");
  EXPECT_EQ(Code("SELECT * FROM 'none.parquet'"), "query.undefined_table");
  EXPECT_EQ(Code("SELECT * FROM 'none/'"), "query.undefined_table");
  EXPECT_EQ(Code("SELECT * FROM nothing"), "query.undefined_table");
  EXPECT_EQ(Code("SELECT nope FROM 'people.csv'"), "query.undefined_column");
  EXPECT_EQ(Code("SELECT no_such_function(1)"), "query.undefined_function");
  EXPECT_EQ(Code("SELECT 'x'::INTEGER"), "query.invalid_value");
  EXPECT_EQ(Code(""), "query.empty");
  EXPECT_EQ(Code("SELECT 1; SELECT 2"), "query.many_statements");
  Write("inside/broken.parquet", "this is no parquet file at all");
  EXPECT_EQ(Code("SELECT * FROM 'broken.parquet'").substr(0, 6), "query.");
  EXPECT_EQ(Value("SELECT 7"), "7");
}

TEST_F(FileEngineTest, NothingOutsideIsReached) {
  const std::string outside = (folder_ / "escape").string();
  const std::string extension = (folder_ / "evil.duckdb_extension").string();
  Write("evil.duckdb_extension", "not really");
  const std::string statements[] = {
      "SELECT * FROM '/etc/passwd'",
      "SELECT * FROM read_text('/etc/passwd')",
      "SELECT * FROM read_blob('/etc/passwd')",
      "SELECT * FROM read_csv('/etc/passwd')",
      "SELECT * FROM read_csv('file:///etc/passwd')",
      "SELECT * FROM read_csv('file:/etc/passwd')",
      "SELECT * FROM read_csv('../secret.csv')",
      "SELECT * FROM read_csv('events/../../secret.csv')",
      "SELECT * FROM '" + (folder_ / "secret.csv").string() + "'",
      "SELECT * FROM read_csv(['people.csv', '/etc/passwd'])",
      "SELECT * FROM glob('/etc/*')",
      "SELECT * FROM glob('../*')",
      "SELECT * FROM read_csv('~/x.csv')",
      "SELECT * FROM read_csv('/dev/stdin')",
      "SELECT * FROM read_csv('https://127.0.0.1:1/x.csv')",
      "SELECT * FROM 'http://127.0.0.1:1/x.parquet'",
      "SELECT * FROM 's3://bucket/x.parquet'",
      "SELECT * FROM read_parquet('hf://x/y.parquet')",
      "SELECT * FROM sniff_csv('/etc/passwd')",
      "SELECT * FROM parquet_metadata('/etc/passwd')",
      "SELECT * FROM query('COPY (SELECT 1) TO ''" + outside + "''')",
      "SELECT getenv('HOME')",
      "COPY (SELECT 1) TO '" + outside + "'",
      "COPY (SELECT 1) TO 'inside.csv'",
      "EXPLAIN ANALYZE COPY (SELECT 1) TO '" + outside + "'",
      "ATTACH '" + outside + "' AS x",
      "ATTACH 'x.db' AS x",
      "INSTALL httpfs",
      "LOAD httpfs",
      "LOAD '" + extension + "'",
      "SET memory_limit = '10GB'",
      "SET enable_external_access = true",
      "RESET lock_configuration",
      "PRAGMA enable_profiling",
      "PRAGMA database_list",
      "CALL pragma_version()",
      "CREATE TABLE t AS SELECT 1",
      "CREATE SECRET s (TYPE http)",
      "EXPORT DATABASE '" + outside + "'",
      "CHECKPOINT",
      "PREPARE p AS SELECT 1",
      "USE memory",
      "INSERT INTO x VALUES (1)",
      "DETACH memory",
      "SELECT * FROM enable_logging()",
      "SELECT * FROM query('SELECT * FROM enable_' || 'logging()')",
      "SELECT * FROM disable_logging()",
      "SELECT * FROM enable_profiling()",
      "SELECT * FROM force_checkpoint()",
      "SELECT * FROM arrow_scan(1::BIGINT, 2::BIGINT, 3::BIGINT)",
      "SELECT * FROM arrow_scan_dumb(1, 2, 3)",
      "SELECT * FROM read_duckdb('people.csv')",
      "SELECT * FROM enable_logging(storage => 'file', storage_path => '" + outside + "')",
      "SELECT * FROM read_csv('people.csv', rejects_table = 'r', store_rejects = true, encoding = "
      "'x')",
  };
  for (const std::string& text : statements) {
    const auto result = Query(text);
    ASSERT_FALSE(result) << text << "\n" << (*result)->ToString();
    EXPECT_TRUE(result.error().code().starts_with("query.")) << text << result.error().ToString();
    EXPECT_NE(result.error().kind(), ErrorKind::kInternal) << text << result.error().ToString();
    EXPECT_EQ(result.error().message().find("root:"), std::string::npos) << text;
    EXPECT_EQ(result.error().message().find("topsecret"), std::string::npos) << text;
    EXPECT_FALSE(std::filesystem::exists(outside)) << text;
  }
  EXPECT_EQ(Value("SELECT count(*) FROM duckdb_secrets()"), "0");
  EXPECT_EQ(Value("SELECT count(*) FROM glob('people.*')"), "2");
}

TEST_F(FileEngineTest, ReadingStatementsOfAllKindsRun) {
  EXPECT_TRUE(Query("WITH x AS (SELECT 1 AS a) SELECT * FROM x"));
  EXPECT_TRUE(Query("DESCRIBE SELECT * FROM 'people.csv'"));
  EXPECT_TRUE(Query("SUMMARIZE 'people.csv'"));
  EXPECT_TRUE(Query("EXPLAIN SELECT * FROM 'people.csv'"));
  EXPECT_TRUE(Query("VALUES (1), (2)"));
  EXPECT_TRUE(Query("FROM 'people.csv' SELECT id"));
}

TEST_F(FileEngineTest, ADeadlineEndsALongQuery) {
  const auto begun = std::chrono::steady_clock::now();
  const auto result =
      Query("SELECT sum(a.n * b.n % 7) FROM range(10000000) a(n), range(10000000) b(n)", {},
            Context().WithTimeout(std::chrono::milliseconds(200)));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), "query.timeout");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(3));
  EXPECT_EQ(Value("SELECT 1"), "1");
}

TEST_F(FileEngineTest, AStopTokenAndInterruptEndALongQuery) {
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  const char* endless = "SELECT sum(a.n * b.n % 7) FROM range(10000000) a(n), range(10000000) b(n)";
  EXPECT_EQ(Query(endless, {}, Context().WithStop(stop.get_token())).error().code(),
            "query.cancelled");
  std::jthread interrupter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    engine_->Interrupt();
  });
  EXPECT_EQ(Query(endless).error().code(), "query.cancelled");
  EXPECT_EQ(Value("SELECT 1"), "1");
}

TEST_F(FileEngineTest, StreamsAndCanBeLeftEarly) {
  const connector::Statement statement{
      .text = "SELECT n, repeat('x', 1000) AS pad FROM range(20000000000) r(n)",
      .parameters = {},
      .limit = std::nullopt};
  {
    auto stream = engine_->Execute({}, files_, statement);
    ASSERT_TRUE(stream) << stream.error().ToString();
    for (int i = 0; i < 3; ++i) {
      const auto batch = (*stream)->Next({});
      ASSERT_TRUE(batch && *batch);
      EXPECT_LE((*batch)->num_rows(), 5000) << "batches are cut by bytes";
    }
  }
  EXPECT_EQ(Value("SELECT 1"), "1");
}

TEST_F(FileEngineTest, LargeSortsSpillToAPrivateFolderThatGoesAway) {
  EXPECT_EQ(Value("SELECT last(pad) FROM (SELECT repeat('x', 100) || (n % 1000000)::VARCHAR AS pad "
                  "FROM range(3000000) r(n) ORDER BY pad DESC)")
                .substr(0, 5),
            "xxxxx");
}

TEST_F(FileEngineTest, RunningOutOfMemoryIsATypedError) {
  auto engine = FileEngine::Open({.memory_limit_bytes = 16 << 20,
                                  .spill_limit_bytes = 1 << 20,
                                  .threads = 1,
                                  .read_failure = [](std::string_view message) {
                                    return Unavailable("connection.lost", std::string(message));
                                  }});
  ASSERT_TRUE(engine);
  engine_ = *std::move(engine);
  EXPECT_EQ(Code("SELECT count(*) FROM (SELECT DISTINCT n, hash(n) FROM range(50000000) r(n))"),
            "query.out_of_memory");
}

TEST_F(FileEngineTest, CachedFilesAreReadAnewWhenTheyChange) {
  auto engine = FileEngine::Open({.cache_files = true, .read_failure = [](std::string_view text) {
                                    return Unavailable("connection.lost", std::string(text));
                                  }});
  ASSERT_TRUE(engine) << engine.error().ToString();
  engine_ = *std::move(engine);
  const std::string sum = "SELECT sum(id)::BIGINT FROM 'events/year=2025/part-0.parquet'";
  EXPECT_EQ(Value(sum), "499500");
  EXPECT_EQ(Value(sum), "499500");
  WriteParquet("inside/events/year=2025/part-0.parquet", 1000, 1000);
  EXPECT_EQ(Value(sum), "1499500");
}

TEST_F(FileEngineTest, DescribesFilesAndFolders) {
  const auto file = engine_->Describe({}, files_, "events/year=2025/part-0.parquet");
  ASSERT_TRUE(file) << file.error().ToString();
  EXPECT_EQ(file->row_estimate, 1000);
  ASSERT_GE(file->columns.size(), 3U);
  EXPECT_EQ(file->columns[2].native_type, "DECIMAL(15,2)");
  EXPECT_EQ(file->columns[2].arrow_type, "decimal128(15, 2)");
  const auto folder = engine_->Describe({}, files_, "events/");
  ASSERT_TRUE(folder) << folder.error().ToString();
  EXPECT_EQ(folder->row_estimate, 1500);
  EXPECT_EQ(folder->partitions, (std::vector<std::string>{"year=2025", "year=2026"}));
  EXPECT_EQ(folder->columns.back().name, "year");
  const auto csv = engine_->Describe({}, files_, "people.csv");
  ASSERT_TRUE(csv) << csv.error().ToString();
  EXPECT_EQ(csv->columns[0].native_type, "BIGINT");
  EXPECT_EQ(engine_->Describe({}, files_, "none.parquet").error().code(), "query.undefined_table");
  EXPECT_EQ(engine_->Describe({}, files_, "../secret.csv").error().code(), "query.undefined_table");
}

}  // namespace
}  // namespace nstarx::connectors::file_tables
