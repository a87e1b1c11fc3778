#include <gtest/gtest.h>

#include "connectors/custom_catalog/custom_catalog_connector.h"
#include "connectors/custom_catalog/json_path.h"
#include "connectors/custom_catalog/mapping.h"

namespace nstarx::connectors::custom_catalog {
namespace {

std::string Selected(std::string_view path, std::string_view document) {
  const auto parsed = JsonPath::Parse(path);
  if (!parsed) return parsed.error().code();
  const json::value root = *ParseJson(document);
  std::string out;
  for (const json::value* value : parsed->Find(root)) out += json::serialize(*value) + " ";
  return out;
}

TEST(JsonPathTest, SelectsMembersItemsAndWhatAFilterFits) {
  const std::string_view doc = R"({"a": {"b-c": [1, {"d": 2}, {"d": 3}]}, "id": 3, "k": "x"})";
  EXPECT_EQ(Selected("$.id", doc), "3 ");
  EXPECT_EQ(Selected("$.a.b-c[0]", doc), "1 ");
  EXPECT_EQ(Selected("$['a'][\"b-c\"][-1].d", doc), "3 ");
  EXPECT_EQ(Selected("$.a['b-c'][*].d", doc), "2 3 ");
  EXPECT_EQ(Selected("$.a['b-c'][?@.d == 2]", doc), "{\"d\":2} ");
  EXPECT_EQ(Selected("$.a['b-c'][?@.d == $.id].d", doc), "3 ");
  EXPECT_EQ(Selected("$[?@ == 'x']", doc), "\"x\" ");
  EXPECT_EQ(Selected("$.a.*[0]", doc), "1 ");
  EXPECT_EQ(Selected("$.none[9][*].x", doc), "");
  EXPECT_EQ(Selected("$.a['b-c'][3]", doc), "");
  EXPECT_EQ(Selected("$.a['b-c'][-4]", doc), "");
  EXPECT_EQ(Selected("$['it\\'s']", R"({"it's": 1})"), "1 ");
  EXPECT_EQ(Selected("$", "7"), "7 ");
}

TEST(JsonPathTest, WhatIsNoPathIsNamed) {
  for (const char* path : {"", "a", "$.", "$..a", "$[", "$[]", "$['a", "$[a]", "$[1",
                           "$[99999999999999999999]", "$[?@.a]", "$[?@.a = 1]", "$[?@.a == ]",
                           "$[?@[?@ == 1] == 1]", "$[?.a == 1]", "$.a b", "$[?@.a == {}]"}) {
    EXPECT_EQ(Selected(path, "{}"), "config.malformed_path") << path;
  }
  EXPECT_EQ(Selected("$." + std::string(2000, 'a'), "{}"), "config.malformed_path");
}

json::object MappingOf(std::string_view template_id) {
  const auto connector = MakeCustomCatalogConnector();
  for (const json::value& item : connector->spec().document().at("templates").as_array()) {
    if (item.at("id").as_string() == template_id)
      return item.at("configuration").at("mapping").as_object();
  }
  return {};
}

TEST(MappingTest, TheTemplatesAreMappings) {
  for (const char* id : {"iceberg-rest", "nessie"}) {
    const auto mapping = Mapping::Read(MappingOf(id));
    EXPECT_TRUE(mapping) << mapping.error().ToString();
  }
}

TEST(MappingTest, MistakesNameTheMember) {
  const auto field = [](const std::function<void(json::object&)>& change) {
    json::object mapping = MappingOf("iceberg-rest");
    change(mapping);
    const auto read = Mapping::Read(mapping);
    return read ? std::string("none")
                : json::value_to<std::string>(read.error().details().at("field"));
  };
  EXPECT_EQ(field([](json::object& m) { m.erase("dataset"); }), "mapping.dataset");
  EXPECT_EQ(field([](json::object& m) { m["datasets"] = 5; }), "mapping.datasets");
  EXPECT_EQ(field([](json::object& m) { m["databasse"] = 5; }), "mapping.databasse");
  EXPECT_EQ(field([](json::object& m) { m["types"] = "cobol"; }), "mapping.types");
  EXPECT_EQ(field([](json::object& m) { m["column"] = {{"name", "x"}}; }), "mapping.column.name");
  EXPECT_EQ(field([](json::object& m) { m["dataset"].as_object()["path"] = "v1"; }),
            "mapping.dataset.path");
  EXPECT_EQ(field([](json::object& m) { m["datasets"].as_object().erase("items"); }),
            "mapping.datasets");
  EXPECT_EQ(
      field([](json::object& m) { m["datasets"].as_object()["page"] = {{"parameter", "p"}}; }),
      "mapping.datasets.page");
}

TEST(MappingTest, NamesAreEncodedIntoPaths) {
  const auto mapping = Mapping::Read(MappingOf("iceberg-rest"));
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->PathOf(mapping->dataset, "a.b", "t/../{database}?x=1"),
            "/v1/namespaces/a%1Fb/tables/t%2F..%2F%7Bdatabase%7D%3Fx%3D1");
}

constexpr std::string_view kAnswer = R"json({"metadata": {
    "current-schema-id": 1, "location": "s3://b/t", "last-updated-ms": 1700000000000,
    "properties": {"owner": "ada", "comment": "c"},
    "schemas": [{"schema-id": 0, "fields": [{"name": "old", "type": "int"}]},
                {"schema-id": 1, "fields": [
                   {"name": "id", "type": "long", "required": true, "doc": "key"},
                   {"name": "l", "type": {"type": "list", "element": "decimal(9, 2)"}}]}]}})json";

TEST(MappingTest, ReadsADatasetAsItsMappingSays) {
  const auto mapping = Mapping::Read(MappingOf("iceberg-rest"));
  ASSERT_TRUE(mapping);
  const connector::Dataset shown = mapping->ReadDataset(*ParseJson(kAnswer), "d", "t");
  EXPECT_EQ(shown.path, "d.t");
  EXPECT_EQ(shown.location, "s3://b/t");
  EXPECT_EQ(shown.comment, "c");
  EXPECT_EQ(shown.owners.front().name, "ada");
  EXPECT_EQ(FormatTime(*shown.modified), "2023-11-14T22:13:20.000Z");
  ASSERT_EQ(shown.columns.size(), 2);
  EXPECT_EQ(shown.columns[0].arrow_type, "int64");
  EXPECT_FALSE(shown.columns[0].nullable);
  EXPECT_EQ(shown.columns[0].comment, "key");
  EXPECT_EQ(shown.columns[1].arrow_type, "list<item: decimal128(9, 2)>");
  EXPECT_TRUE(shown.columns[1].nullable);
  // Whatever an answer is, it is no crash.
  for (const char* odd : {"null", "[]", "5", R"({"metadata": {"schemas": 5, "properties": []}})",
                          R"({"metadata": {"last-updated-ms": 9223372036854775807}})"}) {
    EXPECT_TRUE(mapping->ReadDataset(*ParseJson(odd), "d", "t").columns.empty()) << odd;
  }
}

TEST(MappingTest, NamesMayHaveLevels) {
  const json::value levels = *ParseJson(R"(["a", "b", "t"])");
  EXPECT_EQ(ReadName(&levels).database, "a.b");
  EXPECT_EQ(ReadName(&levels).name, "t");
  const json::value one = *ParseJson(R"(["t"])");
  EXPECT_EQ(ReadName(&one).database, "");
  EXPECT_EQ(ReadName(nullptr).name, "");
}

}  // namespace
}  // namespace nstarx::connectors::custom_catalog
