#include <arrow/api.h>
#include <gtest/gtest.h>

#include "connectors/documents/arrow_rows_walk.h"
#include "connectors/documents/document_builder.h"
#include "connectors/documents/document_schema.h"
#include "connectors/dynamodb/dynamodb_connector.h"
#include "connectors/dynamodb/dynamodb_errors.h"
#include "connectors/dynamodb/dynamodb_reader.h"
#include "connectors/dynamodb/dynamodb_statement.h"
#include "connectors/dynamodb/dynamodb_values.h"

namespace nstarx::connectors::dynamodb {
namespace {

std::string AsJson(std::string_view item) {
  const auto value = ParseReply(item);
  if (!value) return value.error().code();
  documents::JsonText text;
  const Status walked = WalkItem(*value, text);
  return walked ? text.text() : walked.error().code();
}

Result<Operation> Parse(std::string_view text, json::array parameters = {}) {
  return ParseOperation({.text = std::string(text), .parameters = std::move(parameters)});
}

std::string CodeOf(std::string_view text, json::array parameters = {}) {
  const auto operation = Parse(text, std::move(parameters));
  return operation ? "" : operation.error().code();
}

TEST(DynamodbValues, EveryKind) {
  EXPECT_EQ(AsJson(R"({"z":{"S":"é"},"a":{"N":"7"},"d":{"N":"0.10"},"n":{"NULL":true},
                       "t":{"BOOL":false}})"),
            R"({"a":7,"d":0.10,"n":null,"t":false,"z":"é"})");
  EXPECT_EQ(AsJson(R"({"l":{"L":[{"N":"1"},{"M":{"b":{"S":""}}}]},"s":{"SS":["a","b"]},
                       "x":{"NS":["12345678901234567890"]}})"),
            R"({"l":[1,{"b":""}],"s":["a","b"],"x":[12345678901234567890]})");
  EXPECT_EQ(AsJson(R"({"b":{"B":"AP8="}})"),
            R"({"b":{"$binary":{"base64":"AP8=","subType":"00"}}})");
}

TEST(DynamodbValues, FractionsAreDecimals) {
  const auto item = ParseReply(R"({"n":{"N":"0.1"}})");
  documents::SchemaInference inference;
  ASSERT_TRUE(WalkItem(*item, inference));
  EXPECT_EQ(inference.Schema()->field(0)->type()->ToString(), "decimal128(38, 1)");
}

TEST(DynamodbValues, HostileAnswers) {
  for (const std::string_view bad :
       {R"({"a":1})", R"({"a":{}})", R"({"a":{"S":1}})", R"({"a":{"X":"x"}})", R"({"a":{"L":{}}})",
        R"({"a":{"M":[]}})", R"({"a":{"BOOL":"true"}})", R"({"a":{"B":"???"}})",
        R"({"a":{"S":"x","N":"1"}})", R"({"a":{"NS":[1]}})", "[]", "", "{", "\xff"}) {
    EXPECT_EQ(AsJson(bad), "response.malformed") << bad;
  }
  std::string deep = R"({"a":)";
  for (int i = 0; i < 5000; ++i) deep += R"({"L":[)";
  EXPECT_EQ(AsJson(deep), "response.malformed");
}

TEST(DynamodbValues, Base64) {
  EXPECT_EQ(DecodeBase64(""), "");
  EXPECT_EQ(DecodeBase64("QQ=="), "A");
  EXPECT_EQ(DecodeBase64("QUI="), "AB");
  EXPECT_EQ(DecodeBase64("QUJD"), "ABC");
  EXPECT_EQ(DecodeBase64("QUJ"), std::nullopt);
  EXPECT_EQ(DecodeBase64("QU=="), "A");
  EXPECT_EQ(DecodeBase64("Q=JD"), std::nullopt);
}

TEST(DynamodbValues, Parameters) {
  const auto as_text = [](const json::value& value) {
    const auto attribute = AttributeOf(value);
    return attribute ? json::serialize(*attribute) : attribute.error().code();
  };
  EXPECT_EQ(as_text(nullptr), R"({"NULL":true})");
  EXPECT_EQ(as_text(INT64_MIN), R"({"N":"-9223372036854775808"})");
  EXPECT_EQ(as_text(0.1), R"({"N":"0.1"})");
  EXPECT_EQ(as_text("x"), R"({"S":"x"})");
  EXPECT_EQ(as_text(std::numeric_limits<double>::infinity()), "query.bad_value");
  EXPECT_EQ(as_text(json::object{{"B", "AA=="}}), R"({"B":"AA=="})");
  EXPECT_EQ(as_text(json::array{1, json::object{{"a", true}}}),
            R"({"L":[{"N":"1"},{"M":{"a":{"BOOL":true}}}]})");
}

TEST(DynamodbValues, ItemText) {
  ItemText item({"id", "at"});
  const auto write = [&](std::string_view name, int64_t id) {
    item.BeginDocument();
    item.Key("name");
    item.String(name);
    item.Key("id");
    item.Int(id);
    item.Key("list");
    item.BeginArray();
    item.Null();
    item.Decimal("-0.50");
    item.EndArray();
    item.Key("at");
    item.BeginObject();
    item.Key("id");
    item.Binary("\xff");
    item.EndObject();
    item.EndDocument();
    return item.key();
  };
  const std::string first = write("q\"", 1);
  EXPECT_EQ(item.text(), R"({"name":{"S":"q\""},"id":{"N":"1"},"list":{"L":[{"NULL":true},)"
                         R"({"N":"-0.50"}]},"at":{"M":{"id":{"B":"/w=="}}}})");
  EXPECT_EQ(first, write("another", 1));
  EXPECT_NE(first, write("another", 2));
  EXPECT_TRUE(item.failed());
}

TEST(DynamodbValues, WhatCantBeStored) {
  const auto fails = [](auto write) {
    ItemText item({});
    item.BeginDocument();
    item.Key("price");
    write(item);
    item.EndDocument();
    return !item.failed() && item.failed().error().message().find("price") != std::string::npos;
  };
  EXPECT_TRUE(fails([](ItemText& item) { item.Double(std::nan("")); }));
  EXPECT_TRUE(fails([](ItemText& item) { item.Double(1e200); }));
  EXPECT_TRUE(fails([](ItemText& item) { item.Double(5e-324); }));
  EXPECT_TRUE(fails([](ItemText& item) { item.Decimal(std::string(39, '9')); }));
  EXPECT_FALSE(fails([](ItemText& item) { item.Decimal(std::string(38, '9') + "000"); }));
}

TEST(DynamodbStatement, OperationClasses) {
  EXPECT_TRUE(Parse("select * from t")->reads_only);
  EXPECT_TRUE(Parse("\n SELECT * FROM t ; ")->reads_only);
  for (const std::string_view text :
       {"INSERT INTO t VALUE {'a': 1}", "UPDATE t SET a = 1 WHERE k = 1", "delete from t",
        "EXISTS(SELECT * FROM t)", "SELECTED", "-- SELECT\nDELETE FROM t",
        R"({"PutItem": {"TableName": "t"}})", R"({"DeleteTable": {"TableName": "t"}})",
        R"({"ExecuteTransaction": {"TransactStatements": []}})"}) {
    const auto operation = Parse(text);
    ASSERT_TRUE(operation) << text;
    EXPECT_FALSE(operation->reads_only) << text;
  }
  EXPECT_EQ(CodeOf(R"({"Scann": {}})"), "query.unknown_operation");
  EXPECT_EQ(CodeOf(R"({"Scan": {}, "DeleteTable": {}})"), "query.syntax_error");
  EXPECT_EQ(CodeOf(R"({"Scan": []})"), "query.syntax_error");
  EXPECT_EQ(CodeOf("  ;"), "query.syntax_error");
  EXPECT_EQ(CodeOf("{\"Scan\": {\"a\": \"\xff\"}}"), "query.syntax_error");
  EXPECT_EQ(CodeOf(std::string(100'000, '{')), "query.syntax_error");
}

TEST(DynamodbStatement, Parameters) {
  const auto native = Parse(
      R"({"Query": {"ExpressionAttributeValues": {":a": {"$param": 2}, ":b": {"$param": 1}}}})",
      {"x", 7});
  ASSERT_TRUE(native);
  EXPECT_EQ(json::serialize(native->arguments.at("ExpressionAttributeValues")),
            R"({":a":{"N":"7"},":b":{"S":"x"}})");
  const auto partiql = Parse("SELECT * FROM t WHERE a = ?", {nullptr});
  ASSERT_TRUE(partiql);
  EXPECT_EQ(json::serialize(partiql->arguments.at("Parameters")), R"([{"NULL":true}])");
  EXPECT_EQ(CodeOf(R"({"Scan": {"a": {"$param": 2}}})", {1}), "query.parameter_count");
  EXPECT_EQ(CodeOf(R"({"Scan": {"a": {"$param": 0}}})", {1}), "query.parameter_count");
  EXPECT_EQ(CodeOf(R"({"Scan": {}})", {1}), "query.parameter_count");
}

TEST(DynamodbStatement, ColumnsOfNothing) {
  EXPECT_EQ(WithoutConditions(*Parse(R"(SELECT a FROM "where" WHERE b = 'x')"))
                .arguments.at("Statement")
                .as_string(),
            R"(SELECT a FROM "where" )");
  const Operation scan = WithoutConditions(*Parse(
      R"({"Query": {"TableName": "t", "KeyConditionExpression": "#k = :k",
          "ProjectionExpression": "#p", "ExpressionAttributeNames": {"#k": "k", "#p": "p"}}})"));
  EXPECT_EQ(scan.name, "Scan");
  EXPECT_EQ(
      json::serialize(scan.arguments),
      R"({"TableName":"t","ProjectionExpression":"#p","ExpressionAttributeNames":{"#p":"p"}})");
  EXPECT_EQ(WithoutConditions(*Parse(R"({"GetItem": {"TableName": "t"}})")).name, "");
  EXPECT_TRUE(Filters(*Parse("SELECT * FROM t WHERE a = 1")));
  EXPECT_FALSE(Filters(*Parse("SELECT * FROM \"a WHERE b\"")));
}

TEST(DynamodbReader, ItemsThatAreThere) {
  std::deque<json::value> items;
  items.push_back(*ParseReply(R"({"b":{"N":"1"},"a":{"S":"x"}})"));
  items.push_back(*ParseReply(R"({"b":{"N":"2"}})"));
  auto stream = ItemStream::Of(std::move(items), 2);
  ASSERT_TRUE(stream);
  EXPECT_EQ((*stream)->rows_affected(), 2);
  ASSERT_EQ((*stream)->schema()->num_fields(), 2);
  const auto batch = (*stream)->Next(Context());
  ASSERT_TRUE(batch && *batch);
  EXPECT_EQ((*batch)->num_rows(), 2);
  EXPECT_EQ((*batch)->schema()->field(0)->name(), "a");
  EXPECT_EQ(*(*stream)->Next(Context()), nullptr);
}

TEST(DynamodbErrors, Refusals) {
  const auto code = [](std::string vendor, std::string message, int status = 400) {
    return FromDynamodbFailure({.http_status = status, .code = vendor, .message = message}, "Scan")
        .code();
  };
  EXPECT_EQ(code("ResourceNotFoundException", "x"), "query.undefined_table");
  EXPECT_EQ(code("ValidationException", "Statement wasn't well formed, can't"),
            "query.syntax_error");
  EXPECT_EQ(code("ValidationException", "One or more parameter values were invalid"),
            "query.bad_value");
  EXPECT_EQ(code("ProvisionedThroughputExceededException", ""), "service.busy");
  EXPECT_EQ(code("ThrottlingException", ""), "service.busy");
  EXPECT_EQ(code("AccessDeniedException", ""), "query.no_privilege");
  EXPECT_EQ(code("UnrecognizedClientException", ""), "login.unknown_access_key");
  EXPECT_EQ(code("", "", 500), "service.unavailable");
  EXPECT_EQ(code("", "", 403), "query.no_privilege");
  EXPECT_EQ(code("Unheard", "of", 400), "service.error");
}

TEST(DynamodbSpec, NamesTheCodesOfErrors) {
  const auto spec = connector::Spec::Parse(SpecDocument());
  ASSERT_TRUE(spec);
}

}  // namespace
}  // namespace nstarx::connectors::dynamodb
