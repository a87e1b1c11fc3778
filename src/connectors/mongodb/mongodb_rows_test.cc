#include "connectors/mongodb/mongodb_rows.h"

#include <arrow/api.h>
#include <bson/bson.h>
#include <gtest/gtest.h>

#include "connector/spec.h"
#include "connectors/mongodb/mongodb_client.h"
#include "connectors/mongodb/mongodb_connector.h"
#include "connectors/mongodb/mongodb_errors.h"
#include "connectors/mongodb/mongodb_ingest.h"
#include "connectors/mongodb/mongodb_srv.h"

namespace nstarx::connectors::mongodb {
namespace {

Shape Learn(const std::vector<std::string>& documents, bool open = false) {
  Shape out;
  for (const auto& text : documents) EXPECT_TRUE(Observe(*FromJson(text), &out));
  Settle(&out, open);
  return out;
}

std::shared_ptr<arrow::RecordBatch> Build(const Shape& shape, bool drift,
                                          const std::vector<std::string>& documents) {
  RowBuilder builder(shape, drift);
  for (const auto& text : documents) {
    const Status appended = builder.Append(*FromJson(text));
    EXPECT_TRUE(appended) << appended.error().message();
  }
  auto batch = builder.Finish();
  EXPECT_TRUE(batch && (*batch)->ValidateFull().ok());
  return *batch;
}

std::string TypeOf(const std::vector<std::string>& values, bool open = false) {
  std::vector<std::string> documents;
  for (const auto& value : values) documents.push_back("{\"a\": " + value + "}");
  return ArrowTypeOf(Learn(documents, open).parts.at(0))->ToString();
}

std::string Cell(const arrow::RecordBatch& batch, const std::string& column, int64_t row) {
  auto scalar = batch.GetColumnByName(column)->GetScalar(row);
  return scalar.ok() ? (*scalar)->ToString() : scalar.status().ToString();
}

TEST(Shape, JoinsKinds) {
  EXPECT_EQ(TypeOf({"1", "null"}), "int32");
  EXPECT_EQ(TypeOf({"1"}, true), "int64");
  EXPECT_EQ(TypeOf({"1", "5000000000"}), "int64");
  EXPECT_EQ(TypeOf({"1", "0.5"}), "double");
  EXPECT_EQ(TypeOf({"9007199254740993", "0.5"}), "string");
  EXPECT_EQ(TypeOf({"0.5", "9007199254740993"}), "string");
  EXPECT_EQ(TypeOf({"1", "\"x\""}), "string");
  EXPECT_EQ(TypeOf({R"({"$numberDecimal": "1.25"})", "7"}), "decimal128(38, 2)");
  EXPECT_EQ(TypeOf({R"({"$numberDecimal": "1E-20"})", R"({"$numberDecimal": "1E+30"})"}),
            "decimal256(76, 20)");
  EXPECT_EQ(TypeOf({R"({"$numberDecimal": "1E+6000"})"}), "string");
  EXPECT_EQ(TypeOf({R"({"$numberDecimal": "NaN"})"}), "string");
  EXPECT_EQ(TypeOf({"[]", "[1]", "[2.5]"}), "list<item: double>");
  EXPECT_EQ(TypeOf({R"({"x": 1})", R"({"y": "b"})"}), "struct<x: int32, y: string>");
  EXPECT_EQ(TypeOf({"{}"}), "string");
  EXPECT_EQ(TypeOf({R"({"$date": {"$numberLong": "0"}})"}), "timestamp[ms, tz=UTC]");
}

TEST(Shape, DocumentsThatAreMapsBecomeText) {
  std::string map = "{";
  for (int i = 0; i < 600; ++i) map += (i > 0 ? ", \"k" : "\"k") + std::to_string(i) + "\": 1";
  EXPECT_EQ(TypeOf({map + "}"}), "string");
  std::string deep = "1";
  for (int i = 0; i < 60; ++i) deep = "{\"a\": " + deep + "}";
  EXPECT_NE(TypeOf({deep}).find("string"), std::string::npos);
}

TEST(Rows, MixedAndForeignValuesAreExtendedJson) {
  const std::vector<std::string> documents = {
      R"({"a": "x"})",
      R"({"a": 1})",
      R"({"a": {"$regularExpression": {"pattern": "^a", "options": "i"}}})",
      R"({"a": {"$minKey": 1}})",
      R"({"a": {"$binary": {"base64": "AAE=", "subType": "05"}}})",
      "{}"};
  const auto batch = Build(Learn(documents), false, documents);
  EXPECT_EQ(Cell(*batch, "a", 0), "\"x\"");
  EXPECT_EQ(Cell(*batch, "a", 1), "1");
  EXPECT_EQ(json::parse(Cell(*batch, "a", 2)).at("$regularExpression").at("pattern"), "^a");
  EXPECT_EQ(json::parse(Cell(*batch, "a", 3)).at("$minKey"), 1);
  EXPECT_EQ(json::parse(Cell(*batch, "a", 4)).at("$binary").at("base64"), "AAE=");
  EXPECT_TRUE(batch->column(0)->IsNull(5));
}

TEST(Rows, DecimalsAreExact) {
  const std::vector<std::string> documents = {
      R"({"a": {"$numberDecimal": "9999999999999999999999999999999999"}})",
      R"({"a": {"$numberDecimal": "-0.01"}})", R"({"a": {"$numberDecimal": "1E+3"}})",
      R"({"a": {"$numberDecimal": "0E-3"}})"};
  const auto batch = Build(Learn(documents), false, documents);
  EXPECT_EQ(batch->column(0)->type()->ToString(), "decimal128(38, 3)");
  EXPECT_EQ(Cell(*batch, "a", 0), "9999999999999999999999999999999999.000");
  EXPECT_EQ(Cell(*batch, "a", 1), "-0.010");
  EXPECT_EQ(Cell(*batch, "a", 2), "1000.000");
  EXPECT_EQ(Cell(*batch, "a", 3), "0.000");
}

TEST(Rows, WhatDoesNotFitDrifts) {
  const Shape shape = Learn({R"({"a": 1, "b": {"x": "s"}, "c": [1]})"}, true);
  const auto batch = Build(shape, true,
                           {R"({"a": "text", "b": {"x": "t", "y": 1}, "c": ["u"], "new": true})",
                            R"({"c": [2], "a": 5.0})"});
  EXPECT_TRUE(batch->GetColumnByName("a")->IsNull(0));
  EXPECT_TRUE(batch->GetColumnByName("b")->IsNull(0));
  const json::value drift = json::parse(Cell(*batch, "_drift", 0));
  EXPECT_EQ(drift,
            json::parse(R"({"a": "text", "b": {"x": "t", "y": 1}, "c": ["u"], "new": true})"));
  EXPECT_TRUE(batch->GetColumnByName("_drift")->IsNull(1));
  EXPECT_EQ(Cell(*batch, "a", 1), "5");
}

TEST(Rows, AFieldThatIsThereTwiceIsAnError) {
  bson_t document = BSON_INITIALIZER;
  BSON_APPEND_INT32(&document, "a", 1);
  BSON_APPEND_INT32(&document, "a", 2);
  Shape shape;
  ASSERT_TRUE(Observe(document, &shape));
  Settle(&shape, false);
  RowBuilder strict(shape, false);
  EXPECT_EQ(strict.Append(document).error().code(), "query.bad_value");
  RowBuilder drifting(shape, true);
  EXPECT_TRUE(drifting.Append(document));
  EXPECT_EQ(Cell(**drifting.Finish(), "_drift", 0), R"({"a": 2})");
  bson_destroy(&document);
}

TEST(Rows, BrokenBsonIsAnError) {
  const Bson good = FromJson(R"({"a": "hello", "b": {"c": [1, 2, 3]}})");
  const std::vector<uint8_t> bytes(bson_get_data(good.get()),
                                   bson_get_data(good.get()) + good->len);
  Shape shape;
  ASSERT_TRUE(Observe(*good, &shape));
  Settle(&shape, false);
  for (size_t at = 4; at < bytes.size(); ++at) {
    for (const int with : {0x00, 0x7F, 0xFF}) {
      std::vector<uint8_t> broken = bytes;
      broken[at] = static_cast<uint8_t>(with);
      bson_t document;
      if (!bson_init_static(&document, broken.data(), broken.size())) continue;
      Shape learnt;
      Status ignored = Observe(document, &learnt);
      RowBuilder builder(shape, true);
      ignored = builder.Append(document);
      if (ignored) {
        const auto batch = builder.Finish();
        ASSERT_TRUE(batch && (*batch)->ValidateFull().ok()) << at << " " << with;
      }
    }
  }
}

TEST(Encode, RowsComeBackAsTheyWere) {
  const std::vector<std::string> documents = {
      R"({"i": 1, "l": 5000000000, "d": 0.5, "s": "é", "b": {"$binary": {"base64": "AAE=", "subType": "00"}},
          "n": {"$numberDecimal": "1.50"}, "t": {"$date": {"$numberLong": "-1"}}, "o": {"x": [1, null]}})"};
  const auto batch = Build(Learn(documents), false, documents);
  bson_t out = BSON_INITIALIZER;
  ASSERT_TRUE(AppendRow(*batch, 0, &out));
  EXPECT_EQ(ToJsonText(out), ToJsonText(*FromJson(documents[0])));
  bson_destroy(&out);
}

TEST(Encode, WhatBsonHasNotIsAnError) {
  const auto code = [](const std::shared_ptr<arrow::Array>& array) {
    const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("c", array->type())}),
                                                array->length(), {array});
    bson_t out = BSON_INITIALIZER;
    const Status status = AppendRow(*batch, 0, &out);
    bson_destroy(&out);
    return status ? std::string() : status.error().code();
  };
  const auto one = [](const std::shared_ptr<arrow::DataType>& type, auto value) {
    return *arrow::MakeArrayFromScalar(**arrow::MakeScalar(type, value), 1);
  };
  EXPECT_EQ(code(one(arrow::uint64(), UINT64_MAX)), "ingest.value_not_storable");
  EXPECT_EQ(code(one(arrow::timestamp(arrow::TimeUnit::MICRO), int64_t{1})),
            "ingest.value_not_storable");
  EXPECT_EQ(code(one(arrow::timestamp(arrow::TimeUnit::MICRO), int64_t{1000})), "");
  EXPECT_EQ(code(one(arrow::time32(arrow::TimeUnit::SECOND), 1)), "ingest.unsupported_type");
}

TEST(Seedlist, MembersBelongToTheHostsDomain) {
  EXPECT_TRUE(IsSiblingOf("cluster0.abc.mongodb.net", "shard-00.ABC.mongodb.net"));
  EXPECT_FALSE(IsSiblingOf("cluster0.abc.mongodb.net", "shard.evil.net"));
  EXPECT_FALSE(IsSiblingOf("localhost", "localhost"));
  Seedlist seeds;
  ReadTxtOptions("authSource=admin&replicaSet=rs0&tlsInsecure=true", &seeds);
  EXPECT_EQ(seeds.replica_set, "rs0");
  EXPECT_EQ(seeds.auth_source, "admin");
}

TEST(Errors, EveryCodeIsInTheSpec) {
  const auto spec = connector::Spec::Parse(SpecDocument());
  ASSERT_TRUE(spec) << spec.error().message();
  for (const auto& row : ErrorNumbers()) {
    EXPECT_NE(spec->FindError(row.code), nullptr) << row.code;
    EXPECT_EQ(MapError(row.number, "Name", "text").code(), row.code);
  }
  EXPECT_EQ(MapError(123456, "", "text").code(), "query.failed");
  EXPECT_EQ(MapError(18, "", "text").kind(), ErrorKind::kUnauthenticated);
}

}  // namespace
}  // namespace nstarx::connectors::mongodb
