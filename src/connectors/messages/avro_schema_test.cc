#include "connectors/messages/avro_schema.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

namespace nstarx::connectors::messages {
namespace {

std::string TypeOf(std::string_view schema) {
  AvroSchemaReader reader;
  const auto read = reader.Read(schema);
  return read ? (*read)->arrow->ToString() + ((*read)->nullable ? "?" : "") : read.error().code();
}

TEST(AvroSchema, EveryTypeHasItsArrowType) {
  const std::pair<const char*, const char*> kTypes[] = {
      {R"("null")", "null?"},
      {R"("boolean")", "bool"},
      {R"("int")", "int32"},
      {R"({"type": "long"})", "int64"},
      {R"({"type": {"type": "float"}})", "float"},
      {R"("double")", "double"},
      {R"("bytes")", "binary"},
      {R"("string")", "string"},
      {R"({"type": "fixed", "name": "f", "size": 3})", "binary"},
      {R"({"type": "enum", "name": "e", "symbols": ["A", "B"]})", "string"},
      {R"({"type": "array", "items": "int"})", "list<item: int32 not null>"},
      {R"({"type": "array", "items": ["int", "null"]})", "list<item: int32>"},
      {R"({"type": "map", "values": "long"})", "map<string, int64>"},
      {R"({"type": "record", "name": "r", "fields": []})", "struct<>"},
      {R"({"type": "record", "name": "r", "fields": [
          {"name": "a", "type": "int"}, {"name": "b", "type": ["null", "string"]}]})",
       "struct<a: int32 not null, b: string>"},
      {R"({"type": "int", "logicalType": "date"})", "date32[day]"},
      {R"({"type": "int", "logicalType": "time-millis"})", "time32[ms]"},
      {R"({"type": "long", "logicalType": "time-micros"})", "time64[us]"},
      {R"({"type": "long", "logicalType": "timestamp-millis"})", "timestamp[ms, tz=UTC]"},
      {R"({"type": "long", "logicalType": "timestamp-micros"})", "timestamp[us, tz=UTC]"},
      {R"({"type": "long", "logicalType": "timestamp-nanos"})", "timestamp[ns, tz=UTC]"},
      {R"({"type": "long", "logicalType": "local-timestamp-millis"})", "timestamp[ms]"},
      {R"({"type": "long", "logicalType": "local-timestamp-micros"})", "timestamp[us]"},
      {R"({"type": "long", "logicalType": "local-timestamp-nanos"})", "timestamp[ns]"},
      {R"({"type": "string", "logicalType": "uuid"})", "string"},
      {R"({"type": "fixed", "name": "u", "size": 16, "logicalType": "uuid"})", "string"},
      {R"({"type": "fixed", "name": "d", "size": 12, "logicalType": "duration"})",
       "month_day_nano_interval"},
      {R"({"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 4})",
       "decimal128(38, 4)"},
      {R"({"type": "fixed", "name": "d", "size": 40, "logicalType": "decimal", "precision": 76})",
       "decimal256(76, 0)"},
      // As Avro asks, a logical type that makes no sense is as if it were not there.
      {R"({"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3})", "binary"},
      {R"({"type": "string", "logicalType": "date"})", "string"},
      {R"({"type": "int", "logicalType": "timestamp-millis"})", "int32"},
  };
  for (const auto& [schema, type] : kTypes) EXPECT_EQ(TypeOf(schema), type) << schema;
}

TEST(AvroSchema, UnionsBecomeNullableTypesOrStructs) {
  EXPECT_EQ(TypeOf(R"(["null", "int"])"), "int32?");
  EXPECT_EQ(TypeOf(R"(["int", "null"])"), "int32?");
  EXPECT_EQ(TypeOf(R"(["null"])"), "null?");
  EXPECT_EQ(TypeOf(R"(["int", "string"])"),
            "struct<branch: string not null, int: int32, string: string>");
  EXPECT_EQ(TypeOf(R"(["int", "null", {"type": "enum", "name": "x.branch", "symbols": ["A"]},
                       {"type": "array", "items": "int"}])"),
            "struct<branch: string not null, int: int32, x.branch: string, "
            "array: list<item: int32 not null>>?");
  EXPECT_EQ(TypeOf(R"([{"type": "fixed", "name": "branch", "size": 1}, "int"])"),
            "struct<branch_: string not null, branch: binary, int: int32>");
  for (const char* bad :
       {"[]", R"(["int", "int"])", R"(["int", ["string"]])", R"(["null", "null"])",
        R"([{"type": "array", "items": "int"}, {"type": "array", "items": "int"}])"}) {
    EXPECT_EQ(TypeOf(bad), "stream.schema_invalid") << bad;
  }
}

TEST(AvroSchema, NamesAreFoundInTheirNamespace) {
  EXPECT_EQ(TypeOf(R"({"type": "record", "name": "a.b.R", "fields": [
      {"name": "x", "type": {"type": "fixed", "name": "F", "size": 2}},
      {"name": "y", "type": "F"}, {"name": "z", "type": "a.b.F"}]})"),
            "struct<x: binary not null, y: binary not null, z: binary not null>");
  EXPECT_EQ(TypeOf(R"({"type": "record", "name": "R", "namespace": "a", "fields": [
      {"name": "x", "type": {"type": "enum", "name": "E", "namespace": "b", "symbols": ["s"]}},
      {"name": "y", "type": "b.E"}]})"),
            "struct<x: string not null, y: string not null>");
  EXPECT_EQ(TypeOf(R"("nobody.knows")"), "stream.schema_invalid");
}

TEST(AvroSchema, NamesOfEarlierTextsAreKnown) {
  AvroSchemaReader reader;
  ASSERT_TRUE(reader.Read(R"({"type": "fixed", "name": "n.F", "size": 2})"));
  const auto read = reader.Read(R"({"type": "array", "items": "n.F"})");
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)->arrow->ToString(), "list<item: binary not null>");
}

TEST(AvroSchema, RecursiveTypesAreRefused) {
  EXPECT_EQ(TypeOf(R"({"type": "record", "name": "Node", "fields": [
      {"name": "next", "type": ["null", "Node"]}]})"),
            "stream.schema_recursive");
  EXPECT_EQ(TypeOf(R"({"type": "record", "name": "T", "fields": [
      {"name": "kids", "type": {"type": "array", "items": "T"}}]})"),
            "stream.schema_recursive");
}

TEST(AvroSchema, HostileTextIsRefused) {
  for (const char* bad :
       {"",
        "{",
        "1",
        "null",
        "{}",
        R"({"type": 1})",
        R"({"type": "array"})",
        R"({"type": "map"})",
        R"({"type": "record", "name": "r"})",
        R"({"type": "record", "name": "", "fields": []})",
        R"({"type": "record", "fields": []})",
        R"({"type": "record", "name": "int", "fields": []})",
        R"({"type": "record", "name": "r", "fields": [1]})",
        R"({"type": "record", "name": "r", "fields": [{"name": "a"}]})",
        R"({"type": "record", "name": "r", "fields": [{"name": "a\u0000", "type": "int"}]})",
        R"({"type": "record", "name": "r", "fields": [
            {"name": "a", "type": "int"}, {"name": "a", "type": "int"}]})",
        R"({"type": "enum", "name": "e", "symbols": []})",
        R"({"type": "enum", "name": "e", "symbols": [1]})",
        R"({"type": "fixed", "name": "f"})",
        R"({"type": "fixed", "name": "f", "size": -1})",
        R"({"type": "fixed", "name": "f", "size": 9223372036854775807})",
        "\"\xff\""}) {
    EXPECT_EQ(TypeOf(bad), "stream.schema_invalid") << bad;
  }
  EXPECT_EQ(TypeOf(std::string(2 << 20, ' ')), "stream.schema_unsupported");
  EXPECT_EQ(TypeOf(std::string(100'000, '[')), "stream.schema_invalid");
  EXPECT_EQ(TypeOf(R"({"type": "bytes", "logicalType": "decimal", "precision": 77})"),
            "stream.schema_unsupported");
  std::string deep = R"("int")";
  for (int i = 0; i < 40; ++i) deep = R"({"type": "array", "items": )" + deep + "}";
  EXPECT_EQ(TypeOf(deep), "stream.schema_unsupported");
}

TEST(AvroSchema, TypesUsedOverAndOverAreBounded) {
  // Each record holds the one before eight times: 8^20 fields in all.
  std::string fields;
  for (int i = 0; i < 20; ++i) {
    std::string inner;
    for (int j = 0; j < 8; ++j) {
      inner += fmt::format(R"({}{{"name": "f{}", "type": "{}"}})", j > 0 ? "," : "", j,
                           i == 0 ? "int" : fmt::format("r{}", i - 1));
    }
    fields += fmt::format(
        R"({}{{"name": "g{}", "type": {{"type": "record", "name": "r{}", "fields": [{}]}}}})",
        i > 0 ? "," : "", i, i, inner);
  }
  EXPECT_EQ(TypeOf(R"({"type": "record", "name": "top", "fields": [)" + fields + "]}"),
            "stream.schema_unsupported");
}

}  // namespace
}  // namespace nstarx::connectors::messages
