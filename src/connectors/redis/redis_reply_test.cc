#include "connectors/redis/redis_reply.h"

#include <gtest/gtest.h>

#include <cstring>

#include "connectors/redis/redis_column.h"
#include "connectors/redis/redis_errors.h"

namespace nstarx::connectors::redis {
namespace {

using Kind = Reply::Kind;

/// A reader of a text that comes in pieces of `step` bytes.
ReplyReader ReaderOf(std::string text, size_t step = 1, size_t max_bytes = 64 << 20) {
  return ReplyReader(
      [text = std::move(text), step, at = size_t{0}](
          const Context&, std::span<char> into) mutable -> Result<size_t> {
        const size_t part = std::min({step, into.size(), text.size() - at});
        if (part > 0) std::memcpy(into.data(), text.data() + at, part);
        at += part;
        return part;
      },
      max_bytes);
}

std::string CodeOf(const std::string& text, size_t max_bytes = 64 << 20) {
  ReplyReader reader = ReaderOf(text, 7, max_bytes);
  const auto found = reader.Read(Context());
  return found ? "" : found.error().code();
}

TEST(Reply, ReadsEveryKindByteByByte) {
  ReplyReader reader = ReaderOf(
      "+OK\r\n-ERR no\r\n:-9223372036854775808\r\n$5\r\na\r\nb\0\r\n"
      "$-1\r\n*-1\r\n_\r\n,1.5\r\n,-inf\r\n#t\r\n(123456789012345678901\r\n=6\r\ntxt:é\r\n");
  const Context context;
  EXPECT_EQ(reader.Read(context)->text, "OK");
  EXPECT_EQ(reader.Read(context)->kind, Kind::kError);
  EXPECT_EQ(reader.Read(context)->integer, std::numeric_limits<int64_t>::min());
}

TEST(Reply, ReadsAggregatesAndSkipsPushes) {
  ReplyReader reader = ReaderOf(
      ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n%1\r\n$1\r\na\r\n*2\r\n:1\r\n~1\r\n,2.5\r\n"
      "*0\r\n$3\r\na\nb\r\n=6\r\ntxt:hi\r\n");
  const Context context;
  const auto map = reader.Read(context);
  ASSERT_TRUE(map) << map.error().message();
  EXPECT_EQ(map->kind, Kind::kMap);
  std::string json;
  AppendJson(*map, &json);
  EXPECT_EQ(json, R"([["a",[1,[2.5]]]])");
  EXPECT_TRUE(reader.Read(context)->items.empty());
  EXPECT_EQ(reader.Read(context)->text, "a\nb");
  EXPECT_EQ(reader.Read(context)->text, "hi");
  EXPECT_EQ(reader.Read(context).error().code(), "connection.lost");
}

TEST(Reply, HostileBytesAreErrors) {
  for (const char* bad : {"HTTP/1.1 400 Bad Request\r\n", "\x15\x03\x01\x00\x02\x02\x46",
                          ":12a\r\n", ":\r\n", "$-2\r\n", "$99999999999999999999\r\n",
                          "$3\r\nabcde", "*-7\r\n", "%9223372036854775807\r\n", "#x\r\n",
                          ",abc\r\n", "\r\n", "+OK\n", "=2\r\nab\r\n", "*x\r\n"}) {
    EXPECT_EQ(CodeOf(bad), "connection.protocol_error") << bad;
  }
  EXPECT_EQ(CodeOf("*3\r\n:1\r\n"), "connection.lost");
  EXPECT_EQ(CodeOf("$5\r\nab"), "connection.lost");
  EXPECT_EQ(CodeOf("+" + std::string(200'000, 'a')), "connection.protocol_error");
}

TEST(Reply, NestingAndMemoryAreBounded) {
  std::string deep;
  for (int level = 0; level < 1000; ++level) deep += "*1\r\n";
  EXPECT_EQ(CodeOf(deep), "connection.protocol_error");
  EXPECT_EQ(CodeOf("$9223372036854775805\r\n"), "query.value_too_large");
  EXPECT_EQ(CodeOf("$9223372036854775807\r\nab"), "query.value_too_large");
  // A count alone takes no memory; what comes is charged.
  EXPECT_EQ(CodeOf("*1000000000\r\n:1\r\n"), "connection.lost");
  std::string many = "*1000000\r\n";
  for (int item = 0; item < 100'000; ++item) many += "_\r\n";
  EXPECT_EQ(CodeOf(many, 1 << 20), "query.value_too_large");
}

TEST(Reply, HeadLeavesTheItems) {
  ReplyReader reader = ReaderOf("*2\r\n:1\r\n:2\r\n+next\r\n", 3);
  const Context context;
  const auto head = reader.ReadHead(context);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->items, 2);
  EXPECT_EQ(reader.Read(context)->integer, 1);
  EXPECT_EQ(reader.Read(context)->integer, 2);
  EXPECT_EQ(reader.Read(context)->text, "next");
}

TEST(Reply, CommandsAreBulkStrings) {
  std::string out;
  const std::vector<std::string> words{"SET", "k\r\n", ""};
  AppendCommand(words, &out);
  EXPECT_EQ(out, "*3\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$0\r\n\r\n");
}

TEST(Errors, RepliesHaveCodesAndNoSecrets) {
  const auto code = [](std::string_view reply) { return MapError(reply).code(); };
  EXPECT_EQ(code("WRONGPASS invalid username-password pair"), "login.wrong_password");
  EXPECT_EQ(code("NOAUTH Authentication required."), "login.password_required");
  EXPECT_EQ(code("NOPERM this user has no permissions"), "query.no_privilege");
  EXPECT_EQ(code("MOVED 3999 127.0.0.1:6381"), "query.moved");
  EXPECT_EQ(code("BUSY Redis is busy running a script"), "query.script_running");
  EXPECT_EQ(code("BUSYKEY Target key name already exists."), "query.already_exists");
  EXPECT_EQ(code("SOMETHING else"), "query.failed");
  const Error unknown = MapError("ERR unknown command 'AUHT', with args beginning with: 'canary'");
  EXPECT_EQ(unknown.code(), "query.unknown_command");
  EXPECT_EQ(unknown.message().find("canary"), std::string::npos);
  EXPECT_EQ(
      MapError("NOPERM this user has no permissions to run the 'select' command", "login").code(),
      "login.no_privilege");
  EXPECT_EQ(MapError("ERR odd", "login").code(), "login.failed");
}

TEST(Numbers, AreExactOrText) {
  int64_t integer = 0;
  double number = 0;
  EXPECT_TRUE(ExactInteger("-9223372036854775808", &integer));
  for (const char* text : {"007", "+1", "-0", "9223372036854775808", "1 ", "", "0x1"}) {
    EXPECT_FALSE(ExactInteger(text, &integer)) << text;
  }
  EXPECT_TRUE(ExactDouble("0.1", &number));
  EXPECT_TRUE(ExactDouble("5e-324", &number));
  for (const char* text :
       {"0.10", "1e5", "nan", "inf", "0.1000000000000000055511151231257827", ""}) {
    EXPECT_FALSE(ExactDouble(text, &number)) << text;
  }
}

}  // namespace
}  // namespace nstarx::connectors::redis
