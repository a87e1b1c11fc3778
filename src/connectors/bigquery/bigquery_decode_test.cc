#include <arrow/api.h>
#include <gtest/gtest.h>

#include <limits>

#include "connectors/bigquery/bigquery_moment.h"
#include "connectors/bigquery/bigquery_types.h"

namespace nstarx::connectors::bigquery {
namespace {

std::vector<DeclaredField> FieldsOf(std::string_view list) {
  const auto schema = ParseJson(fmt::format(R"({{"fields": [{}]}})", list));
  EXPECT_TRUE(schema);
  auto fields = ReadFields(schema->as_object());
  EXPECT_TRUE(fields) << fields.error().ToString();
  return *std::move(fields);
}

Result<std::shared_ptr<arrow::RecordBatch>> Decode(std::string_view field,
                                                   const std::vector<std::string>& values) {
  const auto fields = FieldsOf(field);
  json::array rows;
  for (const auto& value : values) {
    auto row = ParseJson(fmt::format(R"({{"f": [{{"v": {}}}]}})", value));
    EXPECT_TRUE(row) << value;
    rows.push_back(*row);
  }
  return DecodeRows(fields, SchemaOf(fields), rows);
}

/// The column as Arrow writes it.
std::string Shown(std::string_view type, const std::vector<std::string>& values) {
  const auto batch =
      Decode(fmt::format(R"({{"name": "c", "type": "{}", "mode": "NULLABLE"}})", type), values);
  if (!batch) return batch.error().code();
  EXPECT_TRUE((*batch)->ValidateFull().ok());
  std::string out;
  for (int64_t i = 0; i < (*batch)->num_rows(); ++i) {
    out += (out.empty() ? "" : " ") + (*(*batch)->column(0)->GetScalar(i))->ToString();
  }
  return out;
}

TEST(DecodeTest, ExtremesAreExact) {
  EXPECT_EQ(Shown("INTEGER", {R"("-9223372036854775808")", R"("9223372036854775807")", "null"}),
            "-9223372036854775808 9223372036854775807 null");
  EXPECT_EQ(
      Shown("NUMERIC", {R"("-99999999999999999999999999999.999999999")", R"("1E-9")", R"("0.1")"}),
      "-99999999999999999999999999999.999999999 1E-9 0.100000000");
  const std::string big =
      "99999999999999999999999999999999999999.99999999999999999999999999999999999999";
  EXPECT_EQ(Shown("BIGNUMERIC", {"\"" + big + "\"", "\"-" + big + "\""}), big + " -" + big);
  EXPECT_EQ(Shown("FLOAT", {R"("5E-324")", R"("1.7976931348623157E308")", R"("-Infinity")"}),
            "5e-324 1.7976931348623157e+308 -inf");
  EXPECT_EQ(Shown("BOOLEAN", {R"("true")", R"("false")"}), "true false");
  EXPECT_EQ(Shown("DATE", {R"("0001-01-01")", R"("9999-12-31")"}), "0001-01-01 9999-12-31");
  EXPECT_EQ(Shown("TIME", {R"("23:59:59.999999")", R"("00:00:00")"}),
            "23:59:59.999999 00:00:00.000000");
  EXPECT_EQ(Shown("DATETIME", {R"("9999-12-31T23:59:59.999999")", R"("0001-01-01T00:00:00")"}),
            "9999-12-31 23:59:59.999999 0001-01-01 00:00:00.000000");
  EXPECT_EQ(Shown("TIMESTAMP", {R"("-62135596800000000")", R"("253402300799999999")"}),
            "0001-01-01 00:00:00.000000Z 9999-12-31 23:59:59.999999Z");
  EXPECT_EQ(Shown("INTERVAL", {R"("1-2 3 4:5:6.789")"}), "1-2 3 4:5:6.789");
  EXPECT_EQ(Shown("GEOGRAPHY", {"\"POINT(1 2)\""}), "POINT(1 2)");
  EXPECT_EQ(Shown("JSON", {R"("{\"a\": [1, null]}")"}), R"({"a": [1, null]})");
  EXPECT_EQ(Shown("A_TYPE_OF_TOMORROW", {R"("é")", R"("")"}), "é ");
}

TEST(DecodeTest, WhatCanNotBeRepresentedNamesItsColumn) {
  // BIGNUMERIC has a 77th digit that decimal256 has not.
  const auto wide = Decode(
      R"({"name": "price", "type": "BIGNUMERIC"})",
      {R"("578960446186580977117854925043439539266.34992332820282019728792003956564819967")"});
  ASSERT_FALSE(wide);
  EXPECT_EQ(wide.error().code(), "result.value_not_exact");
  EXPECT_EQ(wide.error().details().at("column"), "price");
  for (const auto& [type, value] : std::vector<std::pair<std::string_view, std::string>>{
           {"INTEGER", "9223372036854775808"},
           {"INTEGER", "1.5"},
           {"INTEGER", ""},
           {"NUMERIC", "0.0000000001"},
           {"NUMERIC", "abc"},
           {"NUMERIC", "100000000000000000000000000000"},
           {"FLOAT", "1.5x"},
           {"BOOLEAN", "TRUE?"},
           {"BYTES", "%%%"},
           {"DATE", "2026-02-30"},
           {"DATE", "+026-02-20"},
           {"TIME", "24:00:00"},
           {"TIME", "01:02:03.1234567"},
           {"DATETIME", "2026-02-28"},
           {"TIMESTAMP", "1.5E9"}}) {
    EXPECT_EQ(Shown(type, {"\"" + value + "\""}), "result.value_not_exact") << type << value;
  }
}

TEST(DecodeTest, ListsStructsAndRangesNest) {
  const std::string full = R"x([{"v": {"f": [{"v": "1"}, {"v": [{"v": "x"}, {"v": "é"}]}, )x"
                           R"x({"v": "[1000000, UNBOUNDED)"}]}}])x";
  const auto batch = Decode(
      R"({"name": "c", "type": "RECORD", "mode": "REPEATED", "fields": [
           {"name": "a", "type": "INT64", "mode": "REQUIRED"},
           {"name": "b", "type": "STRING", "mode": "REPEATED"},
           {"name": "r", "type": "RANGE", "rangeElementType": {"type": "TIMESTAMP"}}]})",
      {full, "[]", "null"});
  ASSERT_TRUE(batch) << batch.error().ToString();
  ASSERT_TRUE((*batch)->ValidateFull().ok());
  EXPECT_EQ((*batch)->schema()->field(0)->type()->ToString(),
            "list<item: struct<a: int64 not null, b: list<item: string>, r: struct<start: "
            "timestamp[us, tz=UTC], end: timestamp[us, tz=UTC]>>>");
  EXPECT_EQ((*(*batch)->column(0)->GetScalar(0))->ToString(),
            "list<item: struct<a: int64 not null, b: list<item: string>, r: struct<start: "
            "timestamp[us, tz=UTC], end: timestamp[us, tz=UTC]>>>[{a:int64 = 1, b:list<item: "
            "string> = list<item: string>[x, é], r:struct<start: timestamp[us, tz=UTC], end: "
            "timestamp[us, tz=UTC]> = {start:timestamp[us, tz=UTC] = 1970-01-01 00:00:01.000000Z, "
            "end:timestamp[us, tz=UTC] = null}}]");
  EXPECT_TRUE((*batch)->column(0)->IsNull(2));
  EXPECT_FALSE((*batch)->column(0)->IsNull(1));
}

TEST(DecodeTest, TypesAreShownAsSqlWritesThem) {
  const auto fields = FieldsOf(R"(
      {"name": "a", "type": "NUMERIC", "precision": "10", "scale": "2"},
      {"name": "b", "type": "STRING", "maxLength": "20", "mode": "REPEATED"},
      {"name": "c", "type": "RECORD", "fields": [{"name": "x", "type": "BYTES"}]},
      {"name": "d", "type": "RANGE", "rangeElementType": {"type": "DATE"}},
      {"name": "e", "type": "GEOGRAPHY"})");
  std::vector<std::string> shown;
  for (const auto& field : fields) shown.push_back(field.native);
  EXPECT_EQ(shown, (std::vector<std::string>{"NUMERIC(10, 2)", "ARRAY<STRING(20)>",
                                             "STRUCT<x BYTES>", "RANGE<DATE>", "GEOGRAPHY"}));
}

TEST(DecodeTest, HostileAnswersAreRefused) {
  const std::string record =
      R"({"name": "c", "type": "RECORD", "fields": [{"name": "x", "type": "INT64"}]})";
  for (const std::string& value :
       {R"("text")", R"({"f": []})", R"({"f": [{"w": "1"}]})", R"({"f": "no"})", "[]"}) {
    EXPECT_EQ(Decode(record, {value}).error().code(), "response.malformed") << value;
  }
  const std::string list = R"({"name": "c", "type": "INT64", "mode": "REPEATED"})";
  for (const std::string& value : {R"("1")", R"(["1"])", R"([{}])"}) {
    EXPECT_EQ(Decode(list, {value}).error().code(), "response.malformed") << value;
  }
  std::string deep = R"({"name": "c", "type": "INT64"})";
  json::value nested = *ParseJson(deep);
  for (int i = 0; i < 30; ++i) {
    nested = json::object{{"name", "s"}, {"type", "RECORD"}, {"fields", json::array{nested}}};
  }
  EXPECT_EQ(ReadFields(json::object{{"fields", json::array{nested}}}).error().code(),
            "response.malformed");
  EXPECT_FALSE(ReadFields(json::object{{"fields", "no"}}));
  EXPECT_FALSE(ReadFields(json::object{{"fields", json::array{1}}}));
  for (const std::string& range : {"", "[", "[,", "[2020-01-01)", "(2020-01-01, 2020-01-02]"}) {
    EXPECT_FALSE(Decode(R"({"name": "c", "type": "RANGE"})", {"\"" + range + "\""})) << range;
  }
}

TEST(MomentTest, OnlyWhatTheServiceWritesIsRead) {
  EXPECT_EQ(ReadDate("1970-01-02"), 1);
  EXPECT_EQ(ReadTime("00:00:01.5"), 1'500'000);
  EXPECT_EQ(ReadDatetime("1970-01-01T00:00:00.000001"), 1);
  EXPECT_EQ(ReadDatetime("1969-12-31T23:59:59.999999"), -1);
  for (const std::string_view bad : {"", "1970-1-1", "1970-13-01", "0000-00-00", "197a-01-01"}) {
    EXPECT_FALSE(ReadDate(bad)) << bad;
  }
  for (const std::string_view bad : {"", "1:2:3", "00:60:00", "00:00:00.", "00:00:00.-1"}) {
    EXPECT_FALSE(ReadTime(bad)) << bad;
  }
}

}  // namespace
}  // namespace nstarx::connectors::bigquery
