#include <gtest/gtest.h>

#include "connectors/atlas/atlas_connector.h"
#include "connectors/atlas/atlas_errors.h"
#include "connectors/atlas/entity_value.h"
#include "connectors/atlas/type_model.h"

namespace nstarx::connectors::atlas {
namespace {

json::object Parse(std::string_view text) {
  auto parsed = ParseJson(text);
  EXPECT_TRUE(parsed && parsed->is_object()) << text;
  return parsed && parsed->is_object() ? parsed->get_object() : json::object();
}

TypeModel SmallModel() {
  return TypeModel::Read(Parse(R"({"entityDefs": [
    {"name": "DataSet", "superTypes": [], "attributeDefs": [
      {"name": "qualifiedName", "typeName": "string"}, {"name": "userDescription", "typeName": "string"}]},
    {"name": "Process", "superTypes": [], "attributeDefs": []},
    {"name": "hive_db", "superTypes": [], "attributeDefs": []},
    {"name": "hive_column", "superTypes": ["DataSet"], "attributeDefs": [
      {"name": "type", "typeName": "string"}, {"name": "comment", "typeName": "string"},
      {"name": "position", "typeName": "int"}], "relationshipAttributeDefs": [
      {"name": "table", "typeName": "hive_table", "relationshipTypeName": "hive_table_columns"}]},
    {"name": "hive_table", "superTypes": ["DataSet"], "options": {"schemaElementsAttribute": "columns"},
     "attributeDefs": [{"name": "parameters", "typeName": "map<string,string>"}],
     "relationshipAttributeDefs": [
      {"name": "db", "typeName": "hive_db", "relationshipTypeName": "hive_table_db"},
      {"name": "columns", "typeName": "array<hive_column>", "relationshipTypeName": "hive_table_columns"},
      {"name": "partitionKeys", "typeName": "array<hive_column>", "relationshipTypeName": "hive_table_partitionkeys"}]},
    {"name": "my_table", "superTypes": ["hive_table"]},
    {"name": "kafka_topic", "superTypes": ["DataSet"], "attributeDefs": [
      {"name": "topic", "typeName": "string"}]},
    {"name": "loop", "superTypes": ["loop", "kafka_topic"]}, {"superTypes": 7}, 5]})"));
}

TEST(AtlasTypes, ColumnsAreNoDatasets) {
  const TypeModel model = SmallModel();
  EXPECT_EQ(model.DatasetTypes("DataSet"),
            (std::vector<std::string>{"DataSet", "hive_table", "kafka_topic", "loop", "my_table"}));
  EXPECT_EQ(model.DatasetTypes("hive_table"), (std::vector<std::string>{"hive_table", "my_table"}));
  EXPECT_TRUE(model.DatasetTypes("hive_column").empty());
  EXPECT_TRUE(model.DatasetTypes("no_such_type").empty());
  ASSERT_NE(model.Columns("my_table"), nullptr);
  EXPECT_EQ(model.Columns("my_table")->target, "hive_column");
  EXPECT_EQ(model.Columns("kafka_topic"), nullptr);
  EXPECT_EQ(model.InverseOf(*model.Columns("my_table"), "my_table"), "table");
  // The definition of a column names one of the two relationships only.
  EXPECT_EQ(model.InverseOf(*model.FindRelation("my_table", "partitionKeys"), "my_table"), "table");
  EXPECT_TRUE(model.HasAttribute("loop", "topic"));
  EXPECT_EQ(model.FindRelation("kafka_topic", "topic"), nullptr);
}

TEST(AtlasPaths, AreTypeAndQualifiedName) {
  EXPECT_EQ(PathOf("hive_table", "sales.orders@prod"), "hive_table.\"sales.orders@prod\"");
  EXPECT_EQ(PathOf("DataSet", "kafka://events/orders"), "kafka://events/orders");
  EXPECT_EQ(PathOf("DataSet", "plain"), "DataSet.plain");
  const auto name = ReadPath("hive_table.\"sales.orders@prod\"");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->type, "hive_table");
  EXPECT_EQ(name->qualified_name, "sales.orders@prod");
  const auto bucket = ReadPath("aws_s3.\"s3://bucket/a.b\"");
  ASSERT_TRUE(bucket);
  EXPECT_EQ(bucket->qualified_name, "s3://bucket/a.b");
  EXPECT_EQ(ReadPath("kafka://events/orders")->type, "DataSet");
  for (const char* bad : {"", "one", "a.b.c", "a.", ".b", "\"\".\"\""}) {
    EXPECT_FALSE(ReadPath(bad)) << bad;
  }
  EXPECT_FALSE(ReadPath("a." + std::string(10'000, 'b')));
}

TEST(AtlasEntities, AreReadWithoutWhatWasRemoved) {
  const auto dataset = ReadEntity(SmallModel(), Parse(R"({
    "entity": {"typeName": "hive_table", "guid": "g", "status": "ACTIVE", "createTime": 1795468157125,
      "attributes": {"qualifiedName": "s.t@c", "name": "t", "description": "d", "userDescription": "u",
        "owner": "ada", "tableType": "VIRTUAL_VIEW", "createTime": 0, "retention": 3, "temporary": null,
        "parameters": {"numRows": "42", "totalSize": "x", "k": "v"}},
      "relationshipAttributes": {"columns": [
        {"guid": "2", "entityStatus": "ACTIVE"}, {"guid": "3", "relationshipStatus": "DELETED"}, {"guid": "1"}, 7]},
      "classifications": [{"typeName": "PII"}], "labels": ["x", 7], "customAttributes": {"c": "1"},
      "businessAttributes": {"Governance": {"score": 3}}},
    "referredEntities": {
      "1": {"attributes": {"name": "id", "type": "bigint", "position": 0}},
      "2": {"attributes": {"name": "at", "type": "TIMESTAMP", "position": 1, "comment": "when"}},
      "3": {"attributes": {"name": "old", "type": "int", "position": 2}}}})"));
  EXPECT_EQ(dataset.path, "hive_table.\"s.t@c\"");
  EXPECT_EQ(dataset.kind, "view");
  EXPECT_EQ(dataset.comment, "u");
  ASSERT_EQ(dataset.columns.size(), 2U);
  EXPECT_EQ(dataset.columns[0].name, "id");
  EXPECT_EQ(dataset.columns[0].arrow_type, "int64");
  EXPECT_EQ(dataset.columns[1].comment, "when");
  EXPECT_EQ(dataset.columns[1].native_type, "TIMESTAMP");
  EXPECT_EQ(dataset.tags, (std::vector<std::string>{"PII", "x"}));
  EXPECT_EQ(dataset.row_estimate, 42);
  EXPECT_FALSE(dataset.size_bytes);
  EXPECT_TRUE(dataset.created);
  EXPECT_EQ(dataset.properties.at("Governance.score"), "3");
  EXPECT_EQ(dataset.properties.at("attribute.retention"), "3");
  EXPECT_EQ(dataset.properties.at("k"), "v");
  EXPECT_EQ(dataset.properties.at("c"), "1");
  EXPECT_EQ(dataset.properties.at("atlas.guid"), "g");
  EXPECT_FALSE(dataset.properties.contains("attribute.temporary"));
}

TEST(AtlasEntities, HostileAnswersGiveNothing) {
  const TypeModel model = SmallModel();
  for (const char* text :
       {"{}", R"({"entity": 5})", R"({"entity": {"typeName": 1, "attributes": []}})",
        R"({"entity": {"typeName": "hive_table", "attributes": {"qualifiedName": "q", "columns": 5,
            "parameters": [1], "sd": "x"}, "relationshipAttributes": {"columns": {"a": 1}},
            "classifications": {"a": 1}, "labels": "x", "businessAttributes": {"G": 7}}})"}) {
    const auto dataset = ReadEntity(model, Parse(text));
    EXPECT_TRUE(dataset.columns.empty()) << text;
    EXPECT_TRUE(dataset.tags.empty()) << text;
  }
  EXPECT_TRUE(ReadHeader(model, Parse(R"({"typeName": "hive_table", "guid": "-1"})")).path.empty());
  EXPECT_TRUE(
      TypeModel::Read(Parse(R"({"entityDefs": {"a": 1}})")).DatasetTypes("DataSet").empty());
}

TEST(AtlasChanges, ColumnsAreNamedBelowTheirTable) {
  const TypeModel model = SmallModel();
  connector::DatasetChange change;
  change.columns = {{.name = "id", .native_type = "int"}};
  change.comment = "c";
  change.properties = {{"k", "v"}, {"Governance.score", "3"}};
  const auto written = WriteEntity(model, {.type = "hive_table", .qualified_name = "s.t@c"},
                                   nullptr, change, {"Governance"});
  ASSERT_TRUE(written) << written.error().ToString();
  const json::value body = written->body;
  EXPECT_EQ(body.at_pointer("/entity/attributes/name"), "t");
  EXPECT_EQ(body.at_pointer("/entity/attributes/userDescription"), "c");
  EXPECT_EQ(body.at_pointer("/entity/attributes/parameters/k"), "v");
  EXPECT_EQ(body.at_pointer("/entity/relationshipAttributes/db/uniqueAttributes/qualifiedName"),
            "s@c");
  EXPECT_EQ(body.at_pointer("/referredEntities/-2/attributes/qualifiedName"), "s.t.id@c");
  EXPECT_EQ(body.at_pointer("/referredEntities/-2/relationshipAttributes/table/guid"), "-1");
  EXPECT_EQ(written->business.at("Governance").at("score"), "3");
}

TEST(AtlasChanges, WhatDoesNotFitIsRefused) {
  const TypeModel model = SmallModel();
  const auto code = [&](const char* type, const connector::DatasetChange& change) {
    const auto written =
        WriteEntity(model, {.type = type, .qualified_name = "q"}, nullptr, change, {});
    return written ? std::string() : written.error().code();
  };
  EXPECT_EQ(code("hive_table", {}), "metadata.needs_columns");
  EXPECT_EQ(code("kafka_topic", {}), "");
  EXPECT_EQ(code("kafka_topic", {.columns = {{{.name = "a"}}}}), "metadata.change_refused");
  EXPECT_EQ(code("kafka_topic", {.properties = {{"atlas.guid", "x"}}}), "metadata.change_refused");
  EXPECT_EQ(code("kafka_topic", {.properties = {{"attribute.no", "x"}}}),
            "metadata.change_refused");
  EXPECT_EQ(code("kafka_topic", {.properties = {{"attribute.topic", "x"}}}), "");
}

TEST(AtlasErrors, OwnCodesDecideBeforeTheStatus) {
  const auto body = [](std::string_view code) {
    return json::serialize(json::object{{"errorCode", code}, {"errorMessage", "said"}});
  };
  EXPECT_EQ(FromAtlasAnswer(404, body("ATLAS-404-00-009")).code(), "query.undefined_table");
  EXPECT_EQ(FromAtlasAnswer(404, body("ATLAS-404-00-007")).code(), "metadata.change_refused");
  EXPECT_EQ(FromAtlasAnswer(404, body("ATLAS-404-00-00A")).code(), "metadata.undefined_reference");
  EXPECT_EQ(FromAtlasAnswer(400, body("ATLAS-400-00-014")).code(), "metadata.undefined_database");
  EXPECT_EQ(FromAtlasAnswer(400, body("ATLAS-400-00-01A")).code(), "metadata.change_refused");
  EXPECT_EQ(FromAtlasAnswer(400, body("ATLAS-400-00-090")).code(), "metadata.bad_tag");
  EXPECT_EQ(FromAtlasAnswer(403, body("ATLAS-403-00-001")).code(), "query.forbidden");
  EXPECT_EQ(FromAtlasAnswer(409, body("ATLAS-409-00-001")).code(), "metadata.conflict");
  EXPECT_EQ(FromAtlasAnswer(404, "<html>secret</html>").code(), "config.wrong_path");
  EXPECT_EQ(FromAtlasAnswer(401, "<html>").code(), "login.refused");
  EXPECT_EQ(FromAtlasAnswer(302, "").code(), "service.redirected");
  EXPECT_EQ(FromAtlasAnswer(503, "\xff").code(), "service.unavailable");
  EXPECT_EQ(FromAtlasAnswer(404, body("ATLAS-404-00-009")).vendor_code(), "ATLAS-404-00-009");
  EXPECT_EQ(FromAtlasAnswer(404, "<html>secret</html>").message().find("secret"),
            std::string::npos);
}

TEST(AtlasSpec, EveryCodeHasItsRow) {
  const auto connector = MakeAtlasConnector();
  const Error advised = connector->spec().Advise(FromAtlasAnswer(401, ""));
  EXPECT_FALSE(advised.hints().empty());
  EXPECT_TRUE(connector->UsesTls({{"endpoint", "https://atlas:21443"}}, {}));
  EXPECT_FALSE(connector->UsesTls({{"endpoint", "http://atlas:21000"}}, {}));
}

}  // namespace
}  // namespace nstarx::connectors::atlas
