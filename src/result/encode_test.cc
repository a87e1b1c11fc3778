#include <arrow/array.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/table.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>

#include "result/test_streams.h"

namespace nstarx::result {
namespace {

std::shared_ptr<arrow::Table> ReadStream(const std::string& bytes) {
  auto input = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(bytes));
  auto reader = arrow::ipc::RecordBatchStreamReader::Open(input);
  if (!reader.ok()) {
    ADD_FAILURE() << reader.status().ToString();
    return nullptr;
  }
  auto table = (*reader)->ToTable();
  EXPECT_TRUE(table.ok()) << table.status().ToString();
  EXPECT_EQ(input->Tell().ValueOrDie(), static_cast<int64_t>(bytes.size())) << "bytes left over";
  return table.ok() ? *table : nullptr;
}

std::shared_ptr<arrow::RecordBatch> Mixed() {
  return BatchOf(
      {{"i", ArrayOf(arrow::int64(), "[1, null, 3, 4]")},
       {"s", ArrayOf(arrow::utf8(), R"(["a", "", null, "dd"])")},
       {"v", ArrayOf(arrow::utf8_view(), R"(["a", null, "longer than twelve bytes", "d"])")},
       {"b", ArrayOf(arrow::boolean(), "[true, false, null, true]")},
       {"d", ArrayOf(arrow::decimal128(9, 2), R"(["1.50", null, "-2.00", "0.00"])")},
       {"l", ArrayOf(arrow::list(arrow::int32()), "[[1], null, [], [2, 3]]")},
       {"e",
        ArrayOf(arrow::dictionary(arrow::int8(), arrow::utf8()), R"(["x", "y", null, "x"])")}});
}

std::shared_ptr<arrow::RecordBatch> Numbers(int64_t rows) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < rows; ++i) EXPECT_TRUE(builder.Append(i * 7919 % 1000).ok());
  return BatchOf({{"n", builder.Finish().ValueOrDie()}});
}

TEST(ArrowStream, ReadsBackEqualInEveryCompression) {
  const auto batch = Mixed();
  for (const Compression compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    const auto encoded =
        Encode(StreamOf({batch, batch->Slice(1, 2), batch}), Format::kArrowStream, compression);
    ASSERT_FALSE(encoded.failure);
    const auto table = ReadStream(encoded.bytes);
    ASSERT_TRUE(table);
    const auto expected =
        arrow::Table::FromRecordBatches({batch, batch->Slice(1, 2), batch}).ValueOrDie();
    EXPECT_TRUE(table->Equals(*expected)) << table->ToString();
  }
}

TEST(ArrowStream, ColumnDataIsNotCopied) {
  const auto batch = Numbers(100'000);
  const auto* column =
      reinterpret_cast<const std::byte*>(batch->column_data(0)->buffers[1]->data());
  auto source = EncodeBatches(StreamOf({batch}), {Format::kArrowStream, Compression::kNone});
  auto chunk = source->Next(Context());
  ASSERT_TRUE(chunk && *chunk);
  EXPECT_TRUE(std::ranges::any_of((*chunk)->parts, [&](const auto& part) {
    return part.data() == column && part.size() == 800'000;
  }));
  source.reset();
  // The chunk alone keeps the data alive.
  EXPECT_EQ(*reinterpret_cast<const int64_t*>(column + 8), 919);
}

TEST(ArrowStream, CompressionShrinksBigBatches) {
  const auto plain = Encode(StreamOf({Numbers(100'000)}), Format::kArrowStream);
  const auto zstd = Encode(StreamOf({Numbers(100'000)}), Format::kArrowStream, Compression::kZstd);
  EXPECT_LT(zstd.bytes.size() * 2, plain.bytes.size());
  EXPECT_TRUE(ReadStream(zstd.bytes)->Equals(*ReadStream(plain.bytes)));
}

TEST(ArrowStream, ChangedDictionariesAreSentAgain) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto one = BatchOf({{"e", ArrayOf(type, R"(["x", "y"])")}});
  const auto two = BatchOf({{"e", ArrayOf(type, R"(["z"])")}});
  const auto table = ReadStream(Encode(StreamOf({one, one, two}), Format::kArrowStream).bytes);
  ASSERT_TRUE(table);
  EXPECT_TRUE(table->Equals(*arrow::Table::FromRecordBatches({one, one, two}).ValueOrDie()));
}

TEST(ArrowStream, EmptyResultHasASchema) {
  const auto none = BatchOf({{"a", ArrayOf(arrow::int32(), "[]")}});
  const auto encoded =
      Encode(std::make_unique<ListStream>(none->schema(),
                                          std::vector<std::shared_ptr<arrow::RecordBatch>>()),
             Format::kArrowStream);
  const auto table = ReadStream(encoded.bytes);
  ASSERT_TRUE(table);
  EXPECT_TRUE(table->schema()->Equals(*none->schema()));
  EXPECT_EQ(table->num_rows(), 0);
}

TEST(ArrowStream, RowsAffectedAreInTheSchema) {
  const auto encoded = Encode(
      std::make_unique<ListStream>(
          arrow::schema({}), std::vector<std::shared_ptr<arrow::RecordBatch>>(), std::nullopt, 42),
      Format::kArrowStream);
  const auto table = ReadStream(encoded.bytes);
  ASSERT_TRUE(table && table->schema()->metadata());
  EXPECT_EQ(table->schema()->metadata()->Get("nstarx:rows_affected").ValueOr(""), "42");
}

TEST(ArrowStream, MidStreamFailureComesAfterTheGoodBatches) {
  const auto batch = Numbers(200'000);
  const auto encoded = Encode(
      std::make_unique<ListStream>(batch->schema(), std::vector{batch, batch},
                                   Unavailable("query.connection_lost", "the server went away")),
      Format::kArrowStream);
  ASSERT_TRUE(encoded.failure);
  EXPECT_EQ(encoded.failure->code(), "query.connection_lost");
  EXPECT_EQ(encoded.chunks, 2U);
}

TEST(ArrowStream, FailureAtTheStartIsReturnedAlone) {
  const auto encoded =
      Encode(std::make_unique<ListStream>(arrow::schema({arrow::field("a", arrow::int8())}),
                                          std::vector<std::shared_ptr<arrow::RecordBatch>>(),
                                          NotFound("query.undefined_table", "no such table")),
             Format::kArrowStream);
  ASSERT_TRUE(encoded.failure);
  EXPECT_EQ(encoded.failure->code(), "query.undefined_table");
  EXPECT_EQ(encoded.bytes, "");
}

std::shared_ptr<arrow::Table> ReadParquet(const std::string& bytes, int* row_groups = nullptr) {
  auto input = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(bytes));
  parquet::arrow::FileReaderBuilder builder;
  EXPECT_TRUE(builder.Open(input).ok());
  auto reader = builder.Build();
  if (!reader.ok()) {
    ADD_FAILURE() << reader.status().ToString();
    return nullptr;
  }
  if (row_groups != nullptr) *row_groups = (*reader)->num_row_groups();
  auto table = (*reader)->ReadTable();
  EXPECT_TRUE(table.ok()) << table.status().ToString();
  return table.ok() ? *table : nullptr;
}

TEST(Parquet, ReadsBackEqual) {
  const auto batch = Mixed();
  const auto encoded = Encode(StreamOf({batch, batch->Slice(2)}), Format::kParquet);
  ASSERT_FALSE(encoded.failure) << encoded.failure->ToString();
  const auto table = ReadParquet(encoded.bytes);
  ASSERT_TRUE(table);
  const auto expected = arrow::Table::FromRecordBatches({batch, batch->Slice(2)}).ValueOrDie();
  ASSERT_EQ(table->num_rows(), 6);
  for (const char* name : {"i", "s", "b", "d", "l"}) {
    EXPECT_TRUE(table->GetColumnByName(name)->Equals(*expected->GetColumnByName(name))) << name;
  }
}

TEST(Parquet, IsWrittenOneRowGroupAtATime) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches(40, Numbers(100'000));
  int row_groups = 0;
  const auto encoded = Encode(StreamOf(batches), Format::kParquet);
  ASSERT_TRUE(ReadParquet(encoded.bytes, &row_groups));
  EXPECT_GE(row_groups, 3);  // 32 MB of input, 8 MiB each
  EXPECT_GE(encoded.chunks, 4U);
  EXPECT_LT(encoded.largest, 8U << 20);
}

TEST(Parquet, EmptyResultIsAFile) {
  const auto none = BatchOf({{"a", ArrayOf(arrow::int32(), "[]")}});
  const auto table = ReadParquet(Encode(StreamOf({none}), Format::kParquet).bytes);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->num_columns(), 1);
  EXPECT_EQ(table->num_rows(), 0);
}

TEST(Parquet, TypesItCannotHoldAreRefusedByName) {
  const auto batch = BatchOf({{"m", ArrayOf(arrow::month_interval(), "[1]")}});
  const auto encoded = Encode(StreamOf({batch}), Format::kParquet);
  ASSERT_TRUE(encoded.failure);
  EXPECT_EQ(encoded.failure->code(), "result.unsupported_type");
  EXPECT_EQ(encoded.bytes, "");
}

TEST(Negotiate, PicksByQualityAndName) {
  const auto format = [](std::string_view accept) {
    auto chosen = Negotiate(accept);
    EXPECT_TRUE(chosen) << accept;
    return chosen ? chosen->format : Format::kJson;
  };
  EXPECT_EQ(format(""), Format::kJson);
  EXPECT_EQ(format("*/*"), Format::kJson);
  EXPECT_EQ(format("text/csv"), Format::kCsv);
  EXPECT_EQ(format("text/*"), Format::kCsv);
  EXPECT_EQ(format("TEXT/CSV; header=present"), Format::kCsv);
  EXPECT_EQ(format("application/x-ndjson, application/json;q=0.5"), Format::kNdjson);
  EXPECT_EQ(format("application/json;q=0.5, application/x-ndjson"), Format::kNdjson);
  EXPECT_EQ(format("*/*, application/vnd.apache.parquet"), Format::kParquet);
  EXPECT_EQ(format("text/html,application/xhtml+xml,*/*;q=0.8"), Format::kJson);
  EXPECT_EQ(format("application/vnd.apache.arrow.stream"), Format::kArrowStream);
}

TEST(Negotiate, ReadsTheCompressionOfArrow) {
  const std::string type = "application/vnd.apache.arrow.stream";
  EXPECT_EQ(Negotiate(type)->compression, Compression::kNone);
  EXPECT_EQ(Negotiate(type + ";compression=zstd")->compression, Compression::kZstd);
  EXPECT_EQ(Negotiate(type + "; compression=\"LZ4\"")->compression, Compression::kLz4);
  const auto fallback = Negotiate(type + ";compression=brotli, " + type + ";q=0.1");
  EXPECT_EQ(fallback->format, Format::kArrowStream);
  EXPECT_EQ(fallback->compression, Compression::kNone);
}

TEST(Negotiate, RefusesWhatItHasNot) {
  for (const char* accept : {"text/html", "application/json;q=0", "image/*", "application/json;q=x",
                             ";;;,,,", "application/vnd.apache.arrow.stream;compression=xz"}) {
    const auto chosen = Negotiate(accept);
    ASSERT_FALSE(chosen) << accept;
    EXPECT_EQ(chosen.error().code(), "request.not_acceptable");
    EXPECT_FALSE(chosen.error().hints().empty());
  }
}

}  // namespace
}  // namespace nstarx::result
