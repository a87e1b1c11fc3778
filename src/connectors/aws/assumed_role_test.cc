#include "connectors/aws/assumed_role.h"

#include <gtest/gtest.h>

#include "connectors/aws/aws_errors.h"

namespace nstarx::connectors::aws {
namespace {

CredentialsPtr Temporary(std::string id, TimePoint expires) {
  auto credentials = std::make_shared<Credentials>();
  credentials->access_key_id = std::move(id);
  credentials->expires = expires;
  return credentials;
}

TEST(AssumeRoleAnswerTest, IsRead) {
  const auto answer = ReadAssumeRoleAnswer(
      "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
      "<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s/1+</SecretAccessKey>"
      "<SessionToken>t==</SessionToken><Expiration>2026-11-23T08:00:00Z</Expiration></Credentials>"
      "</AssumeRoleResult></AssumeRoleResponse>");
  ASSERT_TRUE(answer) << answer.error().ToString();
  EXPECT_EQ((*answer)->access_key_id, "ASIA1");
  EXPECT_EQ((*answer)->secret_access_key.Reveal(), "s/1+");
  EXPECT_EQ((*answer)->session_token.Reveal(), "t==");
  EXPECT_EQ(FormatTime(*(*answer)->expires), "2026-11-23T08:00:00.000Z");
}

TEST(AssumeRoleAnswerTest, WithoutCredentialsIsAnError) {
  for (const char* text : {"<AssumeRoleResponse/>", "<html></html>",
                           "<R><AssumeRoleResult><Credentials><AccessKeyId>a</AccessKeyId>"
                           "</Credentials></AssumeRoleResult></R>"}) {
    EXPECT_EQ(ReadAssumeRoleAnswer(text).error().code(), "response.malformed") << text;
  }
}

TEST(AssumedRoleTest, RenewsFiveMinutesBeforeTheEnd) {
  ManualClock clock(TimePoint{});
  int calls = 0;
  AssumedRole role(
      [&](const Context&) -> Result<CredentialsPtr> {
        return Temporary(fmt::format("key{}", ++calls), clock.Now() + std::chrono::hours(1));
      },
      clock);
  const Context context;
  EXPECT_EQ((*role.Get(context))->access_key_id, "key1");
  clock.Advance(std::chrono::minutes(54));
  EXPECT_EQ((*role.Get(context))->access_key_id, "key1");
  clock.Advance(std::chrono::minutes(2));
  EXPECT_EQ((*role.Get(context))->access_key_id, "key2");
  EXPECT_EQ(calls, 2);
}

TEST(AssumedRoleTest, GetFreshAsksAgainWhenOlderThanAsked) {
  ManualClock clock(TimePoint{});
  int calls = 0;
  AssumedRole role(
      [&](const Context&) -> Result<CredentialsPtr> {
        return Temporary(fmt::format("key{}", ++calls), clock.Now() + std::chrono::hours(1));
      },
      clock);
  ASSERT_TRUE(role.GetFresh({}, std::chrono::seconds(60)));
  clock.Advance(std::chrono::seconds(59));
  EXPECT_EQ((*role.GetFresh({}, std::chrono::seconds(60)))->access_key_id, "key1");
  clock.Advance(std::chrono::seconds(2));
  EXPECT_EQ((*role.GetFresh({}, std::chrono::seconds(60)))->access_key_id, "key2");
}

TEST(AssumedRoleTest, ManyThreadsMakeOneCall) {
  ManualClock clock(TimePoint{});
  std::atomic<int> calls = 0;
  AssumedRole role(
      [&](const Context&) -> Result<CredentialsPtr> {
        ++calls;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        return Temporary("key", clock.Now() + std::chrono::hours(1));
      },
      clock);
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] { good += role.Get({}).has_value() ? 1 : 0; });
    }
  }
  EXPECT_EQ(good, 8);
  EXPECT_EQ(calls, 1);
}

TEST(AssumedRoleTest, AFailureIsNotKept) {
  const ManualClock clock(TimePoint{});
  int calls = 0;
  AssumedRole role(
      [&](const Context&) -> Result<CredentialsPtr> {
        if (++calls == 1) return Unavailable("tcp.refused", "down");
        return Temporary("key", clock.Now() + std::chrono::hours(1));
      },
      clock);
  EXPECT_EQ(role.Get({}).error().code(), "tcp.refused");
  EXPECT_TRUE(role.Get({}));
}

TEST(AssumedRoleTest, AWaiterHonoursItsDeadline) {
  const ManualClock clock(TimePoint{});
  std::atomic<bool> begun = false;
  std::atomic<bool> go_on = false;
  AssumedRole role(
      [&](const Context&) -> Result<CredentialsPtr> {
        begun = true;
        begun.notify_all();
        go_on.wait(false);
        return Temporary("key", clock.Now() + std::chrono::hours(1));
      },
      clock);
  std::jthread first([&] { EXPECT_TRUE(role.Get({})); });
  begun.wait(false);
  const auto late = role.Get(Context().WithTimeout(std::chrono::milliseconds(20)));
  EXPECT_EQ(late.error().code(), "query.timeout");
  go_on = true;
  go_on.notify_all();
}

TEST(AssumedRoleCacheTest, KeepsAtMost256) {
  const ManualClock clock(TimePoint{});
  AssumedRoleCache cache;
  int made = 0;
  const auto make = [&] {
    ++made;
    return std::make_shared<AssumedRole>(AssumedRole::Renew(), clock);
  };
  const auto first = cache.Find("first", make);
  EXPECT_EQ(cache.Find("first", make), first);
  for (int i = 0; i < 256; ++i) static_cast<void>(cache.Find(fmt::format("{}", i), make));
  EXPECT_NE(cache.Find("first", make), first);
  EXPECT_EQ(made, 258);
}

TEST(AwsErrorsTest, EveryKnownCodeHasItsOwnCodeAndStage) {
  const struct {
    const char* vendor;
    int status;
    const char* code;
    const char* stage;
  } rows[] = {
      {"InvalidAccessKeyId", 403, "login.unknown_access_key", "login"},
      {"InvalidClientTokenId", 403, "login.unknown_access_key", "login"},
      {"SignatureDoesNotMatch", 403, "login.wrong_secret_key", "login"},
      {"ExpiredToken", 400, "login.token_expired", "login"},
      {"InvalidTokenId", 403, "login.malformed_token", "login"},
      {"RequestTimeTooSkewed", 403, "clock.skewed", "login"},
      {"PermanentRedirect", 301, "region.wrong", "login"},
      {"AuthorizationHeaderMalformed", 400, "region.wrong", "login"},
      {"SlowDown", 503, "service.busy", "query"},
      {"InternalError", 500, "service.unavailable", "query"},
      {"AccessDenied", 403, "object.no_privilege", "query"},
      {"SomethingNew", 400, "service.error", "query"},
      {"", 403, "object.no_privilege", "query"},
      {"", 502, "service.unavailable", "query"},
  };
  for (const auto& row : rows) {
    const ServiceFailure failure{
        .http_status = row.status, .code = row.vendor, .message = "said", .region = ""};
    const Error error = FromServiceFailure(failure, "x");
    EXPECT_EQ(error.code(), row.code) << row.vendor;
    EXPECT_EQ(error.stage(), row.stage) << row.vendor;
  }
}

TEST(AwsErrorsTest, TheRightRegionIsTold) {
  const Error error = FromServiceFailure(
      ReadFailure(400,
                  "<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message><Region>"
                  "eu-west-1</Region></Error>"),
      "bucket");
  EXPECT_EQ(error.code(), "region.wrong");
  EXPECT_EQ(error.details().at("region"), "eu-west-1");
  EXPECT_EQ(error.hints().front(), "Set the connection's region to eu-west-1.");
}

TEST(AwsErrorsTest, LoginFailuresDoNotQuoteTheAnswer) {
  const Error error = FromServiceFailure(
      {.http_status = 403, .code = "SignatureDoesNotMatch", .message = "AKIA leaked", .region = ""},
      "bucket");
  EXPECT_EQ(error.message().find("leaked"), std::string::npos);
}

}  // namespace
}  // namespace nstarx::connectors::aws
