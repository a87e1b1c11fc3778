#include "connectors/mongodb/mongodb_statement.h"

#include <bson/bson.h>
#include <gtest/gtest.h>

namespace nstarx::connectors::mongodb {
namespace {

Result<Command> Parse(std::string text, json::array parameters = {}) {
  return ParseCommand({.text = std::move(text), .parameters = std::move(parameters)}, "sales");
}

std::string Shown(const Command& command) {
  return json::serialize(ToJsonObject(*command.document));
}

TEST(Statement, ReadsACommand) {
  const auto found =
      Parse(R"({"find": "orders", "filter": {"total": {"$gt": 5}}, "$db": "other"})");
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->name, "find");
  EXPECT_EQ(found->collection, "orders");
  EXPECT_EQ(found->database, "other");
  EXPECT_EQ(found->shape, AnswerShape::kRows);
  EXPECT_TRUE(found->reads_only);
  EXPECT_EQ(Shown(*found), R"({"find":"orders","filter":{"total":{"$gt":5}}})");
}

TEST(Statement, SyntaxErrorsHaveTheirPositionInCharacters) {
  const auto found = Parse("{\"find\": \"é\", \"filter\": }");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), "query.syntax_error");
  EXPECT_EQ(found.error().details().at("position").as_int64(), 25);
  for (const char* bad :
       {"", "  ", "[]", "7", "SELECT 1", "{} {}", "{}", "{\"find\": \"a\"", "[{}]"}) {
    const auto refused = Parse(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code(), "query.syntax_error") << bad;
  }
}

TEST(Statement, HostileTextIsRefused) {
  std::string deep = "{\"find\": ";
  for (int i = 0; i < 5000; ++i) deep += "{\"a\":";
  EXPECT_FALSE(Parse(deep));
  EXPECT_FALSE(Parse("{\"find\": \"\xff\xfe\"}"));
  EXPECT_FALSE(Parse(R"({"find": {"$oid": "short"}})"));
  EXPECT_FALSE(Parse("db."));
  EXPECT_FALSE(Parse("db.a.find({"));
  EXPECT_FALSE(Parse("db.a.find(\"\\"));
}

TEST(Statement, ParametersAreValuesNeverText) {
  const json::array parameters{R"({"$gt": ""})", 42, nullptr, true, 0.5};
  const auto found = Parse(
      R"({"find": "a", "filter": {"n": "$1", "m": [{"$param": 2}, {"$param": 3}, "$4", "$5"]}})",
      parameters);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(Shown(*found),
            R"({"find":"a","filter":{"n":"{\"$gt\": \"\"}","m":[42,null,true,5E-1]}})");
}

TEST(Statement, ParametersOfAType) {
  const auto found = Parse(R"({"find": "a", "filter": {"_id": {"$param": 1, "as": "objectId"},
                                        "d": {"$param": 2, "as": "decimal"}}})",
                           {"507f1f77bcf86cd799439011", "12.30"});
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(Shown(*found), R"({"find":"a","filter":{"_id":{"$oid":"507f1f77bcf86cd799439011"},)"
                           R"("d":{"$numberDecimal":"12.30"}}})");
  EXPECT_EQ(Parse(R"({"find": {"$param": 1, "as": "objectId"}})", {"x"}).error().code(),
            "query.bad_value");
}

TEST(Statement, ParametersAreCounted) {
  EXPECT_EQ(Parse(R"({"find": "a", "limit": {"$param": 2}})", {1}).error().code(),
            "query.parameter_count");
  EXPECT_EQ(Parse(R"({"find": "a"})", {1}).error().code(), "query.parameter_count");
  // Without parameters "$1" is the path of a field.
  EXPECT_TRUE(Parse(R"({"aggregate": "a", "pipeline": [{"$project": {"x": "$1"}}]})"));
}

TEST(Statement, KnowsWhatWrites) {
  for (const char* reading : {R"({"find": "a"})", R"({"count": "a"})",
                              R"({"aggregate": "a", "pipeline": [{"$match": {}}]})",
                              R"({"ping": 1})", "db.a.find({})", "db.a.countDocuments({})"}) {
    EXPECT_TRUE(Parse(reading)->reads_only) << reading;
  }
  for (const char* writing :
       {R"({"insert": "a", "documents": []})", R"({"drop": "a"})", R"({"dropDatabase": 1})",
        R"({"aggregate": "a", "pipeline": [{"$out": "b"}]})",
        R"({"aggregate": "a", "pipeline": [{"$match": {}}, {"$merge": {"into": "b"}}]})",
        R"({"pipeline": [], "find": "a"})", R"({"mapReduce": "a"})", R"({"eval": "1"})",
        R"({"FIND": "a"})", "db.a.deleteMany({})", "db.a.updateOne({}, {})"}) {
    const auto found = Parse(writing);
    ASSERT_TRUE(found) << writing;
    EXPECT_FALSE(found->reads_only) << writing;
  }
}

TEST(Statement, BoundsAreAddedWhereThereAreNone) {
  const auto found = Parse(R"({"find": "a", "limit": 100})");
  const Bson bounded =
      Bounded(*found, {.limit = 7, .batch_size = 50, .max_time_ms = 900, .comment = "nstarx"});
  EXPECT_EQ(json::serialize(ToJsonObject(*bounded)),
            R"({"find":"a","limit":7,"batchSize":7,"maxTimeMS":900,"comment":"nstarx"})");
  const auto own =
      Parse(R"({"aggregate": "a", "pipeline": [], "maxTimeMS": 5, "comment": "mine"})");
  EXPECT_EQ(
      json::serialize(ToJsonObject(
          *Bounded(*own, {.batch_size = 50, .max_time_ms = 900, .comment = "nstarx"}))),
      R"({"aggregate":"a","pipeline":[],"maxTimeMS":5,"comment":"mine","cursor":{"batchSize":50}})");
}

TEST(Shell, FormsBecomeCommands) {
  EXPECT_EQ(
      Shown(*Parse(R"x(db.shop.orders.find({"a": ")"}, {"b": 1}).sort({"a": -1}).limit(3);)x")),
      R"x({"find":"shop.orders","filter":{"a":")"},"projection":{"b":1},)x"
      R"x("sort":{"a":-1},"limit":3})x");
  EXPECT_EQ(Shown(*Parse("db.orders.aggregate([{\"$limit\": 1}])")),
            R"({"aggregate":"orders","pipeline":[{"$limit":1}]})");
  EXPECT_EQ(Shown(*Parse("db.getCollection(\"odd name\").findOne()")),
            R"({"find":"odd name","filter":{},"limit":1})");
  EXPECT_EQ(
      Shown(*Parse(R"(db.a.updateMany({"x": 1}, {"$set": {"y": 2}}, {"upsert": true}))")),
      R"({"update":"a","updates":[{"q":{"x":1},"u":{"$set":{"y":2}},"multi":true,"upsert":true}]})");
  EXPECT_EQ(Shown(*Parse(R"(db.a.insertOne({"x": 1}))")),
            R"({"insert":"a","documents":[{"x":1}]})");
  EXPECT_EQ(Shown(*Parse(R"(db.a.deleteOne({"x": 1}))")),
            R"({"delete":"a","deletes":[{"q":{"x":1},"limit":1}]})");
}

TEST(Shell, ErrorsHavePositions) {
  const auto position = [](const char* text) {
    const auto found = Parse(text);
    EXPECT_FALSE(found) << text;
    return found.error().details().at("position").as_int64();
  };
  EXPECT_EQ(position("db.a.nothing({})"), 6);
  EXPECT_EQ(position("db.a.find({\"x\": })"), 17);
  EXPECT_EQ(position("db.a.find({}"), 10);
}

}  // namespace
}  // namespace nstarx::connectors::mongodb
