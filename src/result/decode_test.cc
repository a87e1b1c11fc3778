#include <arrow/array.h>
#include <arrow/table.h>

#include "result/test_streams.h"

namespace nstarx::result {
namespace {

constexpr const char* kArrow = "application/vnd.apache.arrow.stream";
constexpr const char* kParquet = "application/vnd.apache.parquet";

std::shared_ptr<arrow::RecordBatch> Orders() {
  return BatchOf({{"id", ArrayOf(arrow::int64(), "[1, 2, 3]")},
                  {"name", ArrayOf(arrow::utf8(), R"(["a", null, "č"])")},
                  {"price", ArrayOf(arrow::decimal128(12, 2), R"(["1.50", null, "-2.00"])")}});
}

TEST(Decode, ArrowAndParquetReadBackEqual) {
  const auto batch = Orders();
  for (const auto& [format, type] :
       {std::pair{Format::kArrowStream, kArrow}, {Format::kParquet, kParquet}}) {
    const auto encoded = Encode(StreamOf({batch, batch}), format, Compression::kZstd);
    const auto decoded = Decode(std::make_unique<TextBody>(encoded.bytes, 13), type);
    ASSERT_FALSE(decoded.failure) << decoded.failure->ToString();
    EXPECT_EQ(decoded.rows, 6);
    const auto table = arrow::Table::FromRecordBatches(decoded.batches).ValueOrDie();
    EXPECT_TRUE(table->Equals(*arrow::Table::FromRecordBatches({batch, batch}).ValueOrDie()))
        << table->ToString();
  }
}

TEST(Decode, BatchesOutliveTheirStream) {
  const auto encoded = Encode(StreamOf({Orders()}), Format::kArrowStream);
  const auto batches = Decode(encoded.bytes, kArrow).batches;
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_TRUE(batches[0]->Equals(*Orders()));
}

TEST(Decode, CsvKnowsNullFromEmptyAndKeepsLeadingZeros) {
  const auto decoded = Decode(
      "id,zip,name,price,none,day\r\n1,007,\"\",1.5,,2024-02-29\r\n2,12345,,2.25,,\r\n"
      "3,,\"a \"\"b\"\",\nc\",,,2024-03-01",
      "text/csv; charset=utf-8");
  ASSERT_FALSE(decoded.failure) << decoded.failure->ToString();
  ASSERT_EQ(decoded.batches.size(), 1U);
  const auto expected = BatchOf({{"id", ArrayOf(arrow::int64(), "[1, 2, 3]")},
                                 {"zip", ArrayOf(arrow::utf8(), R"(["007", "12345", null])")},
                                 {"name", ArrayOf(arrow::utf8(), R"(["", null, "a \"b\",\nc"])")},
                                 {"price", ArrayOf(arrow::float64(), "[1.5, 2.25, null]")},
                                 {"none", ArrayOf(arrow::utf8(), "[null, null, null]")},
                                 {"day", ArrayOf(arrow::date32(), "[19782, null, 19783]")}});
  EXPECT_TRUE(decoded.batches[0]->Equals(*expected)) << decoded.batches[0]->ToString();
}

TEST(Decode, NdjsonReadsNestedValues) {
  const auto decoded = Decode(R"({"a": 1, "s": "x", "l": [1, 2], "o": {"k": true}})"
                              "\n"
                              R"({"a": 2, "s": null, "l": [], "o": null})",
                              "application/x-ndjson");
  ASSERT_FALSE(decoded.failure) << decoded.failure->ToString();
  EXPECT_EQ(decoded.rows, 2);
  EXPECT_EQ(decoded.schema->ToString(),
            "a: int64\ns: string\nl: list<item: int64>\no: struct<k: bool>");
}

// Several blocks of text: the types of the first hold for the rest, in bounded batches.
TEST(Decode, TextStreamsInBlocks) {
  std::string csv = "n,s\n";
  std::string ndjson;
  for (int i = 0; i < 600'000; ++i) {
    csv += std::to_string(i) + ",\"line\n" + std::to_string(i) + "\"\n";
    ndjson += "{\"n\":" + std::to_string(i) + ",\"s\":\"x\"}\n";
  }
  for (const auto& [text, type] :
       {std::pair{&csv, "text/csv"}, {&ndjson, "application/x-ndjson"}}) {
    const auto decoded = Decode(std::make_unique<TextBody>(*text, 100'000), type);
    ASSERT_FALSE(decoded.failure) << decoded.failure->ToString();
    EXPECT_EQ(decoded.rows, 600'000);
    EXPECT_GE(decoded.batches.size(), 3U);
    int64_t expected = 0;
    for (const auto& batch : decoded.batches) {
      const auto& column = static_cast<const arrow::Int64Array&>(*batch->column(0));
      for (int64_t i = 0; i < column.length(); ++i) ASSERT_EQ(column.Value(i), expected++);
    }
  }
}

void ExpectRefused(const std::string& bytes, std::string_view type, std::string_view code) {
  const auto decoded = Decode(bytes, type);
  ASSERT_TRUE(decoded.failure) << type << ": " << bytes.substr(0, 40);
  EXPECT_EQ(decoded.failure->code(), code) << decoded.failure->ToString();
  EXPECT_FALSE(decoded.failure->message().empty());
}

TEST(Decode, RefusesWrongData) {
  ExpectRefused("", kArrow, "request.malformed_data");
  ExpectRefused(std::string("\x08\0\0\0garbage!", 12), kArrow, "request.malformed_data");
  ExpectRefused("hello world, this is no arrow", kArrow, "request.too_large");
  ExpectRefused("", kParquet, "request.malformed_data");
  ExpectRefused("PAR1PAR1", kParquet, "request.malformed_data");
  ExpectRefused("", "text/csv", "request.empty_body");
  ExpectRefused("a,b\n1,2\n3\n", "text/csv", "request.malformed_data");
  ExpectRefused("a,a\n1,2\n", "text/csv", "request.malformed_data");
  ExpectRefused("", "application/x-ndjson", "request.empty_body");
  ExpectRefused("{\"a\":1}\n{\"a\":\"x\"}\n", "application/x-ndjson", "request.malformed_data");
  ExpectRefused("{\"a\":", "application/x-ndjson", "request.malformed_data");
  ExpectRefused("{\"a\":" + std::string(100'000, '[') + "\n", "application/x-ndjson",
                "request.malformed_data");
  ExpectRefused("a\n" + std::string("\"") + std::string(18 << 20, 'x'), "text/csv",
                "request.too_large");
  ExpectRefused("x", "text/html", "request.unsupported_media_type");
  ExpectRefused("x", "", "request.unsupported_media_type");
}

TEST(Decode, AClaimedLengthCostsNothing) {
  // A continuation marker and a metadata length of 2 GiB that never comes.
  ExpectRefused(std::string("\xFF\xFF\xFF\xFF\xF8\xFF\xFF\x7F", 8), kArrow, "request.too_large");
}

// Every truncation and every flipped byte gives rows or a typed error, nothing else.
TEST(Decode, DamagedBytesNeverCrash) {
  int refused = 0;
  for (const auto& [format, type] :
       {std::pair{Format::kArrowStream, kArrow}, {Format::kParquet, kParquet}}) {
    const std::string good = Encode(StreamOf({Orders()}), format).bytes;
    for (size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
      for (const std::string& bytes : {bad, good.substr(0, i)}) {
        const auto decoded = Decode(bytes, type);
        if (!decoded.failure) continue;
        ++refused;
        EXPECT_TRUE(decoded.failure->code().starts_with("request.")) << decoded.failure->ToString();
      }
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Decode, AFailingUploadIsReportedAsItself) {
  const auto encoded = Encode(StreamOf({Orders()}), Format::kArrowStream);
  for (const char* type : {kArrow, kParquet, "text/csv", "application/x-ndjson"}) {
    const auto decoded = Decode(std::make_unique<TextBody>(encoded.bytes.substr(0, 40), 16,
                                                           Cancelled("the client hung up")),
                                type);
    ASSERT_TRUE(decoded.failure) << type;
    EXPECT_EQ(decoded.failure->kind(), ErrorKind::kCancelled) << type;
  }
}

}  // namespace
}  // namespace nstarx::result
