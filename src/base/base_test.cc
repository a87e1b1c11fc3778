#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/error_table.h"
#include "base/id.h"
#include "base/json.h"
#include "base/secret.h"

namespace nstarx {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return InvalidArgument("config.wrong_type", "odd");
  return value / 2;
}

Result<int> Quarter(int value) {
  NSTARX_TRY(const int half, Half(value));
  NSTARX_TRY(const int quarter, Half(half));
  return quarter;
}

TEST(StatusTest, TryReturnsTheFirstError) {
  EXPECT_EQ(*Quarter(8), 2);
  const auto failed = Quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), "config.wrong_type");
}

TEST(ErrorTableTest, CoversEveryKindOnce) {
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::kInternal); ++kind) {
    EXPECT_EQ(RowOf(static_cast<ErrorKind>(kind)).kind, static_cast<ErrorKind>(kind));
  }
  EXPECT_EQ(ErrorTable().size(), static_cast<size_t>(ErrorKind::kInternal) + 1);
}

TEST(ClockTest, TimeRoundTrips) {
  const auto time = ParseTime("2026-02-28T23:59:58.123+01:00");
  ASSERT_TRUE(time);
  EXPECT_EQ(FormatTime(*time), "2026-02-28T22:59:58.123Z");
  EXPECT_EQ(*ParseTime(FormatTime(*time)), *time);
  for (const char* bad :
       {"", "2026", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00Zx"}) {
    EXPECT_FALSE(ParseTime(bad)) << bad;
  }
}

TEST(JsonTest, RefusesHostileText) {
  EXPECT_EQ(ParseJson(" ").error().code(), "request.empty_body");
  EXPECT_EQ(ParseJson("{\"a\":\"\xff\"}").error().code(), "request.not_utf8");
  EXPECT_EQ(ParseJson("{\"a\":1,}").error().code(), "request.malformed_json");
  EXPECT_EQ(ParseJson("{} {}").error().code(), "request.malformed_json");
  EXPECT_EQ(ParseJson(std::string(100, '[') + std::string(100, ']')).error().code(),
            "request.malformed_json");
  EXPECT_EQ(ParseJson("{\"a\": [3e333]}").error().code(), "request.malformed_json");
  EXPECT_TRUE(ParseJson("{\"a\": [1, 2.5, null]}\n"));
}

TEST(JsonTest, MergePatchFollowsRfc7396) {
  json::value target = json::parse(R"({"a":"b","c":{"d":"e","f":"g"}})");
  MergePatch(target, json::parse(R"({"a":"z","c":{"f":null}})"));
  EXPECT_EQ(target, json::parse(R"({"a":"z","c":{"d":"e"}})"));
}

TEST(JsonTest, ClosestWordHelps) {
  EXPECT_EQ(ClosestWord("databse", {"host", "database", "port"}), "database");
  EXPECT_EQ(ClosestWord("xyzzy", {"host", "database", "port"}), "");
}

TEST(SecretTest, MovesAndForgets) {
  Secret a = Secret::FromString("s3cret");
  Secret b = std::move(a);
  EXPECT_EQ(b.Reveal(), "s3cret");
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): moved-from is empty by contract.
}

TEST(ContextTest, DeadlineOnlyShrinks) {
  const Context outer = Context().WithTimeout(std::chrono::milliseconds(50));
  const Context inner = outer.WithTimeout(std::chrono::hours(1));
  EXPECT_EQ(inner.deadline(), outer.deadline());
  EXPECT_TRUE(inner.Check());
  EXPECT_EQ(outer.WithTimeout(std::chrono::milliseconds(0)).Check().error().code(),
            "query.timeout");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(outer.WithStop(stop.get_token()).Check().error().code(), "query.cancelled");
}

TEST(IdTest, AreDistinctAndSortable) {
  const std::string a = NewId("con");
  EXPECT_EQ(a.size(), 4 + 26u);
  EXPECT_NE(a, NewId("con"));
  EXPECT_LT(a.substr(0, 12), "con_zzzzzzzz");
}

}  // namespace
}  // namespace nstarx
