#include "model/connection.h"

#include <gtest/gtest.h>

namespace nstarx::model {
namespace {

Connection Sample() {
  Connection out;
  out.id = "con_1";
  out.name = "analytics-db";
  out.type = "postgresql";
  out.configuration = json::parse(R"({"host":"db","port":5432})").as_object();
  out.authentication.type = "basic";
  out.authentication.fields["username"] = "user";
  out.authentication.secrets.push_back({.name = "password", .version = 3});
  out.pooling.idle_timeout_ms = 1500;
  out.ssl = {.enabled = true, .mode = "verify-full", .certificate = "PEM"};
  out.metadata.tags = {"prod", "sales"};
  out.sharing = {.scope = "team", .team = "data", .permissions = {{"user:ann", {"view", "use"}}}};
  out.version = 7;
  out.archived = TimePoint(std::chrono::milliseconds(1234567890123));
  return out;
}

TEST(ConnectionTest, JsonRoundTripsAndShowsNoSecret) {
  const json::object shown = ToJson(Sample());
  EXPECT_EQ(shown.at("authentication").at("password").at("version").as_int64(), 3);
  const auto back = ConnectionFromJson(shown);
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_EQ(ToJson(*back), shown);
}

TEST(ConnectionTest, DraftTakesTheMissionsShapes) {
  const auto draft = DraftFromJson(json::parse(R"({"name":"a","type":"postgresql",
      "config":{"host":"h","ssl_mode":"require"},
      "authentication":{"type":"basic","credentials":{"username":"u","password":"p"}},
      "metadata":{"tags":["x","x"],"description":"d"}})")
                                       .as_object());
  ASSERT_TRUE(draft) << draft.error().ToString();
  EXPECT_FALSE(draft->configuration.contains("ssl_mode"));
  EXPECT_EQ(draft->ssl->at("mode").as_string(), "require");
  EXPECT_EQ(draft->authentication.at("password").as_string(), "p");
  EXPECT_EQ(draft->tags.size(), 1u);
}

TEST(ConnectionTest, DraftRefusesWhatItDoesNotKnow) {
  const auto draft = DraftFromJson(json::parse(R"({"nmae":"a"})").as_object());
  ASSERT_FALSE(draft);
  EXPECT_EQ(draft.error().code(), "config.unknown_field");
  EXPECT_EQ(draft.error().details().at("suggestion").as_string(), "name");
}

TEST(SslTest, ModeTurnsItOnAndDisableOff) {
  EXPECT_TRUE(SslFromJson({{"mode", "verify-ca"}}, {})->enabled);
  EXPECT_FALSE(SslFromJson({{"mode", "disable"}}, {})->enabled);
  EXPECT_EQ(SslFromJson({{"mode", "prefer"}}, {}).error().code(), "config.wrong_type");
}

TEST(PoolingTest, BoundsAreChecked) {
  EXPECT_EQ(PoolingFromJson({{"maxSize", 0}}, {}).error().code(), "config.out_of_range");
  EXPECT_EQ(PoolingFromJson({{"minSize", 5}, {"maxSize", 2}}, {}).error().code(),
            "config.out_of_range");
  EXPECT_EQ(PoolingFromJson({{"idleTimeout", "long"}}, {}).error().code(), "config.wrong_type");
}

}  // namespace
}  // namespace nstarx::model
