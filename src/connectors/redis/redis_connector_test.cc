#include "connectors/redis/redis_connector.h"

#include <gtest/gtest.h>

#include "connectors/redis/redis_errors.h"

namespace nstarx::connectors::redis {
namespace {

TEST(Connector, UrisKeepTheirTls) {
  const auto connector = MakeRedisConnector();
  const auto draft = connector->spec().FromUri("rediss://app:canary@cache.example.com:6380/3");
  ASSERT_TRUE(draft) << draft.error().message();
  const json::object& configuration = draft->at("configuration").as_object();
  EXPECT_EQ(configuration.at("host").as_string(), "cache.example.com");
  EXPECT_EQ(configuration.at("port").to_number<int>(), 6380);
  EXPECT_EQ(configuration.at("database").to_number<int>(), 3);
  EXPECT_TRUE(connector->UsesTls(configuration, {}));
  const json::object user{{"username", "app"}};
  EXPECT_EQ(connector->spec().ToUri(configuration, user), "rediss://app@cache.example.com:6380/3");
  const auto plain = connector->spec().FromUri("redis://cache.example.com");
  ASSERT_TRUE(plain);
  EXPECT_FALSE(connector->UsesTls(plain->at("configuration").as_object(), {}));
}

TEST(Connector, ErrorsOfTheServerAreInTheTable) {
  const auto connector = MakeRedisConnector();
  for (const char* reply : {"WRONGPASS x",
                            "NOAUTH x",
                            "DENIED x",
                            "ERR max number of clients reached",
                            "ERR DB index is out of range",
                            "NOPERM x",
                            "MOVED x",
                            "TRYAGAIN x",
                            "CLUSTERDOWN x",
                            "CROSSSLOT x",
                            "LOADING x",
                            "MASTERDOWN x",
                            "READONLY x",
                            "NOREPLICAS x",
                            "MISCONF x",
                            "OOM x",
                            "BUSYGROUP x",
                            "BUSY x",
                            "WRONGTYPE x",
                            "NOSCRIPT x",
                            "NOGROUP x",
                            "UNBLOCKED x",
                            "EXECABORT x",
                            "ERR unknown command",
                            "ERR syntax error",
                            "ERR value is not",
                            "else"}) {
    const std::string code = MapError(reply).code();
    EXPECT_NE(connector->spec().FindError(code), nullptr) << reply << ": " << code;
  }
}

}  // namespace
}  // namespace nstarx::connectors::redis
