#include <arrow/adapters/orc/adapter.h>
#include <arrow/api.h>
#include <arrow/filesystem/localfs.h>
#include <arrow/io/file.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include "connectors/file_tables/file_engine.h"

namespace nstarx::connectors::file_tables {
namespace {

std::shared_ptr<arrow::Array> Json(const std::shared_ptr<arrow::DataType>& type,
                                   std::string_view text) {
  auto made = arrow::json::ArrayFromJSONString(type, text);
  EXPECT_TRUE(made.ok()) << made.status().ToString();
  return *std::move(made);
}

/// Counts what is read of which file.
class CountedFile final : public arrow::io::RandomAccessFile {
 public:
  CountedFile(std::shared_ptr<arrow::io::RandomAccessFile> file, std::atomic<int64_t>& bytes)
      : file_(std::move(file)), bytes_(bytes) {}
  using RandomAccessFile::ReadAt;
  arrow::Result<int64_t> ReadAt(int64_t offset, int64_t length, void* out) override {
    bytes_ += length;
    return file_->ReadAt(offset, length, out);
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t offset, int64_t length) override {
    bytes_ += length;
    return file_->ReadAt(offset, length);
  }
  arrow::Result<int64_t> Read(int64_t length, void* out) override {
    bytes_ += length;
    return file_->Read(length, out);
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t length) override {
    bytes_ += length;
    return file_->Read(length);
  }
  arrow::Status Seek(int64_t position) override { return file_->Seek(position); }
  arrow::Result<int64_t> Tell() const override { return file_->Tell(); }
  arrow::Result<int64_t> GetSize() override { return file_->GetSize(); }
  arrow::Status Close() override { return file_->Close(); }
  bool closed() const override { return file_->closed(); }

 private:
  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
  std::atomic<int64_t>& bytes_;
};

class CountedFiles final : public arrow::fs::SubTreeFileSystem {
 public:
  using SubTreeFileSystem::OpenInputFile;
  using SubTreeFileSystem::SubTreeFileSystem;
  arrow::Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenInputFile(
      const arrow::fs::FileInfo& info) override {
    if (info.path() == broken_) return arrow::Status::IOError("the line is cut");
    {
      const std::lock_guard lock(mutex_);
      opened_.insert(info.path());
    }
    ARROW_ASSIGN_OR_RAISE(auto file, SubTreeFileSystem::OpenInputFile(info));
    return std::make_shared<CountedFile>(std::move(file), bytes_);
  }
  void Forget() {
    const std::lock_guard lock(mutex_);
    opened_.clear();
    bytes_ = 0;
  }
  std::set<std::string> opened() const {
    const std::lock_guard lock(mutex_);
    return opened_;
  }
  int64_t bytes() const { return bytes_; }
  void Break(std::string path) { broken_ = std::move(path); }

 private:
  std::string broken_;
  mutable std::mutex mutex_;
  std::set<std::string> opened_ NSTARX_GUARDED_BY(mutex_);
  std::atomic<int64_t> bytes_ = 0;
};

class OrcTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "nstarx-orc-XXXXXX");
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    files_ = std::make_shared<CountedFiles>((folder_ / "inside").string(),
                                            std::make_shared<arrow::fs::LocalFileSystem>());
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

  std::string Code(std::string text) {
    const auto result = Query(std::move(text));
    return result ? "ok: " + (*result)->ToString() : result.error().code();
  }

  std::string Bytes(const std::string& path) {
    std::ifstream in(folder_ / "inside" / path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  void WriteBytes(const std::string& path, std::string_view bytes) {
    const auto full = folder_ / "inside" / path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full, std::ios::binary) << bytes;
  }

  /// How much of the files a query reads.
  int64_t BytesReadBy(const std::string& text) {
    files_->Forget();
    const auto result = Query(text);
    EXPECT_TRUE(result) << text << result.error().ToString();
    return files_->bytes();
  }

  std::filesystem::path folder_;
  std::shared_ptr<CountedFiles> files_;
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

TEST_F(OrcTest, HivePartitionsAreColumnsAndOthersAreNotOpened) {
  WriteOrc("events/year=2025/kind=a/part.orc", *Rows(0, 10));
  WriteOrc("events/year=2026/kind=a/part.orc", *Rows(10, 20));
  WriteOrc("events/year=2026/kind=b/part.orc", *Rows(30, 40));
  WriteBytes("events/_SUCCESS", "x");
  EXPECT_EQ(Value("SELECT list([year, n]::VARCHAR ORDER BY year)::VARCHAR FROM (SELECT year, "
                  "count(*) AS n FROM 'events/' GROUP BY 1)"),
            "['[2025, 10]', '[2026, 60]']");
  files_->Forget();
  EXPECT_EQ(Value("SELECT sum(id)::BIGINT FROM 'events/**/*.orc' WHERE year = 2026 AND kind = 'b'"),
            "1980");
  EXPECT_FALSE(files_->opened().contains("events/year=2026/kind=a/part.orc"));
  EXPECT_TRUE(files_->opened().contains("events/year=2026/kind=b/part.orc"));
  EXPECT_EQ(Value("SELECT count(DISTINCT filename) FROM read_orc('events/**/*.orc')"), "3");
  EXPECT_EQ(Value("SELECT max(year) FROM read_orc('events/**/*.orc', hive_types = {'year': DATE}, "
                  "hive_types_autocast = false)")
                .substr(0, 6),
            "query.")
      << "2025 is no date";
  EXPECT_EQ(Code("SELECT year FROM read_orc('events/**/*.orc', hive_partitioning = false)"),
            "query.undefined_column");
}

TEST_F(OrcTest, FilesOfOtherColumnsAreJoinedByName) {
  WriteOrc("a.orc", *Rows(0, 5));
  WriteOrc("b.orc", **Rows(5, 5)->SelectColumns({2, 0}));
  EXPECT_EQ(
      Value("SELECT count(name) || '/' || sum(id) FROM read_orc('?.orc', union_by_name = true)"),
      "4/45");
  EXPECT_TRUE(Code("SELECT name FROM read_orc('?.orc')").starts_with("query."));
}

TEST_F(OrcTest, OnlyWantedColumnsAreRead) {
  std::string noise;
  uint64_t state = 42;
  arrow::Int64Builder ids;
  arrow::StringBuilder pads;
  for (int64_t i = 0; i < 20'000; ++i) {
    noise.clear();
    for (int j = 0; j < 256; ++j) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      noise += static_cast<char>('!' + (state >> 33U) % 90);
    }
    ASSERT_TRUE(ids.Append(i).ok());
    ASSERT_TRUE(pads.Append(noise).ok());
  }
  const auto table = arrow::Table::Make(
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("pad", arrow::utf8())}),
      {*ids.Finish(), *pads.Finish()});
  WriteOrc("wide.orc", *table, 1 << 20);
  const auto size = static_cast<int64_t>(Bytes("wide.orc").size());
  ASSERT_GT(size, 4'000'000);
  EXPECT_GE(BytesReadBy("SELECT max(pad) FROM 'wide.orc'"), size * 9 / 10);
  EXPECT_LT(BytesReadBy("SELECT max(pad) FROM 'wide.orc'"), size * 3 / 2);
  EXPECT_LT(BytesReadBy("SELECT sum(id) FROM 'wide.orc'"), size / 2);
  EXPECT_LT(BytesReadBy("SELECT count(*) FROM 'wide.orc'"), 300'000) << "the footer is enough";
}

TEST_F(OrcTest, DescribeKnowsColumnsRowsAndPartitions) {
  WriteOrc("events/year=2025/a.orc", *Rows(0, 1000));
  WriteOrc("events/year=2026/a.orc", *Rows(0, 500));
  const auto file = engine_->Describe({}, files_, "events/year=2025/a.orc");
  ASSERT_TRUE(file) << file.error().ToString();
  EXPECT_EQ(file->row_estimate, 1000);
  ASSERT_EQ(file->columns.size(), 4U);
  EXPECT_EQ(file->columns[2].native_type, "DECIMAL(15,2)");
  EXPECT_EQ(file->columns[2].arrow_type, "decimal128(15, 2)");
  const auto folder = engine_->Describe({}, files_, "events/");
  ASSERT_TRUE(folder) << folder.error().ToString();
  EXPECT_EQ(folder->row_estimate, 1500);
  EXPECT_EQ(folder->partitions, (std::vector<std::string>{"year=2025", "year=2026"}));
}

TEST_F(OrcTest, TypesAreExact) {
  const auto in = arrow::Table::Make(
      arrow::schema({arrow::field("b", arrow::boolean()), arrow::field("i8", arrow::int8()),
                     arrow::field("i64", arrow::int64()), arrow::field("f32", arrow::float32()),
                     arrow::field("dec", arrow::decimal128(38, 10)),
                     arrow::field("day", arrow::date32()),
                     arrow::field("at", arrow::timestamp(arrow::TimeUnit::NANO)),
                     arrow::field("instant", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")),
                     arrow::field("bin", arrow::binary()),
                     arrow::field("list", arrow::list(arrow::field("l", arrow::int32()))),
                     arrow::field("map", arrow::map(arrow::utf8(), arrow::float64())),
                     arrow::field("struct", arrow::struct_({arrow::field("x", arrow::utf8())}))}),
      {Json(arrow::boolean(), "[true, null, false]"), Json(arrow::int8(), "[-128, null, 127]"),
       Json(arrow::int64(), "[-9223372036854775808, null, 9223372036854775807]"),
       Json(arrow::float32(), "[-0.5, null, 3.5]"),
       Json(arrow::decimal128(38, 10),
            R"(["-9999999999999999999999999999.9999999999", null, "0.0000000001"])"),
       Json(arrow::date32(), "[-719162, null, 2932896]"),
       Json(arrow::timestamp(arrow::TimeUnit::NANO), "[-1, null, 1767323045123456789]"),
       Json(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), "[-1, null, 1767323045123456]"),
       Json(arrow::binary(), R"(["", null, "abc"])"),
       Json(arrow::list(arrow::field("l", arrow::int32())), "[[], null, [1, null]]"),
       Json(arrow::map(arrow::utf8(), arrow::float64()), R"([[], null, [["é", 1.5]]])"),
       Json(arrow::struct_({arrow::field("x", arrow::utf8())}),
            R"([{"x": "漢"}, null, {"x": null}])")});
  WriteOrc("types.orc", *in);
  const auto out = Query("SELECT * FROM 'types.orc'");
  ASSERT_TRUE(out) << out.error().ToString();
  ASSERT_EQ((*out)->num_columns(), in->num_columns());
  for (int i = 0; i < in->num_columns(); ++i) {
    const std::string name = in->schema()->field(i)->name();
    const std::string got = (*out)->schema()->field(i)->type()->ToString();
    if (in->schema()->field(i)->type()->num_fields() == 0) {
      EXPECT_EQ(got, in->schema()->field(i)->type()->ToString()) << name;
    }
    for (int64_t row = 0; row < 3; ++row) {
      EXPECT_EQ((*(*out)->column(i)->GetScalar(row))->ToString(),
                (*in->column(i)->GetScalar(row))->ToString())
          << name << " " << row;
    }
  }
}

TEST_F(OrcTest, WhatCanNotBeHeldExactlyIsRefused) {
  const auto one = [&](const std::string& path, const std::shared_ptr<arrow::DataType>& type,
                       std::string_view json) {
    WriteOrc(path,
             *arrow::Table::Make(arrow::schema({arrow::field("t", type)}), {Json(type, json)}));
  };
  one("late.orc", arrow::timestamp(arrow::TimeUnit::MICRO), "[253402300799000000]");
  one("fine.orc", arrow::timestamp(arrow::TimeUnit::NANO, "UTC"), "[1001]");
  for (const std::string path : {"late.orc", "fine.orc"}) {
    const auto refused = Query("SELECT t FROM '" + path + "'");
    ASSERT_FALSE(refused) << (*refused)->ToString();
    EXPECT_EQ(refused.error().code(), "query.invalid_value");
    EXPECT_NE(refused.error().message().find(path), std::string::npos);
  }
  EXPECT_EQ(Value("SELECT count(*) FROM 'late.orc'"), "1");
}

TEST_F(OrcTest, NothingOutsideIsReached) {
  WriteOrc("inner.orc", *Rows(0, 5));
  std::filesystem::rename(folder_ / "inside/inner.orc", folder_ / "secret.orc");
  const std::string whole = (folder_ / "secret.orc").string();
  for (const std::string& path :
       {whole, "file://" + whole, std::string("../secret.orc"), std::string("x/../../secret.orc"),
        std::string("../*.orc"), std::string("~/secret.orc"), std::string("s3://bucket/x.orc"),
        std::string("https://127.0.0.1:1/x.orc"), std::string("/dev/stdin.orc")}) {
    for (const std::string& text :
         {std::string("SELECT * FROM '") + path + "'", "SELECT * FROM read_orc('" + path + "')",
          "SELECT * FROM read_orc(['" + path + "'])"}) {
      const std::string code = Code(text);
      EXPECT_TRUE(code == "query.not_allowed" || code == "query.undefined_table") << text << code;
    }
  }
  EXPECT_EQ(Code("SELECT * FROM 'none/*.orc'"), "query.undefined_table");
  EXPECT_EQ(Code("SELECT * FROM 'none.orc'"), "query.undefined_table");
}

TEST_F(OrcTest, AFailedReadIsTheConnectionsError) {
  WriteOrc("cut.orc", *Rows(0, 5));
  files_->Break("cut.orc");
  EXPECT_EQ(Code("SELECT * FROM 'cut.orc'"), "connection.lost");
}

TEST_F(OrcTest, BrokenFilesAreNamed) {
  WriteOrc("good.orc", *Rows(0, 5000));
  const std::string good = Bytes("good.orc");
  std::vector<std::string> broken = {"", "ORC", "this is no ORC file at all",
                                     std::string(5000, '\xff')};
  for (size_t cut = 1; cut < good.size(); cut += good.size() / 40 + 1) {
    broken.push_back(good.substr(0, cut));
    broken.push_back(good.substr(cut));
  }
  // A footer that claims a length of 2^35, and one of nothing.
  std::string lengths = good;
  lengths.replace(lengths.size() - 24, 6, "\x08\xff\xff\xff\xff\x7f");
  broken.push_back(lengths);
  broken.push_back(good.substr(0, good.size() - 1) + '\xff');
  for (const std::string& bytes : broken) {
    WriteBytes("broken.orc", bytes);
    const auto result = Query("SELECT * FROM 'broken.orc'");
    // Cut at the front, the data may still be whole: then nothing may be made up.
    if (result) {
      EXPECT_EQ((*result)->num_rows(), 5000);
      continue;
    }
    EXPECT_EQ(result.error().code(), "query.unreadable_file") << result.error().ToString();
    EXPECT_NE(result.error().message().find("broken.orc"), std::string::npos);
    EXPECT_NE(result.error().kind(), ErrorKind::kInternal);
  }
  EXPECT_EQ(Value("SELECT count(*) FROM 'good.orc'"), "5000");
}

TEST_F(OrcTest, AnyByteMayBeWrong) {
  const auto rows = Rows(0, 3000);
  std::string lists = "[";
  for (int i = 0; i < 3000; ++i)
    lists += std::string(i > 0 ? "," : "") + "[" + std::to_string(i) + "]";
  lists += "]";
  const auto table = *rows->AddColumn(
      3, arrow::field("list", arrow::list(arrow::int64())),
      std::make_shared<arrow::ChunkedArray>(Json(arrow::list(arrow::int64()), lists)));
  WriteOrc("good.orc", *table);
  const std::string good = Bytes("good.orc");
  uint64_t state = 7;
  const auto random = [&](size_t below) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<size_t>(state >> 33U) % below;
  };
  for (int i = 0; i < 150; ++i) {
    std::string bytes = good;
    for (size_t n = 1 + random(3); n > 0; --n) {
      const size_t tail = std::min<size_t>(bytes.size(), 500);
      const size_t at = i % 2 == 0 ? random(bytes.size()) : bytes.size() - 1 - random(tail);
      bytes[at] = static_cast<char>(random(2) == 0 ? random(256) : 0xff);
    }
    WriteBytes("wrong.orc", bytes);
    const auto result = Query("SELECT * FROM 'wrong.orc'");
    if (!result) {
      EXPECT_TRUE(result.error().code() == "query.unreadable_file" ||
                  result.error().code() == "query.invalid_value")
          << result.error().ToString();
    }
  }
  EXPECT_EQ(Value("SELECT count(*) FROM 'good.orc'"), "3000");
}

}  // namespace
}  // namespace nstarx::connectors::file_tables
