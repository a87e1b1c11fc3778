#include <arrow/adapters/orc/adapter.h>
#include <arrow/api.h>
#include <arrow/filesystem/localfs.h>
#include <arrow/io/file.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "connectors/file_tables/file_engine.h"

namespace nstarx::connectors::file_tables {
namespace {

class OrcTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "nstarx-orc-XXXXXX");
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
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

  /// Ids from `first`, names and exact prices; every seventh name is NULL.
  static std::shared_ptr<arrow::Table> Rows(int64_t first, int64_t rows) {
    arrow::Int64Builder ids;
    arrow::StringBuilder names;
    arrow::Decimal128Builder prices(arrow::decimal128(15, 2));
    for (int64_t i = first; i < first + rows; ++i) {
      EXPECT_TRUE(ids.Append(i).ok());
      EXPECT_TRUE((i % 7 == 0 ? names.AppendNull() : names.Append("né" + std::to_string(i))).ok());
      EXPECT_TRUE(prices.Append(arrow::Decimal128(i * 100 + 1)).ok());
    }
    return arrow::Table::Make(
        arrow::schema({arrow::field("id", arrow::int64()), arrow::field("Name", arrow::utf8()),
                       arrow::field("price", arrow::decimal128(15, 2))}),
        {*ids.Finish(), *names.Finish(), *prices.Finish()});
  }

  void WriteOrc(const std::string& path, const arrow::Table& table,
                int64_t stripe_size = 64 << 20) {
    const auto full = folder_ / "inside" / path;
    std::filesystem::create_directories(full.parent_path());
    auto out = arrow::io::FileOutputStream::Open(full.string());
    ASSERT_TRUE(out.ok());
    arrow::adapters::orc::WriteOptions options;
    options.stripe_size = stripe_size;
    options.compression = arrow::Compression::ZSTD;
    auto writer = arrow::adapters::orc::ORCFileWriter::Open(out->get(), options);
    ASSERT_TRUE(writer.ok()) << writer.status().ToString();
    ASSERT_TRUE((*writer)->Write(table).ok());
    ASSERT_TRUE((*writer)->Close().ok());
    ASSERT_TRUE((*out)->Close().ok());
  }

  Result<std::shared_ptr<arrow::Table>> Query(std::string text) {
    const connector::Statement statement{
        .text = std::move(text), .parameters = {}, .limit = std::nullopt};
    const Context context;
    NSTARX_TRY(auto stream, engine_->Execute(context, files_, statement));
    arrow::RecordBatchVector batches;
    while (true) {
      NSTARX_TRY(auto batch, stream->Next(context));
      if (!batch) break;
      batches.push_back(batch);
    }
    return *arrow::Table::FromRecordBatches(stream->schema(), batches);
  }

  std::string Value(std::string text) {
    const auto table = Query(text);
    if (!table) return table.error().ToString();
    if ((*table)->num_rows() == 0) return "no rows";
    return (*(*table)->column(0)->GetScalar(0))->ToString();
  }

  std::filesystem::path folder_;
  std::shared_ptr<arrow::fs::FileSystem> files_;
  std::unique_ptr<FileEngine> engine_;
};

TEST_F(OrcTest, ReadsAFileAPatternAndAList) {
  WriteOrc("one.orc", *Rows(0, 10'000));
  WriteOrc("many/a.orc", *Rows(0, 100));
  WriteOrc("many/b.ORC", *Rows(100, 50));
  EXPECT_EQ(Value("SELECT sum(price) FROM 'one.orc'"), "49995100.00");
  EXPECT_EQ(Value("SELECT count(*) FROM 'one.orc'"), "10000");
  EXPECT_EQ(Value("SELECT count(name) FROM 'one.orc'"), "8571");
  EXPECT_EQ(Value("SELECT name FROM 'one.orc' WHERE id = 9999"), "né9999");
  EXPECT_EQ(Value("SELECT max(id) FROM 'many/*.orc'"), "99");
  EXPECT_EQ(Value("SELECT max(id) FROM 'many/'"), "149");
  EXPECT_EQ(Value("SELECT max(id) FROM read_orc(['one.orc', 'many/b.ORC'])"), "9999");
}

}  // namespace
}  // namespace nstarx::connectors::file_tables
