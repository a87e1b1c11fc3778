#include <gtest/gtest.h>

#include "connectors/catalogs/dataset_notes.h"
#include "connectors/catalogs/hive_types.h"

namespace nstarx::connectors::catalogs {
namespace {

TEST(HiveTypes, WholeGrammarBecomesArrow) {
  EXPECT_EQ(ArrowTypeOfHive("INT"), "int32");
  EXPECT_EQ(ArrowTypeOfHive("decimal"), "decimal128(10, 0)");
  EXPECT_EQ(ArrowTypeOfHive("decimal(38, 18)"), "decimal128(38, 18)");
  EXPECT_EQ(ArrowTypeOfHive("timestamp with local time zone"), "timestamp[ns, tz=UTC]");
  EXPECT_EQ(ArrowTypeOfHive("varchar(10)"), "string");
  EXPECT_EQ(ArrowTypeOfHive("array<map<string,decimal(5,2)>>"),
            "list<item: map<string, decimal128(5, 2)>>");
  EXPECT_EQ(ArrowTypeOfHive("struct<a:int, `b:c``d`:struct<e:date>>"),
            "struct<a: int32, b:c`d: struct<e: date32[day]>>");
  EXPECT_EQ(ArrowTypeOfHive("uniontype<int,string>"), "dense_union<0: int32=0, 1: string=1>");
}

TEST(HiveTypes, WhatIsNoTypeIsUnknown) {
  for (const char* text : {"",
                           "strin",
                           "array",
                           "array<>",
                           "array<int",
                           "array<int>>",
                           "decimal(39,0)",
                           "decimal(5,6)",
                           "decimal(,)",
                           "decimal(-1,0)",
                           "map<int>",
                           "struct<a>",
                           "struct<:int>",
                           "struct<`a:int>",
                           "varchar(",
                           "varchar(99999999999999)",
                           "int)",
                           "int,int",
                           "<",
                           ":"}) {
    EXPECT_EQ(ArrowTypeOfHive(text), "unknown") << text;
  }
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "array<";
  EXPECT_EQ(ArrowTypeOfHive(deep), "unknown");
}

TEST(HiveTypes, FormatsHaveStorageAndAreRecognised) {
  for (const char* format : {"parquet", "orc", "avro", "csv", "json", "text"}) {
    const HiveStorage* storage = StorageOfFormat(format);
    ASSERT_NE(storage, nullptr) << format;
    EXPECT_EQ(FormatOfHive(storage->serde, storage->input_format), format);
  }
  EXPECT_EQ(StorageOfFormat("vellum"), nullptr);
  EXPECT_EQ(FormatOfHive("org.apache.iceberg.mr.hive.HiveIcebergSerDe", ""), "iceberg");
  EXPECT_EQ(FormatOfHive("", "org.apache.hadoop.mapred.TextInputFormat"), "text");
  EXPECT_EQ(FormatOfHive("x", "y"), "");
}

TEST(DatasetNotes, PathsQuoteAndComeBack) {
  for (const char* name : {"t", "a.b", "a\"b", "\"", "..", ""}) {
    const std::vector<std::string> wanted{"d", name};
    EXPECT_EQ(SplitPath(JoinPath("d", name)), wanted);
  }
  EXPECT_EQ(JoinPath("d", "t"), "d.t");
  EXPECT_TRUE(SplitPath("").empty());
  EXPECT_EQ(SplitPath("a.b.c").size(), 3);
  EXPECT_EQ(SplitPath("\"open").size(), 1);
}

TEST(DatasetNotes, TagsAndLineageAreProperties) {
  Properties properties{{"k", "v"}};
  SetTags(properties, {"pii", "漢"});
  SetUpstream(properties, {{.from = "d.raw", .to = "d.t", .process = "job"}, {.from = "x"}});
  EXPECT_EQ(TagsOf(properties), (std::vector<std::string>{"pii", "漢"}));
  const auto edges = UpstreamOf("d.t", properties);
  ASSERT_EQ(edges.size(), 2);
  EXPECT_EQ(edges[0].process, "job");
  EXPECT_EQ(edges[1].to, "d.t");
  SetTags(properties, {});
  SetUpstream(properties, {});
  EXPECT_EQ(properties.size(), 1);
}

TEST(DatasetNotes, BrokenPropertiesAreNone) {
  for (const char* text : {"", "{", "{}", "[1, {}, {\"from\": 5}, null]", "\xff"}) {
    const Properties properties{{std::string(kTagsProperty), text},
                                {std::string(kUpstreamProperty), text}};
    EXPECT_TRUE(TagsOf(properties).empty()) << text;
    EXPECT_TRUE(UpstreamOf("t", properties).empty()) << text;
  }
}

TEST(DatasetNotes, AChangeRemovesWithNull) {
  Properties properties{{"a", "1"}, {"b", "2"}};
  Apply({.tags = {{"x"}}, .properties = {{"a", nullptr}, {"c", "3"}}}, properties);
  EXPECT_EQ(properties.size(), 3);
  EXPECT_FALSE(properties.contains("a"));
  EXPECT_EQ(properties["c"], "3");
}

TEST(DatasetNotes, PagesGoOverDatabasesOnce) {
  int asked = 0;
  const auto tables = [&](const std::string& database) -> Result<std::vector<connector::Dataset>> {
    ++asked;
    std::vector<connector::Dataset> out;
    for (const char* name : {"y", "x", "a.b"}) {
      out.push_back({.path = JoinPath(database, name), .name = name, .comment = "Hello"});
    }
    return out;
  };
  connector::DatasetFilter filter{.limit = 2};
  std::vector<std::string> seen;
  for (int page = 0; page < 9; ++page) {
    const auto found = PageOver({"e", "d"}, filter, tables);
    ASSERT_TRUE(found);
    for (const auto& item : found->items) seen.push_back(item.path);
    filter.continuation = found->next;
    if (found->next.empty()) break;
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"d.\"a.b\"", "d.x", "d.y", "e.\"a.b\"", "e.x", "e.y"}));
  EXPECT_EQ(PageOver({"d"}, {.text = "hELLO"}, tables)->items.size(), 3);
  EXPECT_EQ(PageOver({"d"}, {.text = "D.X"}, tables)->items.size(), 1);
  const auto failed = PageOver({"d"}, {}, [](const std::string&) {
    return Result<std::vector<connector::Dataset>>(Internal("broken"));
  });
  EXPECT_FALSE(failed);
}

}  // namespace
}  // namespace nstarx::connectors::catalogs
