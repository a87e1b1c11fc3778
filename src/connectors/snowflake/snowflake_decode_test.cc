#include "connectors/snowflake/snowflake_decode.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <arrow/util/compression.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/base64.h"
#include "connectors/snowflake/snowflake_result.h"

namespace nstarx::connectors::snowflake {
namespace {

/// Braces around one value would copy it instead.
template <class... Values>
json::array Listed(Values... values) {
  json::array out;
  (out.emplace_back(std::move(values)), ...);
  return out;
}

std::vector<DeclaredColumn> Declared(json::object column, const ValueSettings& settings = {}) {
  if (!column.contains("name")) column["name"] = "c";
  auto columns = ReadColumns(Listed(std::move(column)), settings);
  EXPECT_TRUE(columns);
  return *columns;
}

template <class Builder, class... Arguments>
std::shared_ptr<arrow::Array> Made(Builder builder, Arguments... values) {
  EXPECT_TRUE((builder.Append(values).ok() && ...));
  EXPECT_TRUE(builder.AppendNull().ok());
  return *builder.Finish();
}

std::string Decoded(std::vector<DeclaredColumn> columns,
                    const std::shared_ptr<arrow::Array>& sent) {
  const auto schema = ResultSchema(columns, nullptr);
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("c", sent->type())}),
                                              sent->length(), {sent});
  const auto out = DecodeArrow(columns, schema, *batch);
  if (!out) return out.error().code();
  EXPECT_TRUE((*out)->ValidateFull().ok());
  std::string text = (*out)->column(0)->type()->ToString() + ":";
  for (int64_t i = 0; i < (*out)->num_rows(); ++i) {
    text += " " + (*(*out)->column(0)->GetScalar(i))->ToString();
  }
  return text;
}

std::string RowsOf(std::vector<DeclaredColumn> columns, const json::value& cell) {
  const auto schema = ResultSchema(columns, nullptr);
  const auto out = DecodeRows(columns, schema, Listed(Listed(cell)));
  if (!out) return out.error().code();
  return (*(*out)->column(0)->GetScalar(0))->ToString();
}

std::shared_ptr<arrow::Array> EpochAndFraction(int64_t epoch, int32_t fraction) {
  return *arrow::StructArray::Make(
      {Made(arrow::Int64Builder(), epoch), Made(arrow::Int32Builder(), fraction)},
      std::vector<std::string>{"epoch", "fraction"});
}

const json::object kTimestamp = {{"type", "timestamp_ntz"}, {"scale", 9}};

TEST(DecodeArrow, NumbersAreScaledIntegersOfAnyWidth) {
  const auto declared = Declared({{"type", "fixed"}, {"precision", 10}, {"scale", 2}});
  EXPECT_EQ(Decoded(declared, Made(arrow::Int8Builder(), int8_t{-5})),
            "decimal128(10, 2): -0.05 null");
  EXPECT_EQ(Decoded(declared, Made(arrow::Int64Builder(), int64_t{1234567890})),
            "decimal128(10, 2): 12345678.90 null");
  EXPECT_EQ(Decoded(declared, Made(arrow::StringBuilder(), "1")), "response.malformed");
  EXPECT_EQ(Decoded(Declared({{"type", "fixed"}, {"precision", 18}, {"scale", 0}}),
                    Made(arrow::Int16Builder(), int16_t{300})),
            "int64: 300 null");
}

TEST(DecodeArrow, WideIntegersFitOrFail) {
  const json::object column = {{"type", "fixed"}, {"precision", 38}, {"scale", 0}};
  const arrow::Decimal128 big("99999999999999999999999999999999999999");
  const auto sent = Made(arrow::Decimal128Builder(arrow::decimal128(38, 0)), big);
  EXPECT_EQ(Decoded(Declared(column), sent),
            "decimal128(38, 0): 99999999999999999999999999999999999999 null");
  EXPECT_EQ(Decoded(Declared(column, {.wide_integers_as_int64 = true}), sent),
            "result.value_not_exact");
}

TEST(DecodeArrow, TimestampsKeepNanoseconds) {
  EXPECT_EQ(Decoded(Declared(kTimestamp), EpochAndFraction(1, 5)),
            "timestamp[ns]: 1970-01-01 00:00:01.000000005 null");
  EXPECT_EQ(Decoded(Declared(kTimestamp), EpochAndFraction(-1, 999'999'999)),
            "timestamp[ns]: 1969-12-31 23:59:59.999999999 null");
  EXPECT_EQ(Decoded(Declared({{"type", "timestamp_ltz"}, {"scale", 3}}),
                    Made(arrow::Int64Builder(), int64_t{-1})),
            "timestamp[us, tz=UTC]: 1969-12-31 23:59:59.999000Z null");
}

TEST(DecodeArrow, TimestampsWithoutPlaceAreErrors) {
  const int64_t year_9999 = 253'402'300'799;
  EXPECT_EQ(Decoded(Declared(kTimestamp), EpochAndFraction(year_9999, 0)),
            "result.value_not_exact");
  const ValueSettings micros{.microseconds = true};
  EXPECT_EQ(Decoded(Declared(kTimestamp, micros), EpochAndFraction(year_9999, 999'999'000)),
            "timestamp[us]: 9999-12-31 23:59:59.999999 null");
  EXPECT_EQ(Decoded(Declared(kTimestamp, micros), EpochAndFraction(0, 1)),
            "result.value_not_exact");
  EXPECT_EQ(Decoded(Declared(kTimestamp), EpochAndFraction(0, -1)), "response.malformed");
  EXPECT_EQ(Decoded(Declared(kTimestamp), EpochAndFraction(0, 1'000'000'000)),
            "response.malformed");
  for (const int64_t far :
       {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(Decoded(Declared(kTimestamp, micros), EpochAndFraction(far, 999'999'000)),
              "result.value_not_exact");
  }
}

TEST(DecodeArrow, TimesAreWithinTheDay) {
  const auto declared = Declared({{"type", "time"}, {"scale", 9}});
  EXPECT_EQ(Decoded(declared, Made(arrow::Int64Builder(), int64_t{86'399'999'999'999})),
            "time64[ns]: 23:59:59.999999999 null");
  EXPECT_EQ(Decoded(declared, Made(arrow::Int64Builder(), int64_t{86'400'000'000'000})),
            "result.value_not_exact");
}

TEST(DecodeArrow, DecimalFloatsAreText) {
  const auto sent =
      *arrow::StructArray::Make({Made(arrow::Int16Builder(), int16_t{-3}),
                                 Made(arrow::BinaryBuilder(), std::string_view("\x04\xd2", 2))},
                                std::vector<std::string>{"exponent", "significand"});
  const auto schema = Declared({{"type", "decfloat"}});
  EXPECT_EQ(Decoded(schema, sent->Slice(0, 1)), "string: 1234E-3");
}

TEST(DecodeArrow, HostileTextIsNoString) {
  const auto sent = Made(arrow::StringBuilder(), "\xff\xfe");
  EXPECT_EQ(Decoded(Declared({{"type", "text"}}), sent), "result.value_not_exact");
}

TEST(DecodeRows, ReadsTheServicesTexts) {
  EXPECT_EQ(RowsOf(Declared({{"type", "fixed"}, {"precision", 38}, {"scale", 3}}), "-0.5"),
            "-0.500");
  EXPECT_EQ(RowsOf(Declared({{"type", "boolean"}}), "1"), "true");
  EXPECT_EQ(RowsOf(Declared({{"type", "date"}}), "-1"), "1969-12-31");
  EXPECT_EQ(RowsOf(Declared(kTimestamp), "-1.500000000"), "1969-12-31 23:59:58.500000000");
  EXPECT_EQ(RowsOf(Declared({{"type", "timestamp_tz"}, {"scale", 9}}), "0.000000001 1560"),
            "1970-01-01 00:00:00.000000001Z");
  EXPECT_EQ(RowsOf(Declared({{"type", "real"}}), "-Infinity"), "-inf");
  EXPECT_EQ(RowsOf(Declared({{"type", "variant"}}), R"({"a": 1})"), R"({"a": 1})");
  EXPECT_EQ(RowsOf(Declared({{"type", "text"}}), nullptr), "null");
}

TEST(DecodeRows, WhatDoesNotFitNamesTheColumn) {
  const auto number = Declared({{"type", "fixed"}, {"precision", 5}, {"scale", 0}});
  for (const char* bad : {"", "x", "1.5", "99999999999999999999"}) {
    EXPECT_EQ(RowsOf(number, bad), "result.value_not_exact") << bad;
  }
  for (const char* bad : {"", "-", "1.0000000001", "x.5", "99999999999999999999"}) {
    EXPECT_EQ(RowsOf(Declared(kTimestamp), bad), "result.value_not_exact") << bad;
  }
  for (const char* bad : {"0", "zz", "0g"}) {
    EXPECT_EQ(RowsOf(Declared({{"type", "binary"}}), bad), "result.value_not_exact") << bad;
  }
  EXPECT_EQ(RowsOf(Declared({{"type", "date"}}), "4294967296"), "result.value_not_exact");
}

std::string Stream(const std::shared_ptr<arrow::Array>& column) {
  const auto schema = arrow::schema({arrow::field("c", column->type())});
  const auto sink = *arrow::io::BufferOutputStream::Create();
  const auto writer = *arrow::ipc::MakeStreamWriter(sink, schema);
  EXPECT_TRUE(
      writer->WriteRecordBatch(*arrow::RecordBatch::Make(schema, column->length(), {column})).ok());
  EXPECT_TRUE(writer->Close().ok());
  return (*sink->Finish())->ToString();
}

/// The rows of an answer, or the code of what went wrong.
std::string Answer(json::object data) {
  const auto account = ReadAccount({{"account", "a"}});
  auto stream = OpenResult(Context(), std::make_shared<const Account>(*account), std::move(data));
  if (!stream) return stream.error().code();
  if ((*stream)->rows_affected() >= 0)
    return "changed " + std::to_string((*stream)->rows_affected());
  int64_t rows = 0;
  while (true) {
    const auto batch = (*stream)->Next(Context());
    if (!batch) return batch.error().code();
    if (!*batch) return std::to_string(rows);
    rows += (*batch)->num_rows();
  }
}

json::object ArrowAnswer(std::string_view bytes) {
  std::string encoded;
  AppendBase64(bytes, &encoded);
  return {{"rowtype", Listed(json::object{{"name", "c"}, {"type", "fixed"}, {"precision", 9}})},
          {"queryResultFormat", "arrow"},
          {"rowsetBase64", encoded}};
}

TEST(Result, ReadsWhatCameWithTheAnswer) {
  EXPECT_EQ(Answer(ArrowAnswer(Stream(Made(arrow::Int32Builder(), 1, 2)))), "3");
  EXPECT_EQ(Answer({{"rowtype", Listed(json::object{{"name", "c"}, {"type", "text"}})},
                    {"queryResultFormat", "json"},
                    {"rowset", Listed(Listed("a"))}}),
            "1");
  EXPECT_EQ(Answer({{"statementTypeId", 0x3400},
                    {"rowtype", Listed(json::object{{"name", "c"}, {"type", "fixed"}})},
                    {"rowset", Listed(Listed("2", "3"))}}),
            "changed 5");
}

TEST(Result, BrokenStreamsAreErrors) {
  const std::string whole = Stream(Made(arrow::Int32Builder(), 1, 2));
  for (size_t size = 1; size + 8 < whole.size(); size += 7) {
    const std::string answer = Answer(ArrowAnswer(whole.substr(0, size)));
    EXPECT_TRUE(answer == "response.malformed" || answer == "0") << size << " " << answer;
  }
  for (size_t place = 0; place < whole.size(); place += 3) {
    std::string broken = whole;
    broken[place] = static_cast<char>(broken[place] ^ 0x55);
    // Whatever it is read as: it ends, within memory.
    EXPECT_FALSE(Answer(ArrowAnswer(broken)).empty());
  }
  EXPECT_EQ(Answer({{"rowtype", Listed(json::object{{"name", "c"}, {"type", "text"}})},
                    {"queryResultFormat", "arrow"},
                    {"rowsetBase64", "%%%"}}),
            "response.malformed");
  EXPECT_EQ(Answer({{"rowtype", Listed(1)}}), "response.malformed");
}

TEST(Result, UnpacksWithinBounds) {
  const std::string plain(1 << 20, 'x');
  const auto codec = *arrow::util::Codec::Create(arrow::Compression::GZIP);
  std::string packed(
      static_cast<size_t>(codec->MaxCompressedLen(static_cast<int64_t>(plain.size()),
                                                  reinterpret_cast<const uint8_t*>(plain.data()))),
      '\0');
  const auto size = codec->Compress(
      static_cast<int64_t>(plain.size()), reinterpret_cast<const uint8_t*>(plain.data()),
      static_cast<int64_t>(packed.size()), reinterpret_cast<uint8_t*>(packed.data()));
  ASSERT_TRUE(size.ok());
  packed.resize(static_cast<size_t>(*size));
  EXPECT_EQ(*Unpack(packed, 2 << 20), plain);
  EXPECT_EQ(Unpack(packed, 1 << 19).error().code(), "response.malformed");
  EXPECT_EQ(Unpack(packed.substr(0, 12) + "garbage", 2 << 20).error().code(), "response.malformed");
  EXPECT_EQ(*Unpack("plain", 10), "plain");
}

}  // namespace
}  // namespace nstarx::connectors::snowflake
