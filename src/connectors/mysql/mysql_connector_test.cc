#include "connectors/mysql/mysql_connector.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connector/connector.h"
#include "connectors/mysql/mysql_catalog.h"
#include "connectors/mysql/mysql_client.h"

namespace nstarx::connectors::mysql {
namespace {

TEST(MysqlConnector, SpecReadsUris) {
  const auto connector = MakeMysqlConnector();
  EXPECT_EQ(connector->spec().default_port(), 3306);
  const auto parts = connector->spec().FromUri("mariadb://u:p%40ss@db:3307/sales");
  ASSERT_TRUE(parts) << parts.error().ToString();
  EXPECT_EQ(parts->at("configuration").at("database"), "sales");
  EXPECT_EQ(parts->at("configuration").at("port").to_number<int>(), 3307);
  EXPECT_EQ(parts->at("authentication").at("password"), "p@ss");
  EXPECT_EQ(connector->spec().auth_methods().size(), 2u);
}

TEST(MysqlPaths, NamesAreQuotedWhereNeeded) {
  EXPECT_EQ(PathOf("db", "plain_1"), "db.plain_1");
  EXPECT_EQ(PathOf("db", "a.b`c"), "db.`a.b``c`");
  const auto back = ParsePath("db.`a.b``c`", "");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->table, "a.b`c");
  EXPECT_EQ(ParsePath("t", "main")->database, "main");
  for (const char* path : {"", "a.", ".b", "a.b.c", "a.`b", "\xFF.x"}) {
    EXPECT_FALSE(ParsePath(path, "main")) << path;
  }
  EXPECT_FALSE(ParsePath("t", ""));
  EXPECT_EQ(Literal("a'b"), "CONVERT(x'612762' USING utf8mb4)");
}

TEST(MysqlPlan, TheServersJsonBecomesATree) {
  const auto plan = PlanTree(json::parse(
      R"({"query_block": {"select_id": 1, "cost": 1.5, "nested_loop": [
          {"table": {"table_name": "a", "access_type": "ALL", "rows": 3}},
          {"table": {"table_name": "b", "access_type": "ref", "key": "i", "rows": 1}}]}})"));
  EXPECT_EQ(plan.at("node"), "query_block");
  EXPECT_EQ(plan.at("cost"), 1.5);
  ASSERT_EQ(plan.at("children").as_array().size(), 2u);
  EXPECT_EQ(plan.at("children").at(1).at("table_name"), "b");
  EXPECT_EQ(plan.at("children").at(0).at("rows"), 3);
  EXPECT_TRUE(PlanTree(json::value("text")).empty());
}

/// What SayTlsPreface says about a server that greets with these bytes.
std::string CodeOfGreeting(const std::string& bytes) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) return "no sockets";
  EXPECT_EQ(::write(pair[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ::shutdown(pair[1], SHUT_WR);
  Status status = SayTlsPreface(pair[0], Context().WithTimeout(std::chrono::seconds(5)));
  char request[64];
  const ssize_t sent = ::read(pair[1], request, sizeof(request));
  ::close(pair[0]);
  ::close(pair[1]);
  if (!status) return status.error().code();
  return sent == 36 && request[3] == 1 ? "ok" : "wrong request";
}

std::string Greeting(int capabilities) {
  std::string body(
      "\x0A"
      "10.11\x00"
      "\x01\x00\x00\x00"
      "12345678\x00",
      20);
  body += static_cast<char>(capabilities & 0xFF);
  body += static_cast<char>(capabilities >> 8);
  body += std::string(20, '\0');
  std::string out;
  out += static_cast<char>(body.size());
  return out + std::string(3, '\0') + body;
}

TEST(MysqlPreface, GreetingsAreTold) {
  EXPECT_EQ(CodeOfGreeting(Greeting(0xFFFF)), "ok");
  EXPECT_EQ(CodeOfGreeting(Greeting(0xF7FF)), "tls.refused_by_server");
  EXPECT_EQ(CodeOfGreeting("HTTP/1.1 400 Bad Request\r\n\r\n"), "tls.not_this_protocol");
  const std::string full("\x17\x00\x00\x00\xFF\x10\x04Too many connections", 27);
  EXPECT_EQ(CodeOfGreeting(full), "login.too_many_connections");
  EXPECT_NE(CodeOfGreeting(""), "ok");
}

}  // namespace
}  // namespace nstarx::connectors::mysql
