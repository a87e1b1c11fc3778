#include <arrow/api.h>
#include <gtest/gtest.h>

#include <limits>

#include "connectors/cassandra/cql_client.h"
#include "connectors/cassandra/cql_literals.h"
#include "connectors/cassandra/cql_numbers.h"
#include "connectors/cassandra/cql_rows.h"

namespace nstarx::connectors::cassandra {
namespace {

using std::string_literals::operator""s;

CqlType TypeOf(std::string_view cql) {
  const UdtTable udts{{"address", {.names = {"street", "zip"}, .types = {"text", "int"}}}};
  auto type = ParseCql(cql, udts);
  EXPECT_TRUE(type.has_value()) << cql;
  return type.value_or(CqlType{.kind = CqlKind::kBlob});
}

/// One column with these values, decoded; null for NULL.
Result<std::shared_ptr<arrow::RecordBatch>> Decode(
    std::string_view cql, const std::vector<std::optional<std::string>>& values,
    NumericAs numeric = NumericAs::kText) {
  RowDecoder decoder({{.keyspace = "k", .table = "t", .name = "c", .type = TypeOf(cql)}}, numeric);
  BodyWriter rows;
  for (const auto& value : values) {
    if (value) {
      rows.Bytes(*value);
    } else {
      rows.Null();
    }
  }
  BodyReader reader(rows.text());
  for (size_t i = 0; i < values.size(); ++i) NSTARX_RETURN_IF_ERROR(decoder.Append(reader));
  NSTARX_TRY(auto batch, decoder.Finish());
  EXPECT_TRUE(batch->ValidateFull().ok());
  return batch;
}

std::string Shown(std::string_view cql, const std::string& value,
                  NumericAs numeric = NumericAs::kText) {
  auto batch = Decode(cql, {value}, numeric);
  if (!batch) return batch.error().code() + ": " + batch.error().message();
  return (*(*batch)->column(0)->GetScalar(0))->ToString();
}

std::string Encoded(std::string_view cql, std::string_view text) {
  std::string out;
  EXPECT_EQ(EncodeText(TypeOf(cql), text, &out), "") << text;
  return out;
}

TEST(CqlNumbers, VarintsGoThereAndBack) {
  const std::string big = "-" + std::string(300, '7');
  for (const std::string& text :
       {"0"s, "1"s, "-1"s, "127"s, "128"s, "-128"s, "-129"s, "255"s, "256"s, "4294967296"s,
        "18446744073709551616"s, "-18446744073709551616"s, "1000000000"s, "999999999"s, big}) {
    const auto bytes = VarintBytes(text);
    ASSERT_TRUE(bytes.has_value()) << text;
    EXPECT_EQ(VarintText(*bytes), text);
  }
  EXPECT_EQ(*VarintBytes("128"), "\0\x80"s);
  EXPECT_EQ(*VarintBytes("-128"), "\x80"s);
  EXPECT_EQ(VarintText("\xFF\xFF\xFF"), "-1");  // Not the shortest form, but the same number.
  EXPECT_EQ(VarintText("\x80\0\0\0\0"s), "-549755813888");
  for (const std::string_view text : {"", "-", "+", "1.0", " 1", "1e3", "0x1", "--1"}) {
    EXPECT_FALSE(VarintBytes(text).has_value()) << text;
  }
  EXPECT_FALSE(VarintBytes(std::string(100'000, '9')).has_value());
}

TEST(CqlNumbers, DecimalsKeepTheirScale) {
  for (const std::string& text : {"1.10"s, "0.000001"s, "1E-7"s, "-1.23E-10"s, "1E+3"s, "0"s,
                                  "0.00"s, "-12345678901234567890.0001"s, "1.5E+20"s}) {
    const auto value = ReadDecimal(text);
    ASSERT_TRUE(value.has_value()) << text;
    EXPECT_EQ(DecimalText(value->unscaled, value->scale), text);
  }
  // Text stays short however large the scale is.
  EXPECT_EQ(DecimalText("\1", std::numeric_limits<int32_t>::max()), "1E-2147483647");
  EXPECT_EQ(DecimalText("\1", std::numeric_limits<int32_t>::min()), "1E+2147483648");
  EXPECT_FALSE(ReadDecimal("1E99999999999").has_value());
  EXPECT_FALSE(ReadDecimal("1.2.3").has_value());
}

TEST(CqlWire, VintsGoThereAndBack) {
  for (const uint64_t value :
       {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{16383}, uint64_t{16384},
        (uint64_t{1} << 56) - 1, uint64_t{1} << 56, ~uint64_t{0}}) {
    std::string bytes;
    AppendVint(value, &bytes);
    BodyReader reader(bytes);
    EXPECT_EQ(reader.Vint(), value);
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.left(), 0U);
  }
  BodyReader cut("\xFF\1\2");
  cut.Vint();
  EXPECT_FALSE(cut.ok());
}

TEST(CqlTypes, ReadsWhatTheServerWrites) {
  EXPECT_EQ(ToCql(TypeOf("frozen<map<text, frozen<list<int>>>>")), "map<text, list<int>>");
  EXPECT_EQ(ToCql(TypeOf("vector<float, 3>")), "vector<float, 3>");
  EXPECT_EQ(TypeOf("frozen<address>").field_names.size(), 2U);
  const auto vector = ParseClass(
      "org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.FloatType , 3)");
  ASSERT_TRUE(vector.has_value());
  EXPECT_EQ(*vector, TypeOf("vector<float, 3>"));
  const auto udt = ParseClass("UserType(ks,61,78:Int32Type,79:ListType(UTF8Type))");
  ASSERT_TRUE(udt.has_value());
  EXPECT_EQ(udt->name, "a");
  EXPECT_EQ(udt->field_names, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(ParseClass("com.example.Other")->kind, CqlKind::kCustom);
}

TEST(CqlTypes, RefusesHostileTypes) {
  EXPECT_FALSE(ParseClass("VectorType(FloatType,2000000000)").has_value());
  EXPECT_FALSE(ParseClass("VectorType(FloatType,-1)").has_value());
  EXPECT_FALSE(ParseClass("VectorType(VectorType(FloatType,8192),8192)").has_value());
  EXPECT_FALSE(ParseClass("ListType(VectorType(VectorType(FloatType,8192),8192))").has_value());
  EXPECT_FALSE(ParseClass("ListType(").has_value());
  EXPECT_FALSE(ParseClass("MapType(UTF8Type)").has_value());
  std::string deep = "Int32Type";
  for (int i = 0; i < 100; ++i) deep = "ListType(" + deep + ")";
  EXPECT_FALSE(ParseClass(deep).has_value());
  const UdtTable loop{{"a", {.names = {"x", "y"}, .types = {"frozen<a>", "frozen<a>"}}}};
  EXPECT_FALSE(ParseCql("a", loop).has_value());
  BodyWriter nested;
  for (int i = 0; i < 1000; ++i) nested.Short(0x20);
  BodyReader reader(nested.text());
  ReadType(reader);
  EXPECT_FALSE(reader.ok());
}

TEST(CqlDecode, SimpleTypes) {
  EXPECT_EQ(Shown("int", "\x80\0\0\0"s), "-2147483648");
  EXPECT_EQ(Shown("bigint", "\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s), "9223372036854775807");
  EXPECT_EQ(Shown("tinyint", "\x80"s), "-128");
  EXPECT_EQ(Shown("smallint", "\x80\0"s), "-32768");
  EXPECT_EQ(Shown("double", Encoded("double", "0.1")), "0.1");
  EXPECT_EQ(Shown("double", Encoded("double", "nan")), "nan");
  EXPECT_EQ(Shown("date", "\x80\0\0\0"s), "1970-01-01");
  EXPECT_EQ(Shown("date", Encoded("date", "0001-01-01")), "0001-01-01");
  EXPECT_EQ(Shown("time", Encoded("time", "23:59:59.999999999")), "23:59:59.999999999");
  EXPECT_EQ(Shown("timestamp", Encoded("timestamp", "2026-02-28T12:00:00.5+02:00")),
            "2026-02-28 10:00:00.500Z");
  EXPECT_EQ(Shown("inet", Encoded("inet", "2001:db8::1")), "2001:db8::1");
  EXPECT_EQ(Shown("varint", Encoded("varint", "-170141183460469231731687303715884105729")),
            "-170141183460469231731687303715884105729");
  EXPECT_EQ(Shown("boolean", "\1"), "true");
  std::string duration;
  AppendDuration(std::numeric_limits<int32_t>::min(), -1, std::numeric_limits<int64_t>::min(),
                 &duration);
  EXPECT_EQ(Shown("duration", duration), "-2147483648M-1d-9223372036854775808ns");
}

TEST(CqlDecode, EmptyValuesOfOldTablesAreNull) {
  for (const std::string_view cql : {"int", "uuid", "time", "decimal", "list<int>", "inet"}) {
    auto batch = Decode(cql, {""s, std::nullopt});
    ASSERT_TRUE(batch.has_value()) << cql;
    EXPECT_EQ((*batch)->column(0)->null_count(), 2) << cql;
  }
  EXPECT_EQ((*Decode("text", {""s}))->column(0)->null_count(), 0);
  EXPECT_EQ((*Decode("blob", {""s}))->column(0)->null_count(), 0);
}

TEST(CqlDecode, DecimalsFitExactlyOrNotAtAll) {
  const auto narrow = [](std::string_view text) {
    return Shown("decimal", Encoded("decimal", text), NumericAs::kDecimal128);
  };
  EXPECT_EQ(narrow("12.5"), "12.5000000000");
  EXPECT_EQ(narrow("1E+3"), "1000.0000000000");
  EXPECT_EQ(narrow("0E-2000000000"), "0E-10");
  EXPECT_TRUE(narrow("0.00000000001").starts_with("query.bad_value: Column 'c'"));
  EXPECT_TRUE(narrow("1E+28").starts_with("query.bad_value"));
  EXPECT_TRUE(narrow("1E+2000000000").starts_with("query.bad_value"));
  EXPECT_EQ(Shown("varint", Encoded("varint", "-7"), NumericAs::kDecimal256), "-7");
  EXPECT_TRUE(Shown("varint", Encoded("varint", "1" + std::string(80, '0')), NumericAs::kDecimal256)
                  .starts_with("query.bad_value"));
}

TEST(CqlDecode, Composites) {
  BodyWriter list;
  list.Int(2);
  list.Bytes("a");
  list.Bytes("é");
  EXPECT_EQ((*Decode("set<text>", {list.text()}))->column(0)->ToString(),
            "[\n  [\n    \"a\",\n    \"é\"\n  ]\n]");
  BodyWriter tuple;
  tuple.Bytes("\0\0\0\7"s);
  auto batch = Decode("tuple<int, text>", {tuple.text()});
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ((*(*batch)->column(0)->GetScalar(0))->ToString(),
            "{field_1:int32 = 7, field_2:string = null}");
  std::string vector;
  AppendVint(2, &vector);
  vector += "é";
  AppendVint(0, &vector);
  auto texts = Decode("vector<text, 2>", {vector, std::nullopt});
  ASSERT_TRUE(texts.has_value());
  EXPECT_EQ((*texts)->column(0)->type()->ToString(), "fixed_size_list<item: string>[2]");
  auto uuids = Decode("map<uuid, timeuuid>", {"\0\0\0\0"s});
  ASSERT_TRUE(uuids.has_value());
  EXPECT_EQ((*uuids)->column(0)->type()->ToString(),
            "map<extension<arrow.uuid>, extension<arrow.uuid>>");
}

TEST(CqlDecode, BadValuesNameTheColumn) {
  const std::pair<std::string_view, std::string> bad[] = {
      {"int", "abc"s},
      {"bigint", "1234"s},
      {"text", "\xC3\x28"s},
      {"ascii", "\xFF"s},
      {"inet", "abcde"s},
      {"uuid", "abc"s},
      {"time", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s},
      {"decimal", "\0\0\0"s},
      {"decimal", "\0\0\0\0"s},
      {"varint", std::string(100'000, '\1')},
      {"duration", "\xFF"s},
      {"duration", "\xF1\xFF\xFF\xFF\xFF\0\0"s},
      {"list<int>", "\x7F\xFF\xFF\xFF"s},
      {"list<int>", "\xFF\xFF\xFF\xFF"s},
      {"list<int>", "\0\0\0\1\0\0\0\x09"s + "abc"},
      {"list<int>", "\0\0\0\0"s + "x"},
      {"map<int, int>", "\0\0\0\1\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s},
      {"tuple<int>", "\0\0\0\4\0\0\0\1\0\0\0\4\0\0\0\1"s},
      {"vector<float, 3>", "abcd"s},
      {"vector<text, 2>", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s},
  };
  for (const auto& [cql, value] : bad) {
    auto batch = Decode(cql, {value});
    ASSERT_FALSE(batch.has_value()) << cql;
    EXPECT_EQ(batch.error().code(), "query.bad_value") << cql;
    EXPECT_TRUE(batch.error().message().contains("'c'")) << cql;
  }
}

TEST(CqlDecode, NullsOfWideTypesCostNoMoreThanARowMay) {
  BodyWriter list;
  list.Int(1 << 16);
  for (int i = 0; i < 1 << 16; ++i) list.Null();
  auto batch = Decode("list<frozen<vector<int, 8192>>>", {list.text()});
  ASSERT_FALSE(batch.has_value());
  EXPECT_EQ(batch.error().code(), "query.bad_value");
}

TEST(CqlResult, RefusesWhatIsNone) {
  EXPECT_FALSE(ParseResult("").has_value());
  EXPECT_FALSE(ParseResult("\0\0\0\x63"s).has_value());
  BodyWriter endless;  // rows without columns
  endless.Int(2);
  endless.Int(0);
  endless.Int(0);
  endless.Int(std::numeric_limits<int32_t>::max());
  EXPECT_FALSE(ParseResult(endless.text()).has_value());
  BodyWriter negative;
  negative.Int(2);
  negative.Int(0);
  negative.Int(-5);
  negative.Int(0);
  EXPECT_FALSE(ParseResult(negative.text()).has_value());
  BodyWriter many;  // a billion columns, of which none comes
  many.Int(2);
  many.Int(0);
  many.Int(1'000'000'000);
  EXPECT_FALSE(ParseResult(many.text()).has_value());
  EXPECT_EQ(ParseResult("\0\0\0\1"s)->kind, ResultHead::Kind::kVoid);
}

}  // namespace
}  // namespace nstarx::connectors::cassandra
