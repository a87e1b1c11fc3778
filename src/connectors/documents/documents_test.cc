#include <arrow/api.h>
#include <gtest/gtest.h>

#include <limits>

#include "connectors/documents/arrow_rows.h"
#include "connectors/documents/arrow_rows_walk.h"
#include "connectors/documents/document_builder.h"
#include "connectors/documents/document_schema.h"
#include "connectors/documents/json_walk.h"

namespace nstarx::connectors::documents {
namespace {

struct Read {
  std::shared_ptr<arrow::RecordBatch> batch;
  int64_t drifted = 0;
  std::string Column(std::string_view name) const {
    return batch->GetColumnByName(std::string(name))->type()->ToString();
  }
  std::string Cell(std::string_view name, int64_t row) const {
    return batch->GetColumnByName(std::string(name))->GetScalar(row).ValueOrDie()->ToString();
  }
};

std::shared_ptr<arrow::Schema> Infer(const std::vector<std::string>& rows,
                                     SchemaOptions options = {}) {
  SchemaInference inference(options);
  for (const auto& row : rows) EXPECT_TRUE(JsonWalk(row, inference, true)) << row;
  return inference.Schema();
}

Read Build(std::shared_ptr<arrow::Schema> schema, const std::vector<std::string>& rows,
           BuilderOptions options = {}) {
  DocumentBuilder builder(std::move(schema), arrow::default_memory_pool(), options);
  for (const auto& row : rows) EXPECT_TRUE(JsonWalk(row, builder, true)) << row;
  auto batch = builder.Finish();
  EXPECT_TRUE(batch.has_value());
  EXPECT_TRUE((*batch)->ValidateFull().ok()) << (*batch)->ValidateFull().ToString();
  return {*batch, builder.drifted_rows()};
}

Read Both(const std::vector<std::string>& rows) { return Build(Infer(rows), rows); }

TEST(Documents, ScalarsKeepTheirKind) {
  const Read read = Both({R"({"i":9007199254740993,"d":0.1,"s":"é","b":true,"n":null})"});
  EXPECT_EQ(read.Column("i"), "int64");
  EXPECT_EQ(read.Cell("i", 0), "9007199254740993");
  EXPECT_EQ(read.Column("d"), "double");
  EXPECT_EQ(read.Column("s"), "string");
  EXPECT_EQ(read.Column("b"), "bool");
  EXPECT_EQ(read.Column("n"), "string");
  EXPECT_EQ(read.drifted, 0);
  EXPECT_EQ(read.batch->schema()->fields().back()->name(), "_drift");
}

TEST(Documents, NumbersThatNoDoubleHoldsAreDecimals) {
  const Read read = Both({R"({"x":0.1234567890123456789,"y":18446744073709551616})", R"({"x":2})"});
  EXPECT_EQ(read.Column("x"), "decimal128(38, 19)");
  EXPECT_EQ(read.Cell("x", 0), "0.1234567890123456789");
  EXPECT_EQ(read.Cell("x", 1), "2.0000000000000000000");
  EXPECT_EQ(read.Cell("y", 0), "18446744073709551616");
  EXPECT_EQ(read.drifted, 0);
}

TEST(Documents, IntegersAndDoublesShareAColumnOnlyWhenExact) {
  EXPECT_EQ(Both({R"({"x":1})", R"({"x":1.5})"}).Column("x"), "double");
  const Read mixed = Both({R"({"x":9007199254740993})", R"({"x":1.5})"});
  EXPECT_TRUE(IsJsonText(*mixed.batch->schema()->GetFieldByName("x")));
  EXPECT_EQ(mixed.Cell("x", 0), "9007199254740993");
}

TEST(Documents, MixedKindsAreJsonText) {
  const Read read = Both({R"({"x":1})", R"({"x":"a\"b"})", R"({"x":{"k":[1,null]}})", R"({})"});
  EXPECT_EQ(read.Cell("x", 1), R"("a\"b")");
  EXPECT_EQ(read.Cell("x", 2), R"({"k":[1,null]})");
  EXPECT_EQ(read.Cell("x", 3), "null");
  EXPECT_EQ(read.drifted, 0);
}

TEST(Documents, WhatDoesNotFitDriftsWithItsPath) {
  auto schema = Infer({R"({"a":1,"o":{"k":"x"},"l":[1,2],"t":true})"});
  const Read read = Build(schema, {R"({"a":"no","o":{"k":5,"new/key":[1]},"l":[3,"x",{"y":1}]})",
                                   R"({"a":1.5,"l":7,"o":[1,{"q":2}]})", R"({"a":4,"a":5})",
                                   R"({"t":false,"_drift":1})"});
  EXPECT_EQ(read.drifted, 4);
  EXPECT_EQ(read.Cell("_drift", 0),
            R"({"/a":"no","/o/k":5,"/o/new~1key":[1],"/l/1":"x","/l/2":{"y":1}})");
  EXPECT_EQ(read.Cell("_drift", 1), R"({"/a":1.5,"/l":7,"/o":[1,{"q":2}]})");
  EXPECT_EQ(read.Cell("a", 2), "4");
  EXPECT_EQ(read.Cell("_drift", 2), R"({"/a":5})");
  EXPECT_EQ(read.Cell("_drift", 3), R"({"/_drift":1})");
  EXPECT_EQ(read.Cell("t", 3), "false");
}

TEST(Documents, NestedStructsAndListsOfStructs) {
  const std::vector<std::string> rows = {R"({"l":[{"a":1},{"b":"x"},null],"o":{"p":{"q":1.5}}})",
                                         R"({"o":null})", R"({"l":[]})"};
  const Read read = Both(rows);
  EXPECT_EQ(read.Column("l"), "list<item: struct<a: int64, b: string>>");
  EXPECT_EQ(read.Column("o"), "struct<p: struct<q: double>>");
  EXPECT_EQ(read.drifted, 0);
  std::string out;
  ASSERT_TRUE(AppendJsonRow(*read.batch, 0, &out));
  EXPECT_EQ(out, R"({"l":[{"a":1,"b":null},{"a":null,"b":"x"},null],"o":{"p":{"q":1.5}}})");
}

TEST(Documents, DepthAndColumnsAreBounded) {
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += R"({"a":)";
  deep += "1" + std::string(200, '}');
  const Read read = Build(Infer({deep}, {.max_depth = 3}), {deep});
  EXPECT_EQ(read.drifted, 0);
  EXPECT_EQ(read.Column("a"), "struct<a: struct<a: struct<a: string>>>");
  SchemaInference inference;
  EXPECT_FALSE(JsonWalk(std::string(100'000, '['), inference, false));

  std::string wide = "{";
  for (int i = 0; i < 50; ++i) wide += fmt::format(R"("k{}":{},)", i, i);
  wide.back() = '}';
  const Read bounded = Build(Infer({wide}, {.max_columns = 10}), {wide});
  EXPECT_EQ(bounded.batch->num_columns(), 11);
  EXPECT_EQ(bounded.drifted, 1);
  EXPECT_NE(bounded.Cell("_drift", 0).find(R"("/k49":49)"), std::string::npos);
}

TEST(Documents, SeededTypesStayAndListsComeWhereSeen) {
  SchemaInference inference({.single_as_list = true});
  inference.Seed(
      *arrow::schema({arrow::field("tag", arrow::utf8()),
                      arrow::field("when", arrow::timestamp(arrow::TimeUnit::NANO, "UTC")),
                      arrow::field("big", arrow::uint64())}));
  const std::vector<std::string> rows = {
      R"({"tag":["a","b"],"when":"2026-02-28T12:34:56.123456789+01:00","big":18446744073709551615})",
      R"({"tag":"c","when":86400000,"big":"7"})"};
  for (const auto& row : rows) ASSERT_TRUE(JsonWalk(row, inference, true));
  const Read read = Build(inference.Schema(), rows, {.single_as_list = true, .coerce = true});
  EXPECT_EQ(read.Column("tag"), "list<item: string>");
  EXPECT_EQ(read.Cell("when", 0), "2026-02-28 11:34:56.123456789Z");
  EXPECT_EQ(read.Cell("when", 1), "1970-01-02 00:00:00.000000000Z");
  EXPECT_EQ(read.Cell("big", 0), "18446744073709551615");
  EXPECT_EQ(read.Cell("big", 1), "7");
  EXPECT_EQ(read.drifted, 0);
}

TEST(Documents, SpecialValuesSurviveAsText) {
  JsonText text;
  text.BeginArray();
  text.Double(std::numeric_limits<double>::quiet_NaN());
  text.Decimal("Infinity");
  text.Timestamp(-1);
  text.Binary(std::string_view("\0\xff", 2));
  text.String("\x01\xff");
  text.Double(1);
  text.EndArray();
  EXPECT_EQ(text.text(), R"([{"$numberDouble":"NaN"},{"$numberDecimal":"Infinity"},)"
                         R"({"$date":"1969-12-31T23:59:59.999999Z"},)"
                         R"({"$binary":{"base64":"AP8=","subType":"00"}},"\u0001)"
                         "\xEF\xBF\xBD\",1.0]");
}

TEST(Documents, InvalidUtf8DriftsAsBytes) {
  DocumentBuilder builder(arrow::schema({arrow::field("s", arrow::utf8())}),
                          arrow::default_memory_pool());
  builder.BeginDocument();
  builder.Key("s");
  builder.String("\xff");
  builder.EndDocument();
  auto batch = *builder.Finish();
  EXPECT_TRUE(batch->ValidateFull().ok());
  EXPECT_EQ(batch->column(1)->GetScalar(0).ValueOrDie()->ToString(),
            R"({"/s":{"$binary":{"base64":"/w==","subType":"00"}}})");
}

TEST(Documents, BrokenTextIsAnErrorAndLeavesTheBuilderUsable) {
  DocumentBuilder builder(Infer({R"({"o":{"k":[1]},"j":null})"}), arrow::default_memory_pool());
  for (const char* bad : {"", "[1]", "1", R"({"o":{"k":[1,)", R"({"o":{"new":{"x":[)", "{} x"}) {
    EXPECT_FALSE(JsonWalk(bad, builder, true)) << bad;
    builder.EndDocument();
  }
  ASSERT_TRUE(JsonWalk(R"({"o":{"k":[2]}})", builder, true));
  auto batch = builder.Finish();
  ASSERT_TRUE(batch.has_value());
  EXPECT_TRUE((*batch)->ValidateFull().ok()) << (*batch)->ValidateFull().ToString();
}

TEST(Documents, NumbersAreReadExactly) {
  EXPECT_EQ(ReadNumber("-9223372036854775808").kind, NumberKind::kInt);
  EXPECT_EQ(ReadNumber("9223372036854775808").kind, NumberKind::kDecimal);
  EXPECT_EQ(ReadNumber("0.30000000000000004").kind, NumberKind::kDouble);
  EXPECT_EQ(ReadNumber("0.300000000000000041").kind, NumberKind::kDecimal);
  EXPECT_EQ(ReadNumber("1e400").kind, NumberKind::kDecimal);
  EXPECT_EQ(ReadNumber("-0").kind, NumberKind::kDouble);
}

}  // namespace
}  // namespace nstarx::connectors::documents
