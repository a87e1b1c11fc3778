#include <arrow/array.h>
#include <arrow/extension/uuid.h>

#include <set>

#include "result/test_streams.h"

namespace nstarx::result {
namespace {

std::string RowsOf(const std::string& document) {
  const size_t begin = document.find("\"rows\":") + 7;
  return document.substr(begin, document.find(",\"row_count\"") - begin);
}

struct TypeCase {
  std::string name;
  std::shared_ptr<arrow::DataType> type;
  std::string input;
  std::string json;  ///< the rows of the one column
  std::string csv;   ///< its lines
};

std::vector<TypeCase> NumberCases() {
  using namespace arrow;  // NOLINT: type factories
  return {
      {"null", null(), "[null, null]", "[[null],[null]]", "\n\n"},
      {"bool", boolean(), "[true, null, false]", "[[true],[null],[false]]", "true\n\nfalse\n"},
      {"int8", int8(), "[-128, 127, null]", "[[-128],[127],[null]]", "-128\n127\n\n"},
      {"uint8", uint8(), "[0, 255]", "[[0],[255]]", "0\n255\n"},
      {"int16", int16(), "[-32768, 32767]", "[[-32768],[32767]]", "-32768\n32767\n"},
      {"int32", int32(), "[-2147483648]", "[[-2147483648]]", "-2147483648\n"},
      {"uint32", uint32(), "[4294967295]", "[[4294967295]]", "4294967295\n"},
      {"int64", int64(),
       "[9007199254740991, 9007199254740992, -9007199254740991, "
       "-9223372036854775808, 9223372036854775807]",
       R"([[9007199254740991],["9007199254740992"],[-9007199254740991],["-9223372036854775808"],["9223372036854775807"]])",
       "9007199254740991\n9007199254740992\n-9007199254740991\n-9223372036854775808\n"
       "9223372036854775807\n"},
      {"uint64", uint64(), "[1, 18446744073709551615]", R"([[1],["18446744073709551615"]])",
       "1\n18446744073709551615\n"},
      {"float16", float16(), "[1.5, -0.25]", "[[1.5],[-0.25]]", "1.5\n-0.25\n"},
      {"float32", float32(), "[0.1, NaN]", R"([[0.1],["NaN"]])", "0.1\nNaN\n"},
      {"float64", float64(), "[0.1, 1e300, -0.0, Inf, -Inf, 5e-324]",
       R"([[0.1],[1e+300],[-0],["Infinity"],["-Infinity"],[5e-324]])",
       "0.1\n1e+300\n-0\nInfinity\n-Infinity\n5e-324\n"},
      {"decimal32", decimal32(5, 2), R"(["12.30", "-0.01"])", R"([["12.30"],["-0.01"]])",
       "12.30\n-0.01\n"},
      {"decimal64", decimal64(15, 3), R"(["123456789012.345"])", R"([["123456789012.345"]])",
       "123456789012.345\n"},
      {"decimal128", decimal128(38, 4),
       R"(["12.3000", "0.0000", "-0.0001", "9999999999999999999999999999999999.9999", null])",
       R"([["12.3000"],["0.0000"],["-0.0001"],["9999999999999999999999999999999999.9999"],[null]])",
       "12.3000\n0.0000\n-0.0001\n9999999999999999999999999999999999.9999\n\n"},
      {"decimal128 without scale", decimal128(20, 0), R"(["18446744073709551616", "-7"])",
       R"([["18446744073709551616"],["-7"]])", "18446744073709551616\n-7\n"},
      {"decimal256", decimal256(60, 10),
       R"(["12345678901234567890123456789012345678901234567890.0000000001", "-0.0000000001"])",
       R"([["12345678901234567890123456789012345678901234567890.0000000001"],["-0.0000000001"]])",
       "12345678901234567890123456789012345678901234567890.0000000001\n-0.0000000001\n"},
  };
}

std::vector<TypeCase> TimeCases() {
  using namespace arrow;  // NOLINT: type factories
  return {
      {"date32", date32(), "[0, 19782, -1, -719529, 2932897, null]",
       R"([["1970-01-01"],["2024-02-29"],["1969-12-31"],["-0001-12-31"],["+10000-01-01"],[null]])",
       "1970-01-01\n2024-02-29\n1969-12-31\n-0001-12-31\n+10000-01-01\n\n"},
      {"date64", date64(), "[86400000, -86400000]", R"([["1970-01-02"],["1969-12-31"]])",
       "1970-01-02\n1969-12-31\n"},
      {"time32[s]", time32(TimeUnit::SECOND), "[0, 86399]", R"([["00:00:00"],["23:59:59"]])",
       "00:00:00\n23:59:59\n"},
      {"time32[ms]", time32(TimeUnit::MILLI), "[1, 86400000]", R"([["00:00:00.001"],["24:00:00"]])",
       "00:00:00.001\n24:00:00\n"},
      {"time64[us]", time64(TimeUnit::MICRO), "[3661000001]", R"([["01:01:01.000001"]])",
       "01:01:01.000001\n"},
      {"time64[ns]", time64(TimeUnit::NANO), "[1]", R"([["00:00:00.000000001"]])",
       "00:00:00.000000001\n"},
      {"timestamp[s]", timestamp(TimeUnit::SECOND), "[0, -1]",
       R"([["1970-01-01T00:00:00"],["1969-12-31T23:59:59"]])",
       "1970-01-01T00:00:00\n1969-12-31T23:59:59\n"},
      {"timestamp[ms]", timestamp(TimeUnit::MILLI), "[1709164800123]",
       R"([["2024-02-29T00:00:00.123"]])", "2024-02-29T00:00:00.123\n"},
      {"timestamp[us, UTC]", timestamp(TimeUnit::MICRO, "UTC"), "[1709164800123456, -1]",
       R"([["2024-02-29T00:00:00.123456Z"],["1969-12-31T23:59:59.999999Z"]])",
       "2024-02-29T00:00:00.123456Z\n1969-12-31T23:59:59.999999Z\n"},
      {"timestamp[ns]", timestamp(TimeUnit::NANO), "[-9223372036854775808, 9223372036854775807]",
       R"([["1677-09-21T00:12:43.145224192"],["2262-04-11T23:47:16.854775807"]])",
       "1677-09-21T00:12:43.145224192\n2262-04-11T23:47:16.854775807\n"},
      {"timestamp[s, -05:30]", timestamp(TimeUnit::SECOND, "-05:30"), "[0]",
       R"([["1969-12-31T18:30:00-05:30"]])", "1969-12-31T18:30:00-05:30\n"},
      {"timestamp[s, Europe/Berlin]", timestamp(TimeUnit::SECOND, "Europe/Berlin"),
       "[1719835200, 1704067200]",
       R"([["2024-07-01T14:00:00+02:00"],["2024-01-01T01:00:00+01:00"]])",
       "2024-07-01T14:00:00+02:00\n2024-01-01T01:00:00+01:00\n"},
      {"timestamp[s, no such zone]", timestamp(TimeUnit::SECOND, "Moon/Base"), "[0]",
       R"([["1970-01-01T00:00:00Z"]])", "1970-01-01T00:00:00Z\n"},
      {"duration[us]", duration(TimeUnit::MICRO), "[1500000, -1, 0]",
       R"([["PT1.500000000S"],["-PT0.000001000S"],["PT0S"]])",
       "PT1.500000000S\n-PT0.000001000S\nPT0S\n"},
      {"months", month_interval(), "[14, -1, 0]", R"([["P1Y2M"],["P-1M"],["PT0S"]])",
       "P1Y2M\nP-1M\nPT0S\n"},
      {"day_time", day_time_interval(), "[[1, 500], [0, -1]]",
       R"([["P1DT0.500000000S"],["PT-0.001000000S"]])", "P1DT0.500000000S\nPT-0.001000000S\n"},
      {"month_day_nano", month_day_nano_interval(), "[[14, 3, 4000000000], null]",
       R"([["P1Y2M3DT4S"],[null]])", "P1Y2M3DT4S\n\n"},
  };
}

std::vector<TypeCase> TextCases() {
  using namespace arrow;  // NOLINT: type factories
  const std::string words = R"(["", "a", null, "q\"b\\c", "x,y", "l1\nl2", "žluť 🐎", "\u0001\t"])";
  const std::string words_json =
      R"([[""],["a"],[null],["q\"b\\c"],["x,y"],["l1\nl2"],["žluť 🐎"],["\u0001\t"]])";
  const std::string words_csv = "\"\"\na\n\n\"q\"\"b\\c\"\n\"x,y\"\n\"l1\nl2\"\nžluť 🐎\n\x01\t\n";
  return {
      {"string", utf8(), words, words_json, words_csv},
      {"large_string", large_utf8(), words, words_json, words_csv},
      {"string_view", utf8_view(), words, words_json, words_csv},
      {"long string_view", utf8_view(), R"(["a string of more than twelve bytes"])",
       R"([["a string of more than twelve bytes"]])", "a string of more than twelve bytes\n"},
      {"binary", binary(), R"(["", "f", "fo", "foo", null])",
       R"([[""],["Zg=="],["Zm8="],["Zm9v"],[null]])", "\"\"\nZg==\nZm8=\nZm9v\n\n"},
      {"large_binary", large_binary(), R"(["foobar"])", R"([["Zm9vYmFy"]])", "Zm9vYmFy\n"},
      {"binary_view", binary_view(), R"(["foob"])", R"([["Zm9vYg=="]])", "Zm9vYg==\n"},
      {"fixed_size_binary", fixed_size_binary(3), R"(["foo", null])", R"([["Zm9v"],[null]])",
       "Zm9v\n\n"},
      {"dictionary", dictionary(int8(), utf8()), R"(["a", null, "b", "a"])",
       R"([["a"],[null],["b"],["a"]])", "a\n\nb\na\n"},
      {"list", list(int32()), "[[1, null], [], null]", "[[[1,null]],[[]],[null]]",
       "\"[1,null]\"\n[]\n\n"},
      {"large_list", large_list(utf8()), R"([["a", "b"]])", R"([[["a","b"]]])",
       "\"[\"\"a\"\",\"\"b\"\"]\"\n"},
      {"fixed_size_list", fixed_size_list(int16(), 2), "[[1, 2], [3, 4]]", "[[[1,2]],[[3,4]]]",
       "\"[1,2]\"\n\"[3,4]\"\n"},
      {"struct", struct_({field("a", int32()), field("b\"", utf8())}),
       R"([{"a": 1, "b\"": "x"}, null, {"a": null, "b\"": null}])",
       R"([[{"a":1,"b\"":"x"}],[null],[{"a":null,"b\"":null}]])",
       "\"{\"\"a\"\":1,\"\"b\\\"\"\"\":\"\"x\"\"}\"\n\n\"{\"\"a\"\":null,\"\"b\\\"\"\"\":null}"
       "\"\n"},
      {"map", map(utf8(), int32()), R"([[["k", 1], ["l", null]], []])",
       R"([[{"k":1,"l":null}],[{}]])", "\"{\"\"k\"\":1,\"\"l\"\":null}\"\n{}\n"},
      {"map of numbers", map(int32(), utf8()), R"([[[1, "x"]]])", R"([[[[1,"x"]]]])",
       "\"[[1,\"\"x\"\"]]\"\n"},
      {"list of structs of decimals", list(struct_({field("d", decimal128(5, 2))})),
       R"([[{"d": "1.50"}, null]])", R"([[[{"d":"1.50"},null]]])",
       "\"[{\"\"d\"\":\"\"1.50\"\"},null]\"\n"},
  };
}

std::string WithCarriageReturns(const std::string& name, const std::string& lines) {
  // Only line ends of rows: a line break inside quotes stays.
  std::string text = name + "\r\n";
  bool quoted = false;
  for (const char c : lines) {
    if (c == '"') quoted = !quoted;
    if (c == '\n' && !quoted) text += '\r';
    text += c;
  }
  return text;
}

void CheckCase(const TypeCase& expected, const std::shared_ptr<arrow::Array>& array) {
  SCOPED_TRACE(expected.name);
  auto json = Encode(StreamOf({BatchOf({{"c", array}})}), Format::kJson);
  ASSERT_FALSE(json.failure) << json.failure->ToString();
  EXPECT_EQ(RowsOf(json.bytes), expected.json);
  EXPECT_TRUE(ParseJson(json.bytes)) << json.bytes;
  auto csv = Encode(StreamOf({BatchOf({{"c", array}})}), Format::kCsv);
  ASSERT_FALSE(csv.failure) << csv.failure->ToString();
  EXPECT_EQ(csv.bytes, WithCarriageReturns("c", expected.csv));
}

std::vector<TypeCase> AllCases() {
  auto cases = NumberCases();
  std::ranges::move(TimeCases(), std::back_inserter(cases));
  std::ranges::move(TextCases(), std::back_inserter(cases));
  return cases;
}

TEST(Text, WritesEveryTypeExactly) {
  for (const TypeCase& expected : AllCases()) {
    CheckCase(expected, ArrayOf(expected.type, expected.input));
  }
}

TEST(Text, WritesSlicesFromTheirOffset) {
  for (const TypeCase& expected : AllCases()) {
    // The same values twice: the second half is a slice with an offset.
    const auto once = ArrayOf(expected.type, expected.input);
    std::string twice = expected.input.substr(0, expected.input.rfind(']')) + ", " +
                        expected.input.substr(expected.input.find('[') + 1);
    CheckCase(expected, ArrayOf(expected.type, twice)->Slice(once->length()));
  }
}

TEST(Text, NegativeScalesAddZeros) {
  arrow::Decimal128Builder builder(arrow::decimal128(5, -2));
  ASSERT_TRUE(builder.Append(arrow::Decimal128(123)).ok());
  ASSERT_TRUE(builder.Append(arrow::Decimal128(0)).ok());
  ASSERT_TRUE(builder.Append(arrow::Decimal128(-1)).ok());
  CheckCase({"tens", nullptr, "", R"([["12300"],["0"],["-100"]])", "12300\n0\n-100\n"},
            builder.Finish().ValueOrDie());
}

TEST(Text, UuidIsWrittenAsText) {
  const auto storage = ArrayOf(arrow::fixed_size_binary(16), R"(["0123456789abcdef", null])");
  const auto uuid = arrow::ExtensionType::WrapArray(arrow::extension::uuid(), storage);
  CheckCase({"uuid", nullptr, "", R"([["30313233-3435-3637-3839-616263646566"],[null]])",
             "30313233-3435-3637-3839-616263646566\n\n"},
            uuid);
}

TEST(Text, JsonNamesColumnsAndCountsRows) {
  const auto batch =
      BatchOf({{"id", ArrayOf(arrow::int32(), "[1, 2]")},
               {"price \"net\"", ArrayOf(arrow::decimal128(9, 2), R"(["1.50", "2.00"])")}});
  const auto encoded = Encode(StreamOf({batch, batch}), Format::kJson);
  EXPECT_EQ(encoded.bytes,
            R"j({"columns":[{"name":"id","type":"int32"},)j"
            R"j({"name":"price \"net\"","type":"decimal128(9, 2)"}],)j"
            R"j("rows":[[1,"1.50"],[2,"2.00"],[1,"1.50"],[2,"2.00"]],"row_count":4})j"
            "\n");
}

TEST(Text, NdjsonMembersDiffer) {
  const auto one = ArrayOf(arrow::int32(), "[1]");
  const auto encoded = Encode(
      StreamOf({BatchOf({{"a", one}, {"a", one}, {"a_2", one}, {"a", one}})}), Format::kNdjson);
  EXPECT_EQ(encoded.bytes, "{\"a\":1,\"a_3\":1,\"a_2\":1,\"a_4\":1}\n");
}

TEST(Text, EmptyResultsHaveTheirFrame) {
  const auto none = BatchOf({{"a", ArrayOf(arrow::int32(), "[]")}});
  EXPECT_EQ(Encode(StreamOf({none}), Format::kJson).bytes,
            "{\"columns\":[{\"name\":\"a\",\"type\":\"int32\"}],\"rows\":[],\"row_count\":0}\n");
  EXPECT_EQ(Encode(StreamOf({none}), Format::kCsv).bytes, "a\r\n");
  const auto ndjson = Encode(StreamOf({none}), Format::kNdjson);
  EXPECT_EQ(ndjson.chunks, 0U);
  EXPECT_FALSE(ndjson.failure);
}

TEST(Text, StatementsWithoutColumnsAnswerRowsAffected) {
  const auto written = [] {
    return std::make_unique<ListStream>(
        arrow::schema({}), std::vector<std::shared_ptr<arrow::RecordBatch>>(), std::nullopt, 3);
  };
  EXPECT_EQ(Encode(written(), Format::kJson).bytes,
            "{\"columns\":[],\"rows\":[],\"row_count\":0,\"rows_affected\":3}\n");
  EXPECT_EQ(Encode(written(), Format::kNdjson).bytes, "{\"rows_affected\":3}\n");
  EXPECT_EQ(Encode(written(), Format::kCsv).bytes, "rows_affected\r\n3\r\n");
}

TEST(Text, MalformedUtf8BecomesTheReplacementCharacter) {
  arrow::StringBuilder builder;
  ASSERT_TRUE(builder.Append("ok\xFF\xC3(\"").ok());
  const auto array = builder.Finish().ValueOrDie();
  const auto encoded = Encode(StreamOf({BatchOf({{"c", array}})}), Format::kJson);
  EXPECT_EQ(RowsOf(encoded.bytes), "[[\"ok\xEF\xBF\xBD\xEF\xBF\xBD(\\\"\"]]");
  EXPECT_TRUE(ParseJson(encoded.bytes));
}

TEST(Text, LongStringsAreEscapedAcrossBlocks) {
  std::string text;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    text += "ab\"ž\n";
    expected += "ab\\\"ž\\n";
  }
  arrow::StringBuilder builder;
  ASSERT_TRUE(builder.Append(text).ok());
  const auto encoded =
      Encode(StreamOf({BatchOf({{"c", builder.Finish().ValueOrDie()}})}), Format::kJson);
  EXPECT_EQ(RowsOf(encoded.bytes), "[[\"" + expected + "\"]]");
}

TEST(Text, BigResultsComeInBoundedChunksFromReusedMemory) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < 1'000'000; ++i) ASSERT_TRUE(builder.Append(i).ok());
  const auto array = builder.Finish().ValueOrDie();
  const auto batch = BatchOf({{"c", array}});
  auto source = EncodeBatches(StreamOf({batch, batch}), {Format::kNdjson, Compression::kNone});
  std::set<const std::byte*> places;
  size_t bytes = 0;
  int64_t chunks = 0;
  for (const Context context;; ++chunks) {
    auto chunk = source->Next(context);
    ASSERT_TRUE(chunk) << chunk.error().ToString();
    if (!*chunk) break;
    places.insert((*chunk)->parts[0].data());
    EXPECT_LE((*chunk)->size(), 1100U << 10);
    bytes += (*chunk)->size();
  }
  EXPECT_EQ(bytes, 2 * (1'000'000 * 7 + 5'888'890U));
  EXPECT_GT(chunks, 20);
  EXPECT_EQ(places.size(), 1U) << "each chunk was given back before the next was asked for";
}

TEST(Text, MidStreamFailureComesAfterTheGoodRows) {
  const auto batch = BatchOf({{"a", ArrayOf(arrow::int32(), "[1]")}});
  for (const Format format : {Format::kJson, Format::kNdjson, Format::kCsv}) {
    const auto encoded = Encode(
        std::make_unique<ListStream>(batch->schema(), std::vector{batch},
                                     Unavailable("query.connection_lost", "the server went away")),
        format);
    ASSERT_TRUE(encoded.failure);
    EXPECT_EQ(encoded.failure->code(), "query.connection_lost");
    EXPECT_EQ(encoded.chunks, 0U) << "nothing was sent yet, so the status can still say it";
  }
}

TEST(Text, UnionsAreRefusedByName) {
  const auto type = arrow::sparse_union({arrow::field("a", arrow::int32())});
  const auto encoded =
      Encode(StreamOf({BatchOf({{"u", ArrayOf(type, "[[0, 1]]")}})}), Format::kCsv);
  ASSERT_TRUE(encoded.failure);
  EXPECT_EQ(encoded.failure->code(), "result.unsupported_type");
}

}  // namespace
}  // namespace nstarx::result
