#include <gtest/gtest.h>

#include "connectors/kinesis/kinesis_api.h"
#include "connectors/kinesis/kinesis_connector.h"
#include "connectors/kinesis/kinesis_errors.h"

namespace nstarx::connectors::kinesis {
namespace {

TEST(KinesisApi, ShardsHaveNumbers) {
  EXPECT_EQ(ShardNumber("shardId-000000000012"), 12);
  for (const char* text : {"", "shardId-", "shardId-1x", "shardId--1", "shard-1",
                           "shardId-99999999999999999999", "000000000012"}) {
    EXPECT_EQ(ShardNumber(text), std::nullopt) << text;
  }
}

TEST(KinesisApi, ReadsRecords) {
  const auto page = ReadPage(R"({"NextShardIterator": "it", "MillisBehindLatest": 7, "Records": [
      {"SequenceNumber": "49545115243490985018280067714973144582180062593244200961",
       "ApproximateArrivalTimestamp": 1.4415E9, "Data": "aGk=", "PartitionKey": "k"},
      {"SequenceNumber": "2", "Data": "", "PartitionKey": "é"}]})");
  ASSERT_TRUE(page) << page.error().ToString();
  EXPECT_EQ(page->next_iterator, "it");
  EXPECT_EQ(page->behind_ms, 7);
  ASSERT_EQ(page->records.size(), 2U);
  EXPECT_EQ(page->records[0].data, "hi");
  EXPECT_EQ(page->records[0].arrived_ms, 1'441'500'000'000);
  EXPECT_EQ(page->records[1].data, "");
  EXPECT_EQ(page->records[1].arrived_ms, std::nullopt);
}

TEST(KinesisApi, ClosedShardsHaveNoNextPlace) {
  const auto page = ReadPage(R"({"NextShardIterator": null, "Records": []})");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->next_iterator, "");
}

TEST(KinesisApi, HostileAnswersAreErrors) {
  for (const char* body :
       {"", "[]", "{}", "{\"Records\": {}}", R"({"Records": [1]})",
        R"({"Records": [{"Data": "a"}]})", R"({"Records": [{"Data": "@@@@"}]})"}) {
    const auto page = ReadPage(body);
    ASSERT_FALSE(page) << body;
    EXPECT_EQ(page.error().code(), "response.malformed");
  }
  const auto odd = ReadPage(R"({"Records": [{"Data": 5, "ApproximateArrivalTimestamp": 1e300}]})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->records[0].arrived_ms, std::nullopt);
}

TEST(KinesisErrors, AreThoseOfTheSpec) {
  const auto connector = MakeKinesisConnector();
  for (const char* vendor :
       {"ResourceNotFoundException", "ResourceInUseException", "ExpiredIteratorException",
        "InvalidArgumentException", "KMSDisabledException", "KMSThrottlingException",
        "ProvisionedThroughputExceededException", "AccessDeniedException", "SomethingNew"}) {
    const Error error = FromKinesisFailure({.http_status = 400, .code = vendor}, "orders");
    EXPECT_NE(connector->spec().FindError(error.code()), nullptr) << vendor << error.code();
  }
}

TEST(KinesisSpec, AUriNamesTheRegion) {
  const auto connector = MakeKinesisConnector();
  const auto draft = connector->spec().FromUri("kinesis://eu-central-1");
  ASSERT_TRUE(draft) << draft.error().ToString();
  EXPECT_EQ(GetString(draft->at("configuration").as_object(), "region"), "eu-central-1");
}

}  // namespace
}  // namespace nstarx::connectors::kinesis
