#include "connectors/messages/avro_decoder.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

namespace nstarx::connectors::messages {
namespace {

AvroTypePtr Read(std::string_view schema) {
  AvroSchemaReader reader;
  auto read = reader.Read(schema);
  EXPECT_TRUE(read) << schema;
  return *read;
}

/// A number as Avro writes it.
std::string Long(int64_t number) {
  uint64_t bits = (static_cast<uint64_t>(number) << 1U) ^ static_cast<uint64_t>(number >> 63);
  std::string out;
  while (bits > 0x7f) {
    out += static_cast<char>((bits & 0x7fU) | 0x80U);
    bits >>= 7U;
  }
  return out + static_cast<char>(bits);
}
std::string Text(std::string_view text) {
  return Long(static_cast<int64_t>(text.size())) + std::string(text);
}
template <class T>
std::string Raw(T value) {
  std::string out(sizeof(T), '\0');
  std::memcpy(out.data(), &value, sizeof(T));
  return out;
}

/// What Arrow prints of the one value, or the error's code.
std::string Decode(std::string_view schema, const std::string& bytes) {
  const AvroTypePtr type = Read(schema);
  AvroDecoder decoder(type->arrow);
  const auto appended = decoder.Append(*type, bytes);
  auto column = decoder.Finish();
  EXPECT_TRUE(column);
  EXPECT_TRUE((*column)->ValidateFull().ok());
  EXPECT_TRUE((*column)->type()->Equals(*type->arrow));
  if (!appended) {
    EXPECT_EQ((*column)->length(), 0);  // nothing of it is left
    return appended.error().code();
  }
  EXPECT_EQ((*column)->length(), 1);
  return (*(*column)->GetScalar(0))->ToString();
}

TEST(AvroDecoder, NumbersAtTheirExtremes) {
  using L = std::numeric_limits<int64_t>;
  using I = std::numeric_limits<int32_t>;
  for (const int64_t number : {L::min(), L::max(), int64_t{0}, int64_t{-1}, int64_t{64}}) {
    EXPECT_EQ(Decode(R"("long")", Long(number)), std::to_string(number));
  }
  EXPECT_EQ(Decode(R"("int")", Long(I::min())), "-2147483648");
  EXPECT_EQ(Decode(R"("int")", Long(I::max())), "2147483647");
  EXPECT_EQ(Decode(R"("int")", Long(int64_t{I::max()} + 1)), "stream.not_avro");
  EXPECT_EQ(Decode(R"("int")", Long(int64_t{I::min()} - 1)), "stream.not_avro");
  EXPECT_EQ(Decode(R"("long")", std::string(10, '\xff')), "stream.not_avro");
  EXPECT_EQ(Decode(R"("long")", std::string(9, '\xff') + "\x02"), "stream.not_avro");
  EXPECT_EQ(Decode(R"("long")", "\x80"), "stream.not_avro");
  EXPECT_EQ(Decode(R"("long")", ""), "stream.not_avro");
  EXPECT_EQ(Decode(R"("double")", Raw(-0.1)), "-0.1");
  EXPECT_EQ(Decode(R"("float")", Raw(std::numeric_limits<float>::infinity())), "inf");
  EXPECT_EQ(Decode(R"("double")", Raw(0.1F)), "stream.not_avro");
  EXPECT_EQ(Decode(R"("boolean")", "\x01"), "true");
  EXPECT_EQ(Decode(R"("boolean")", "\x02"), "stream.not_avro");
  EXPECT_EQ(Decode(R"("null")", ""), "null");
  EXPECT_EQ(Decode(R"("null")", "x"), "stream.not_avro");  // bytes after the end
}

TEST(AvroDecoder, TextAndBytes) {
  EXPECT_EQ(Decode(R"("string")", Text("é")), "é");
  EXPECT_EQ(Decode(R"("string")", Text("")), "");
  EXPECT_EQ(Decode(R"("string")", Text("\xff")), "stream.not_avro");
  EXPECT_EQ(Decode(R"("string")", Long(100) + "short"), "stream.not_avro");
  EXPECT_EQ(Decode(R"("string")", Long(-1) + "x"), "stream.not_avro");
  EXPECT_EQ(Decode(R"("string")", Long(std::numeric_limits<int64_t>::max())), "stream.not_avro");
  EXPECT_EQ(Decode(R"("bytes")", Text(std::string("\0\xff", 2))), std::string("\0\xff", 2));
  constexpr auto kFixed = R"({"type": "fixed", "name": "f", "size": 2})";
  EXPECT_EQ(Decode(kFixed, "ab"), "ab");
  EXPECT_EQ(Decode(kFixed, "a"), "stream.not_avro");
  constexpr auto kEnum = R"({"type": "enum", "name": "e", "symbols": ["A", "B"]})";
  EXPECT_EQ(Decode(kEnum, Long(1)), "B");
  EXPECT_EQ(Decode(kEnum, Long(2)), "stream.not_avro");
  EXPECT_EQ(Decode(kEnum, Long(-1)), "stream.not_avro");
  constexpr auto kUuid = R"({"type": "fixed", "name": "u", "size": 16, "logicalType": "uuid"})";
  EXPECT_EQ(Decode(kUuid, std::string("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17"
                                      "\x40\x00",
                                      16)),
            "123e4567-e89b-12d3-a456-426614174000");
}

TEST(AvroDecoder, Decimals) {
  constexpr auto kSmall =
      R"({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2})";
  EXPECT_EQ(Decode(kSmall, Text("\x27\x0f")), "99.99");
  EXPECT_EQ(Decode(kSmall, Text("\xff")), "-0.01");
  EXPECT_EQ(Decode(kSmall, Text("\xd8\xf1")), "-99.99");
  EXPECT_EQ(Decode(kSmall, Text("\x27\x10")), "stream.not_avro");  // 100.00 has five digits
  EXPECT_EQ(Decode(kSmall, Text("")), "stream.not_avro");
  EXPECT_EQ(Decode(kSmall, Text(std::string(60, '\xff'))), "-0.01");
  EXPECT_EQ(Decode(kSmall, Text(std::string(60, '\x01'))), "stream.not_avro");
  constexpr auto kWide =
      R"({"type": "fixed", "name": "d", "size": 33, "logicalType": "decimal", "precision": 76})";
  EXPECT_EQ(Decode(kWide, std::string(33, '\xff')), "-1");
  EXPECT_EQ(Decode(kWide, std::string("\0", 1) + std::string(32, '\x7f')), "stream.not_avro");
}

TEST(AvroDecoder, Times) {
  EXPECT_EQ(Decode(R"({"type": "int", "logicalType": "date"})", Long(-1)), "1969-12-31");
  constexpr auto kTime = R"({"type": "int", "logicalType": "time-millis"})";
  EXPECT_EQ(Decode(kTime, Long(86'399'999)), "23:59:59.999");
  EXPECT_EQ(Decode(kTime, Long(86'400'000)), "stream.not_avro");
  EXPECT_EQ(Decode(kTime, Long(-1)), "stream.not_avro");
  constexpr auto kMicros = R"({"type": "long", "logicalType": "time-micros"})";
  EXPECT_EQ(Decode(kMicros, Long(86'399'999'999)), "23:59:59.999999");
  EXPECT_EQ(Decode(kMicros, Long(86'400'000'000)), "stream.not_avro");
  EXPECT_EQ(Decode(R"({"type": "long", "logicalType": "timestamp-micros"})", Long(-1)),
            "1969-12-31 23:59:59.999999Z");
  constexpr auto kDuration =
      R"({"type": "fixed", "name": "d", "size": 12, "logicalType": "duration"})";
  EXPECT_EQ(Decode(kDuration, Raw(uint32_t{1}) + Raw(uint32_t{2}) + Raw(uint32_t{3})),
            "1M2d3000000ns");
  EXPECT_EQ(Decode(kDuration, Raw(uint32_t{1}) + Raw(uint32_t{2}) + Raw(~uint32_t{0})),
            "1M2d4294967295000000ns");
  EXPECT_EQ(Decode(kDuration, Raw(~uint32_t{0}) + Raw(uint32_t{2}) + Raw(uint32_t{3})),
            "stream.not_avro");
}

TEST(AvroDecoder, Nested) {
  constexpr auto kRecord = R"({"type": "record", "name": "r", "fields": [
      {"name": "id", "type": "long"},
      {"name": "tags", "type": {"type": "array", "items": ["null", "string"]}},
      {"name": "more", "type": {"type": "map", "values": {"type": "record", "name": "s",
          "fields": [{"name": "x", "type": ["int", "null"]}]}}},
      {"name": "any", "type": ["null", "int", "string", "s"]}]})";
  const std::string row = Long(7) + Long(-2) + Long(4) + Long(1) + Text("a") + Long(0) + Long(1) +
                          Long(1) + Text("b") + Long(0) + Long(1) + Text("k") + Long(0) + Long(5) +
                          Long(0) + Long(3) + Long(1);
  const AvroTypePtr type = Read(kRecord);
  AvroDecoder decoder(type->arrow);
  ASSERT_TRUE(decoder.Append(*type, row));
  ASSERT_TRUE(decoder.AppendNull());
  ASSERT_TRUE(decoder.Append(*type, Long(8) + Long(0) + Long(0) + Long(0)));
  ASSERT_TRUE(decoder.Append(*type, Long(9) + Long(0) + Long(0) + Long(2) + Text("t")));
  const auto column = decoder.Finish();
  ASSERT_TRUE(column);
  ASSERT_TRUE((*column)->ValidateFull().ok());
  ASSERT_EQ((*column)->length(), 4);
  EXPECT_EQ((*(*column)->GetScalar(0))->ToString(),
            "{id:int64 = 7, tags:list<item: string> = list<item: string>[a, null, b], "
            "more:map<string, struct<x: int32>> = map<string, struct<x: int32>>"
            "[{key:string = k, value:struct<x: int32> = {x:int32 = 5}}], "
            "any:struct<branch: string not null, int: int32, string: string, s: struct<x: int32>> "
            "= {branch:string = s, int:int32 = null, string:string = null, "
            "s:struct<x: int32> = {x:int32 = null}}}");
  EXPECT_TRUE((*column)->IsNull(1));
  const auto& rows = static_cast<const arrow::StructArray&>(**column);
  EXPECT_TRUE(rows.field(3)->IsNull(2));
  EXPECT_FALSE(rows.field(3)->IsNull(3));
  // Every cut of it is refused and leaves nothing.
  for (size_t size = 0; size < row.size(); ++size) {
    EXPECT_EQ(Decode(kRecord, row.substr(0, size)), "stream.not_avro") << size;
  }
}

TEST(AvroDecoder, AnErrorNamesTheField) {
  const AvroTypePtr type = Read(R"({"type": "record", "name": "r", "fields": [
      {"name": "list", "type": {"type": "array", "items": {"type": "record", "name": "s",
          "fields": [{"name": "x", "type": ["int", "string"]}]}}}]})");
  AvroDecoder decoder(type->arrow);
  const auto refused = decoder.Append(*type, Long(1) + Long(1) + Text("\xff") + Long(0));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().details().at("field"), "list.[].x.string");
}

TEST(AvroDecoder, CountsAreNotBelieved) {
  constexpr auto kNothing = R"({"type": "array", "items": "null"})";
  constexpr auto kEmpty =
      R"({"type": "array", "items": {"type": "record", "name": "r", "fields": []}})";
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  for (const char* schema : {kNothing, kEmpty}) {
    EXPECT_EQ(Decode(schema, Long(kMost) + Long(0)), "stream.value_too_large");
    EXPECT_EQ(Decode(schema, Long(-kMost) + Long(0) + Long(0)), "stream.value_too_large");
    EXPECT_EQ(Decode(schema, Long(-kMost - 1) + Long(0) + Long(0)), "stream.not_avro");
    std::string blocks;
    for (int i = 0; i < 100; ++i) blocks += Long(1'000'000);
    EXPECT_EQ(Decode(schema, blocks + Long(0)), "stream.value_too_large");
  }
  EXPECT_EQ(Decode(R"({"type": "array", "items": "int"})", Long(1'000'000) + Long(1)),
            "stream.not_avro");
  EXPECT_EQ(Decode(R"({"type": "array", "items": "int"})", Long(-1) + Long(-5) + Long(1) + Long(0)),
            "stream.not_avro");
  EXPECT_EQ(Decode(R"({"type": "map", "values": "null"})", Long(kMost) + Long(0)),
            "stream.value_too_large");
  EXPECT_EQ(Decode(R"({"type": "map", "values": "null"})", Long(1) + Text("\xff") + Long(0)),
            "stream.not_avro");
  EXPECT_EQ(Decode(R"(["null", "int"])", Long(2)), "stream.not_avro");
  EXPECT_EQ(Decode(R"(["null", "int"])", Long(-1)), "stream.not_avro");
  EXPECT_EQ(Decode(R"(["string", "int"])", Long(7)), "stream.not_avro");
}

TEST(AvroDecoder, AUnionOfManyIsChargedForAllItsBranches) {
  std::string branches = R"("int")";
  for (int i = 0; i < 1000; ++i) {
    branches += fmt::format(R"(,{{"type": "fixed", "name": "f{}", "size": 0}})", i);
  }
  const std::string schema = R"({"type": "array", "items": [)" + branches + "]}";
  std::string items;
  for (int i = 0; i < 20'000; ++i) items += Long(1);
  EXPECT_EQ(Decode(schema, Long(20'000) + items + Long(0)), "stream.value_too_large");
}

TEST(AvroDecoder, SchemasOfOneArrowTypeShareAColumn) {
  const AvroTypePtr first = Read(R"(["null", "string"])");
  const AvroTypePtr second = Read(R"([{"type": "enum", "name": "e", "symbols": ["A"]}, "null"])");
  ASSERT_TRUE(first->arrow->Equals(*second->arrow));
  AvroDecoder decoder(first->arrow);
  ASSERT_TRUE(decoder.Append(*first, Long(1) + Text("x")));
  ASSERT_TRUE(decoder.Append(*second, Long(0) + Long(0)));
  ASSERT_TRUE(decoder.Append(*second, Long(1)));
  const auto column = decoder.Finish();
  ASSERT_TRUE(column);
  EXPECT_EQ((*(*column)->GetScalar(1))->ToString(), "A");
  EXPECT_TRUE((*column)->IsNull(2));
}

}  // namespace
}  // namespace nstarx::connectors::messages
