#include "connectors/aws/json_client.h"

#include <gtest/gtest.h>

#include <thread>

namespace nstarx::connectors::aws {
namespace {

TEST(JsonFailure, CodeAndMessage) {
  const ServiceFailure failure = ReadJsonFailure(
      {.status = 400, .body = R"({"__type":"com.amazonaws#Busy:http://x","Message":"slow"})"});
  EXPECT_EQ(failure.code, "Busy");
  EXPECT_EQ(failure.message, "slow");
  EXPECT_EQ(ReadJsonFailure({.status = 400,
                             .headers = {{"x-amzn-errortype", "AccessDeniedException:"}},
                             .body = R"({"__type":"Other"})"})
                .code,
            "AccessDeniedException");
}

TEST(JsonFailure, XmlFromWhatStandsBefore) {
  const ServiceFailure failure = ReadJsonFailure(
      {.status = 403,
       .body = "<ErrorResponse><Errors><Error><Code>SignatureDoesNotMatch</Code></Error></Errors>"
               "</ErrorResponse>"});
  EXPECT_EQ(failure.code, "SignatureDoesNotMatch");
  EXPECT_EQ(FromJsonFailure(failure, "").code(), "login.wrong_secret_key");
}

TEST(JsonFailure, HostileBodies) {
  for (const char* body : {"", "<html>", "[1]", R"({"__type":7})", "{\"__type\":\"\xff\"}"}) {
    const ServiceFailure failure = ReadJsonFailure({.status = 502, .body = body});
    EXPECT_EQ(failure.code, "") << body;
    EXPECT_EQ(FromJsonFailure(failure, "Scan").code(), "service.unavailable");
  }
}

TEST(JsonFailure, WhyASignatureIsRefused) {
  const auto code = [](std::string message) {
    return FromJsonFailure(
               {.http_status = 400, .code = "InvalidSignatureException", .message = message}, "")
        .code();
  };
  EXPECT_EQ(code("The request signature we calculated does not match"), "login.wrong_secret_key");
  EXPECT_EQ(code("Signature expired: 2026… is now earlier than 2026…"), "clock.skewed");
  EXPECT_EQ(code("Credential should be scoped to a valid region."), "region.wrong");
}

TEST(Repeating, DoublesUpToABound) {
  EXPECT_EQ(RepeatAfter(0, 0).count(), 50);
  EXPECT_EQ(RepeatAfter(1, 0).count(), 100);
  EXPECT_EQ(RepeatAfter(1, 1).count(), 50);
  EXPECT_EQ(RepeatAfter(1000, 0).count(), 5000);
  EXPECT_EQ(RepeatAfter(-5, 7).count(), 25);
}

TEST(Repeating, PauseEndsWithItsCaller) {
  std::stop_source stop;
  const Context context = Context().WithStop(stop.get_token());
  std::jthread stopper([&] { stop.request_stop(); });
  const Status paused = Pause(context, std::chrono::hours(1));
  ASSERT_FALSE(paused);
  EXPECT_EQ(paused.error().code(), "query.cancelled");
  const Status late =
      Pause(Context().WithTimeout(std::chrono::milliseconds(1)), std::chrono::hours(1));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), "query.timeout");
}

}  // namespace
}  // namespace nstarx::connectors::aws
