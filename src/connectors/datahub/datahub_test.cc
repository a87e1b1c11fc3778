#include <gtest/gtest.h>

#include "connectors/datahub/datahub_connector.h"
#include "connectors/datahub/dataset_aspects.h"
#include "connectors/datahub/gms_client.h"

namespace nstarx::connectors::datahub {
namespace {

constexpr TimePoint kAt{std::chrono::milliseconds(1'750'000'000'000)};

json::object Parse(std::string_view text) {
  auto parsed = ParseJson(text);
  EXPECT_TRUE(parsed && parsed->is_object()) << text;
  return parsed && parsed->is_object() ? parsed->get_object() : json::object();
}

TEST(DatahubNames, PathsAndUrnsAreTheSame) {
  const auto name = ReadPath("hive.\"sales.orders\"");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->Urn(), "urn:li:dataset:(urn:li:dataPlatform:hive,sales.orders,PROD)");
  EXPECT_EQ(name->Path(), "hive.\"sales.orders\"");
  const auto other = ReadPath("urn:li:dataset:(urn:li:dataPlatform:s3,b/a,b.csv,DEV)");
  EXPECT_FALSE(other) << "a comma would be another part";
  EXPECT_EQ(ReadPath("urn:li:dataset:(urn:li:dataPlatform:s3,b/a.csv,DEV)")->Path(),
            "s3.\"b/a.csv\".DEV");
  EXPECT_EQ(ReadPath("s3.\"b/a.csv\".DEV")->environment, "DEV");
  for (const char* bad : {"", "a", "a.b.c.d", "a.", ".b", "a.\"b,c\"", "a.\"b)\"",
                          "urn:li:dataset:(urn:li:dataPlatform:hive,x)", "urn:li:chart:(a,b)"}) {
    EXPECT_FALSE(ReadPath(bad)) << bad;
  }
}

TEST(DatahubAspects, AreReadAsADataset) {
  const DatasetName name{.platform = "hive", .name = "s.t"};
  const Aspects aspects = ReadAspects(Parse(R"j({"aspects": {
    "datasetKey": {"value": {}},
    "datasetProperties": {"value": {"name": "t", "description": "d", "created": {"time": 1750000000000},
      "customProperties": {"k": "v", "location": "s3://b", "format": "orc", "numRows": "42", "totalSize": "x"}}},
    "editableDatasetProperties": {"value": {"description": "edited"}},
    "schemaMetadata": {"value": {"fields": [
      {"fieldPath": "[version=2.0].[type=struct].[type=long].id", "nativeDataType": "bigint", "nullable": false},
      {"fieldPath": "a.b", "nativeDataType": "STRING", "description": "old"},
      {"fieldPath": "day", "nativeDataType": "date", "isPartitioningKey": true}, 5]}},
    "editableSchemaMetadata": {"value": {"editableSchemaFieldInfo": [{"fieldPath": "a.b", "description": "new"}]}},
    "ownership": {"value": {"owners": [{"owner": "urn:li:corpuser:ada"}, {"owner": "urn:li:corpGroup:team"}]}},
    "globalTags": {"value": {"tags": [{"tag": "urn:li:tag:pii"}]}},
    "subTypes": {"value": {"typeNames": ["External Table"]}},
    "upstreamLineage": {"value": {"upstreams": [
      {"dataset": "urn:li:dataset:(urn:li:dataPlatform:hive,s.raw,PROD)", "properties": {"process": "job"}
},
      {"dataset": "urn:li:chart:x"}, 7]
}
}
}
})j"));
  EXPECT_TRUE(IsThere(aspects));
  const auto dataset = ReadDataset(name, aspects);
  EXPECT_EQ(dataset.comment, "edited");
  EXPECT_EQ(dataset.kind, "external_table");
  ASSERT_EQ(dataset.columns.size(), 2U);
  EXPECT_EQ(dataset.columns[0].name, "id");
  EXPECT_FALSE(dataset.columns[0].nullable);
  EXPECT_EQ(dataset.columns[1].name, "a.b");
  EXPECT_EQ(dataset.columns[1].comment, "new");
  EXPECT_EQ(dataset.columns[1].arrow_type, "string");
  ASSERT_EQ(dataset.partition_columns.size(), 1U);
  EXPECT_EQ(dataset.owners.at(1).kind, "group");
  EXPECT_EQ(dataset.tags, std::vector<std::string>{"pii"});
  EXPECT_EQ(dataset.location, "s3://b");
  EXPECT_EQ(dataset.format, "orc");
  EXPECT_EQ(dataset.row_estimate, 42);
  EXPECT_FALSE(dataset.size_bytes);
  EXPECT_EQ(dataset.properties.at("k"), "v");
  EXPECT_FALSE(dataset.properties.contains("location"));
  const auto edges = ReadUpstream(name, aspects);
  ASSERT_EQ(edges.size(), 1U);
  EXPECT_EQ(edges[0].from, "hive.\"s.raw\"");
  EXPECT_EQ(edges[0].process, "job");
}

TEST(DatahubAspects, HostileAnswersGiveNothing) {
  const DatasetName name{.platform = "p", .name = "n"};
  EXPECT_FALSE(IsThere(ReadAspects(Parse(R"({"aspects": {"datasetKey": {"value": {}}}})"))));
  EXPECT_FALSE(IsThere(ReadAspects(Parse(
      R"({"aspects": {"status": {"value": {"removed": true}}, "datasetProperties": {"value": {}}}})"))));
  for (
      const char* text :
      {"{}", R"({"aspects": 5})",
       R"({"aspects": {"schemaMetadata": {"value": {"fields": {"a": 1}}}}})",
       R"({"aspects": {"schemaMetadata": 7, "globalTags": {"value": {"tags": "x"}}}})",
       R"({"aspects": {"ownership": {"value": {"owners": [1, {}]}}, "subTypes": {"value": {"typeNames": [1]}}}})"}) {
    const Aspects aspects = ReadAspects(Parse(text));
    EXPECT_TRUE(ReadDataset(name, aspects).columns.empty()) << text;
    EXPECT_TRUE(ReadUpstream(name, aspects).empty()) << text;
  }
  // A path that opens a bracket and never closes it.
  const Aspects open = ReadAspects(Parse(
      R"({"aspects": {"schemaMetadata": {"value": {"fields": [{"fieldPath": "[a.b"}, {"fieldPath": "a..b."}]}}}})"));
  EXPECT_EQ(ReadDataset(name, open).columns.size(), 2U);
}

TEST(DatahubAspects, ChangesKeepTheRest) {
  const DatasetName name{.platform = "hive", .name = "s.t"};
  connector::DatasetChange change;
  EXPECT_EQ(WriteAspects(name, {}, change, kAt).error().code(), "metadata.needs_columns");
  change.columns = {{.name = "id", .native_type = "bigint"}};
  const auto made = WriteAspects(name, {}, change, kAt);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->at("datasetProperties").at("name"), "t");
  const json::value schema = made->at("schemaMetadata");
  EXPECT_TRUE(schema.at_pointer("/fields/0/type/type")
                  .as_object()
                  .contains("com.linkedin.schema.NumberType"));
  EXPECT_EQ(made->at("status").at("removed"), false);
  Aspects now = *made;
  now["datasetProperties"]["customProperties"] = {{"a", "1"}, {"b", "2"}};
  now["schemaMetadata"]["hash"] = "h";
  const auto changed =
      WriteAspects(name, now,
                   {.partition_columns = {{{.name = "day", .native_type = "date"}}},
                    .properties = {{"b", nullptr}}},
                   kAt);
  ASSERT_TRUE(changed);
  const json::value properties = changed->at("datasetProperties");
  EXPECT_EQ(properties.at("customProperties"), (json::value{{"a", "1"}}));
  EXPECT_EQ(changed->at("schemaMetadata").at("hash"), "h");
  EXPECT_EQ(changed->at("schemaMetadata").at("fields").as_array().size(), 2U);
  EXPECT_FALSE(changed->contains("status"));
  EXPECT_EQ(WriteAspects(name, now, {.properties = {{"datahub.urn", "x"}}}, kAt).error().code(),
            "metadata.change_refused");
}

TEST(DatahubAspects, PlacesOutsideComeBackAsTheyWere) {
  const auto aspect = WriteUpstream({{.from = "kafka://events/orders"}, {.from = "hive.raw"}}, kAt);
  ASSERT_TRUE(aspect);
  Aspects aspects;
  aspects["upstreamLineage"] = *aspect;
  const auto edges = ReadUpstream({.platform = "hive", .name = "t"}, aspects);
  ASSERT_EQ(edges.size(), 2U);
  EXPECT_EQ(edges[0].from, "kafka://events/orders");
  EXPECT_EQ(edges[1].from, "hive.raw");
  EXPECT_FALSE(WriteUpstream({{.from = "s3://a,b"}}, kAt));
  EXPECT_FALSE(WriteUpstream({{.from = "nowhere"}}, kAt));
}

TEST(DatahubErrors, HaveCodes) {
  EXPECT_EQ(FromGmsAnswer(401, "<html>secret").code(), "login.refused");
  EXPECT_EQ(FromGmsAnswer(401, "").stage(), "login");
  EXPECT_EQ(FromGmsAnswer(403, R"({"message": "no"})").code(), "query.forbidden");
  EXPECT_EQ(FromGmsAnswer(404, R"({"message": "no"})").code(), "query.undefined_table");
  EXPECT_EQ(FromGmsAnswer(404, "<html>").code(), "config.wrong_path");
  EXPECT_EQ(FromGmsAnswer(422, R"({"message": "no"})").code(), "metadata.change_refused");
  EXPECT_EQ(FromGmsAnswer(302, "").code(), "service.redirected");
  EXPECT_EQ(FromGmsAnswer(500, "\xff").code(), "service.unavailable");
  EXPECT_EQ(FromGmsAnswer(401, "<html>secret").message().find("secret"), std::string::npos);
  EXPECT_EQ(FromGraphqlErrors({}).code(), "query.failed");
  EXPECT_EQ(FromGraphqlErrors({5}).code(), "query.failed");
  const json::array denied{{{"message", "no"}, {"extensions", {{"code", 403}}}}};
  EXPECT_EQ(FromGraphqlErrors(denied).code(), "query.forbidden");
}

TEST(DatahubSpec, CodesHaveHints) {
  const auto connector = MakeDatahubConnector();
  EXPECT_FALSE(connector->spec().Advise(FromGmsAnswer(401, "")).hints().empty());
  EXPECT_TRUE(connector->UsesTls({{"endpoint", "https://d/api/gms"}}, {}));
}

}  // namespace
}  // namespace nstarx::connectors::datahub
