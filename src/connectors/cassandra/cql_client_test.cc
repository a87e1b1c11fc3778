#include "connectors/cassandra/cql_client.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "net/test_listener.h"

namespace nstarx::connectors::cassandra {
namespace {

using std::string_literals::operator""s;

/// What a node says, as it is: one piece for each frame that it was sent, then it hangs up.
class FakeNode {
 public:
  explicit FakeNode(std::vector<std::string> pieces)
      : thread_([this, pieces = std::move(pieces)] {
          const int socket = listener_.Accept();
          for (const std::string& piece : pieces) {
            if (!SkipRequest(socket)) break;
            size_t at = 0;
            while (at < piece.size()) {
              const ssize_t sent =
                  ::send(socket, piece.data() + at, piece.size() - at, MSG_NOSIGNAL);
              if (sent <= 0) break;
              at += static_cast<size_t>(sent);
            }
          }
          ::close(socket);
        }) {}
  ~FakeNode() { thread_.join(); }
  int port() const { return listener_.port; }

 private:
  static bool ReadAll(int socket, std::string* into) {
    size_t have = 0;
    while (have < into->size()) {
      const ssize_t got = ::recv(socket, into->data() + have, into->size() - have, 0);
      if (got <= 0) return false;
      have += static_cast<size_t>(got);
    }
    return true;
  }
  static bool SkipRequest(int socket) {
    std::string header(kHeaderBytes, '\0');
    if (!ReadAll(socket, &header)) return false;
    std::string body(static_cast<size_t>(ParseHeader(header.data()).length), '\0');
    return ReadAll(socket, &body);
  }

  net::Listener listener_;
  std::thread thread_;
};

std::string Frame(Opcode opcode, const std::string& body, uint8_t flags = 0, int16_t stream = 0,
                  uint8_t version = kResponseBit | kProtocolVersion) {
  BodyWriter frame;
  frame.Byte(version);
  frame.Byte(flags);
  frame.Short(static_cast<uint16_t>(stream));
  frame.Byte(static_cast<uint8_t>(opcode));
  frame.Bytes(body);
  return frame.text();
}

/// The row of system.local that a node of release 9 gives.
std::string LocalRow() {
  BodyWriter body;
  body.Int(2);
  body.Int(1);  // one table for all columns
  body.Int(5);
  body.String("system");
  body.String("local");
  for (int i = 0; i < 5; ++i) {
    body.String("c");
    body.Short(0x0D);
  }
  body.Int(1);
  for (const std::string_view cell : {"9.0", "ring", "dc", "rack", "x.Murmur3Partitioner"}) {
    body.Bytes(cell);
  }
  return body.text();
}

Result<std::unique_ptr<CqlClient>> Connect(int port, std::string user = "") {
  LoginOptions options;
  options.endpoint = {.host = "127.0.0.1", .port = port};
  options.user = std::move(user);
  options.password = Secret("canary-secret");
  return CqlClient::Connect(net::Soon(), options);
}

std::string CodeOf(std::vector<std::string> pieces, std::string user = "") {
  const FakeNode node(std::move(pieces));
  auto client = Connect(node.port(), std::move(user));
  if (client) return "ok";
  EXPECT_EQ(client.error().stage(), "login") << client.error().ToString();
  EXPECT_EQ(client.error().connector(), "cassandra");
  EXPECT_FALSE(client.error().ToString().contains("canary"));
  return client.error().code();
}

TEST(CqlClient, LogsIn) {
  const FakeNode node({Frame(Opcode::kReady, ""), Frame(Opcode::kResult, LocalRow())});
  auto client = Connect(node.port());
  ASSERT_TRUE(client) << client.error().ToString();
  EXPECT_EQ(GetString((*client)->facts(), "server_version"), "9.0");
  EXPECT_EQ(GetString((*client)->facts(), "datacenter"), "dc");
  EXPECT_TRUE((*client)->has_murmur3());
}

TEST(CqlClient, NamesWhatIsNoNode) {
  EXPECT_EQ(CodeOf({}), "login.closed_by_server");
  EXPECT_EQ(CodeOf({""}), "login.closed_by_server");
  EXPECT_EQ(CodeOf({"HTTP/1.1 400 Bad Request\r\n\r\n"}), "login.protocol_unsupported");
  EXPECT_EQ(CodeOf({"\x15\3\3\0\2\2\x50 and more of a TLS alert"s}), "login.protocol_unsupported");
  EXPECT_EQ(CodeOf({Frame(Opcode::kAuthenticate, "\0\1x"s)}), "login.password_required");
  EXPECT_EQ(
      CodeOf({Frame(Opcode::kAuthenticate, "\0\1x"s), Frame(Opcode::kAuthChallenge, "")}, "me"),
      "login.plugin_unsupported");
  EXPECT_EQ(CodeOf({Frame(Opcode::kError, "\0\0\0\x0A\0\3old"s, 0, 0, 0x83)}),
            "login.protocol_unsupported");
  EXPECT_EQ(CodeOf({Frame(Opcode::kReady, "")}), "connection.lost");
  EXPECT_EQ(CodeOf({Frame(Opcode::kEvent, "")}), "connection.protocol");
}

TEST(CqlClient, SurvivesHostileFrames) {
  const std::string ready = Frame(Opcode::kReady, "");
  const auto after_ready = [&](const std::string& piece) { return CodeOf({ready, piece}); };
  // A length that never comes: memory must follow what came, and the hang-up ends it.
  EXPECT_EQ(after_ready("\x84\0\0\0\x08\x0F\xFF\xFF\xFF"s + "abc"), "connection.lost");
  EXPECT_EQ(after_ready("\x84\0\0\0\x08\xFF\xFF\xFF\xFF"s), "connection.protocol");
  EXPECT_EQ(after_ready("\x84\0\0\0\x08\x7F\xFF\xFF\xFF"s), "connection.protocol");
  EXPECT_EQ(after_ready("\x84\0\0"s), "connection.lost");
  EXPECT_EQ(after_ready(Frame(Opcode::kResult, "\0\0\0\1"s, 0x01)), "connection.protocol");
  EXPECT_EQ(after_ready(Frame(Opcode::kResult, "\xFF\xFF"s, 0x08)), "connection.protocol");
  EXPECT_EQ(after_ready(Frame(Opcode::kResult, LocalRow(), 0, 77)), "connection.protocol");
  EXPECT_EQ(after_ready(Frame(Opcode::kResult, LocalRow(), 0, 30'000)), "connection.protocol");
  EXPECT_EQ(after_ready(Frame(Opcode::kResult, "\0\0\0\1"s)), "connection.protocol");
  EXPECT_EQ(after_ready(Frame(Opcode::kReady, "")), "connection.protocol");
  EXPECT_EQ(after_ready(Frame(Opcode::kError, "")), "connection.protocol");
  std::string cut = LocalRow();
  cut.resize(cut.size() - 3);
  EXPECT_EQ(after_ready(Frame(Opcode::kResult, cut)), "connection.protocol");
}

TEST(CqlClient, WarningsAndEventsAreSkipped) {
  BodyWriter warned;
  warned.Short(1);
  warned.String("batch is large");
  warned.Raw(LocalRow());
  const std::string event = Frame(Opcode::kEvent, "x", 0, -1);
  const FakeNode node(
      {event + Frame(Opcode::kReady, ""), Frame(Opcode::kResult, warned.text(), 0x08)});
  auto client = Connect(node.port());
  EXPECT_TRUE(client) << client.error().ToString();
}

TEST(CqlClient, WaitsNoLongerThanTheDeadline) {
  const net::Listener silent;
  LoginOptions options;
  options.endpoint = {.host = "127.0.0.1", .port = silent.port};
  options.connect_timeout = std::chrono::milliseconds(100);
  auto client = CqlClient::Connect(net::Soon(), options);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code(), "query.timeout");
  EXPECT_EQ(client.error().stage(), "login");
}

}  // namespace
}  // namespace nstarx::connectors::cassandra
