#include "connectors/file_tables/parquet_scan.h"

#include <arrow/api.h>
#include <arrow/filesystem/localfs.h>
#include <arrow/io/file.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

#include <filesystem>

#include "connectors/file_tables/file_engine.h"
#include "connectors/file_tables/file_listing.h"

namespace nstarx::connectors::file_tables {
namespace {

class ParquetScanTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "nstarx-scan-XXXXXX");
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    files_ = std::make_shared<arrow::fs::SubTreeFileSystem>(
        folder_.string(), std::make_shared<arrow::fs::LocalFileSystem>());
    for (int i = 0; i < 3; ++i) Write("part-" + std::to_string(i) + ".parquet", Rows(i * 1000));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// A thousand rows of every type that a scan takes, with NULLs.
  static std::shared_ptr<arrow::Table> Rows(int64_t first) {
    arrow::Int64Builder ids;
    arrow::StringBuilder names;
    arrow::Decimal128Builder prices(arrow::decimal128(15, 2));
    arrow::Date32Builder days;
    arrow::TimestampBuilder times(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                                  arrow::default_memory_pool());
    arrow::BooleanBuilder flags;
    for (int64_t i = first; i < first + 1000; ++i) {
      EXPECT_TRUE(ids.Append(i).ok());
      EXPECT_TRUE((i % 7 == 0 ? names.AppendNull() : names.Append("né" + std::to_string(i))).ok());
      EXPECT_TRUE(prices.Append(arrow::Decimal128(-i * 100 - 1)).ok());
      EXPECT_TRUE(days.Append(static_cast<int32_t>(i)).ok());
      EXPECT_TRUE(times.Append(i * 1'000'003).ok());
      EXPECT_TRUE(flags.Append(i % 2 == 0).ok());
    }
    return arrow::Table::Make(
        arrow::schema({arrow::field("id", arrow::int64()), arrow::field("Name", arrow::utf8()),
                       arrow::field("price", arrow::decimal128(15, 2)),
                       arrow::field("day", arrow::date32()),
                       arrow::field("at", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")),
                       arrow::field("flag", arrow::boolean())}),
        {*ids.Finish(), *names.Finish(), *prices.Finish(), *days.Finish(), *times.Finish(),
         *flags.Finish()});
  }

  void Write(const std::string& path, const std::shared_ptr<arrow::Table>& table) {
    const auto full = folder_ / path;
    std::filesystem::create_directories(full.parent_path());
    auto out = arrow::io::FileOutputStream::Open(full.string());
    ASSERT_TRUE(out.ok());
    const auto properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    ASSERT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), *out, 300,
                                           parquet::default_writer_properties(), properties)
                    .ok());
  }

  std::unique_ptr<ParquetScan> Open(std::string_view path, ParquetScanOptions options = {}) {
    auto scan = ParquetScan::Open(*files_, *ExpandPath(*files_, path), options);
    EXPECT_TRUE(scan.ok()) << scan.status().ToString();
    return scan.ok() ? *std::move(scan) : nullptr;
  }

  static Result<std::shared_ptr<arrow::Table>> All(connector::BatchStream& stream) {
    arrow::RecordBatchVector batches;
    while (true) {
      NSTARX_TRY(auto batch, stream.Next({}));
      if (!batch) break;
      batches.push_back(batch);
    }
    return *arrow::Table::FromRecordBatches(stream.schema(), batches);
  }

  std::filesystem::path folder_;
  std::shared_ptr<arrow::fs::FileSystem> files_;
};

TEST_F(ParquetScanTest, GivesEveryRowOnce) {
  auto scan = Open("*.parquet");
  ASSERT_NE(scan, nullptr);
  std::vector<bool> seen(3000);
  while (true) {
    auto batch = scan->Next({});
    ASSERT_TRUE(batch.ok()) << batch.status().ToString();
    if (*batch == nullptr) break;
    const auto& ids = static_cast<const arrow::Int64Array&>(*(*batch)->column(0));
    for (int64_t i = 0; i < ids.length(); ++i) {
      EXPECT_FALSE(seen[ids.Value(i)]);
      seen[ids.Value(i)] = true;
    }
  }
  EXPECT_EQ(std::ranges::count(seen, true), 3000);
}

TEST_F(ParquetScanTest, GivesWhatTheEngineGives) {
  auto engine = FileEngine::Open({.threads = 1, .read_failure = [](std::string_view text) {
                                    return Unavailable("connection.lost", std::string(text));
                                  }});
  ASSERT_TRUE(engine);
  const auto run = [&](std::string text) {
    auto stream = (*engine)->Execute(
        {}, files_, {.text = std::move(text), .parameters = {}, .limit = std::nullopt});
    EXPECT_TRUE(stream) << stream.error().ToString();
    auto table = All(**stream);
    EXPECT_TRUE(table) << table.error().ToString();
    return *table;
  };
  for (const char* columns : {"*", "price, id", "\"Name\""}) {
    const std::string plain = fmt::format("SELECT {} FROM 'part-1.parquet'", columns);
    const auto scanned = run(plain);
    const auto queried = run(plain + " WHERE true");
    EXPECT_TRUE(scanned->schema()->Equals(*queried->schema()))
        << scanned->schema()->ToString() << queried->schema()->ToString();
    EXPECT_TRUE(
        scanned->CombineChunks().ValueOrDie()->Equals(*queried->CombineChunks().ValueOrDie()))
        << columns;
  }
}

TEST_F(ParquetScanTest, LeavesToTheEngineWhatItCannotGiveTheSameWay) {
  EXPECT_EQ(Open("part-0.parquet", {.columns = {"nobody"}}), nullptr);
  EXPECT_EQ(Open("part-0.parquet", {.columns = {"id", "id"}}), nullptr);
  EXPECT_EQ(Open("part-0.parquet", {.memory_limit_bytes = 100}), nullptr);
  Write("year=2026/part-0.parquet", Rows(0));
  EXPECT_EQ(Open("year=2026/part-0.parquet"), nullptr) << "a column of the path";
  Write("mixed/a.parquet", Rows(0));
  Write("mixed/b.parquet", *Rows(0)->RemoveColumn(2));
  EXPECT_EQ(Open("mixed/*.parquet"), nullptr);
  Write("dictionary.parquet",
        arrow::Table::Make(
            arrow::schema({arrow::field("d", arrow::dictionary(arrow::int8(), arrow::utf8()))}),
            {*arrow::MakeArrayOfNull(arrow::dictionary(arrow::int8(), arrow::utf8()), 3)}));
  EXPECT_EQ(Open("dictionary.parquet"), nullptr);
  EXPECT_EQ(Open("nothing-*.parquet"), nullptr);
}

TEST_F(ParquetScanTest, StopsAtOnceAndNamesDamage) {
  auto scan = Open("*.parquet");
  ASSERT_NE(scan, nullptr);
  ASSERT_TRUE(scan->Next({}).ok());
  scan->Stop();
  EXPECT_TRUE(scan->Next({}).status().IsCancelled());
  auto unread = Open("*.parquet");  // Dies with its queue full.
  ASSERT_NE(unread, nullptr);
  unread.reset();
  std::filesystem::resize_file(folder_ / "part-2.parquet", 100);
  EXPECT_FALSE(ParquetScan::Open(*files_, *ExpandPath(*files_, "part-2.parquet"), {}).ok());
}

}  // namespace
}  // namespace nstarx::connectors::file_tables
