#include <gtest/gtest.h>

#include <limits>

#include "base/json.h"
#include "connectors/pulsar/libpulsar.h"
#include "connectors/pulsar/message_id.h"
#include "connectors/pulsar/protocol.h"
#include "connectors/pulsar/pulsar_admin.h"
#include "connectors/pulsar/pulsar_browse.h"
#include "connectors/pulsar/pulsar_client.h"
#include "connectors/pulsar/pulsar_connector.h"
#include "connectors/pulsar/pulsar_errors.h"

namespace nstarx::connectors::pulsar {
namespace {

TEST(PulsarErrors, EveryCodeHasARowInTheSpec) {
  const auto pulsar = MakePulsarConnector();
  const auto known = [&](const Error& error) {
    EXPECT_NE(pulsar->spec().FindError(error.code()), nullptr) << error.code();
    EXPECT_FALSE(error.message().empty());
  };
  for (int result = 1; result <= kLastResult + 1; ++result) known(MapResult(result, "reading"));
  for (int error = -1; error < 30; ++error) known(MapRefusal(error, ""));
  for (const int status : {400, 401, 403, 404, 409, 412, 500, 503}) known(MapStatus(status, ""));
  known(UnknownTopic("t"));
}

TEST(PulsarErrors, AGoodLoginWithoutTheRightIsNoWrongLogin) {
  EXPECT_EQ(MapStatus(401, R"({"reason":"Unauthorized to validateTopicOperation"})").code(),
            "query.forbidden");
  EXPECT_EQ(MapStatus(401, "<html>Authentication required</html>").code(), "login.wrong_token");
  EXPECT_EQ(MapRefusal(3, "Token has Expired").message(), "the token has expired");
  // What the broker says may quote the token.
  EXPECT_EQ(MapRefusal(3, "secret").message().find("secret"), std::string::npos);
}

TEST(MessageId, TextGoesThereAndBack) {
  const auto id = MessageId::Parse("12:34:5:6");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->ToString(), "12:34:5:6");
  EXPECT_EQ(MessageId::Parse("12:34")->ToString(), "12:34:-1:-1");
  EXPECT_EQ(MessageId::Parse("12:-1:0")->ToString(), "12:-1:0:-1");
  for (const char* bad : {"", ":", "1", "1:", ":1", "1:2:", "1:2:3:4:", "1:2:3:4:5", "a:b", "-2:1",
                          "-1:0", "1: 2", "1:2:2147483648", "99999999999999999999:1", "1:+2"}) {
    EXPECT_FALSE(MessageId::Parse(bad)) << bad;
  }
}

TEST(MessageId, BytesGoThereAndBack) {
  for (const char* text :
       {"0:0:-1:-1", "12:34:5:6", "9223372036854775807:0:2147483647:0", "1:-1:-1:-1"}) {
    const auto id = MessageId::Parse(text);
    ASSERT_TRUE(id) << text;
    const auto back = MessageId::Decode(id->Encode());
    ASSERT_TRUE(back) << text;
    EXPECT_EQ(back->ToString(), text);
  }
  EXPECT_EQ(MessageId::Decode(MessageId().Encode())->ToString(), "-1:-1:-1:-1");
}

TEST(MessageId, HostileBytesAreRefused) {
  const std::string good = MessageId{.ledger = 300, .entry = 7, .batch = 2}.Encode();
  for (size_t cut = 0; cut < good.size(); ++cut) {
    const auto id = MessageId::Decode(good.substr(0, cut));
    if (id) EXPECT_EQ(id->ledger, 300);
  }
  EXPECT_FALSE(MessageId::Decode(""));
  EXPECT_FALSE(MessageId::Decode(std::string(11, '\xFF')));  // a number without end
  EXPECT_FALSE(MessageId::Decode(good + "\x3A\x7F"));        // longer than what there is
  EXPECT_FALSE(MessageId::Decode(good + "\x07"));            // a wire type that is none
  EXPECT_FALSE(MessageId::Decode("\x08\x01"));               // no entry
  std::string huge = good + "\x3A";
  huge += "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F";
  EXPECT_FALSE(MessageId::Decode(huge));
}

TEST(MessageId, Order) {
  const MessageId first{.ledger = 1, .entry = 9, .batch = 3, .batch_size = 5};
  const MessageId second{.ledger = 2, .entry = 0};
  EXPECT_TRUE(first.EntryBefore(second));
  EXPECT_FALSE(second.ComesBefore(first));
  EXPECT_FALSE(first.IsLastOfEntry());
  EXPECT_TRUE(second.IsLastOfEntry());
  EXPECT_EQ(first.Before().ToString(), "1:9:-1:2");
  EXPECT_EQ(second.Before().ToString(), "2:-1:-1:-1");
  EXPECT_EQ(second.Before().Before().ToString(), "2:-1:-1:-1");
  EXPECT_EQ(first.NextEntry().ToString(), "1:10:-1:-1");
  const MessageId end{.ledger = 1, .entry = std::numeric_limits<int64_t>::max()};
  EXPECT_EQ(end.NextEntry().entry, end.entry);
}

std::string Frame(int type, int field, const std::string& body) {
  FieldWriter command;
  command.Varint(1, static_cast<uint64_t>(type));
  command.Bytes(field, body);
  const size_t size = command.bytes().size();
  return std::string{'\0', '\0', static_cast<char>(size >> 8U), static_cast<char>(size & 0xFFU)} +
         command.bytes();
}

TEST(PulsarProtocol, Greetings) {
  FieldWriter connected;
  connected.Bytes(1, "Pulsar Server 4.0.7");
  connected.Varint(2, 21);
  connected.Varint(3, 5 << 20);
  auto greeting = ReadGreeting(Frame(3, 3, connected.bytes()));
  ASSERT_TRUE(greeting);
  EXPECT_TRUE(greeting->connected);
  EXPECT_EQ(greeting->server_version, "Pulsar Server 4.0.7");
  EXPECT_EQ(greeting->max_message_size, 5 << 20);
  FieldWriter error;
  error.Varint(1, std::numeric_limits<uint64_t>::max());
  error.Varint(2, 3);
  error.Bytes(3, "no");
  greeting = ReadGreeting(Frame(14, 14, error.bytes()));
  ASSERT_TRUE(greeting);
  EXPECT_FALSE(greeting->connected);
  EXPECT_EQ(greeting->error, 3);
}

TEST(PulsarProtocol, HostileGreetings) {
  EXPECT_FALSE(ReadGreeting(""));
  EXPECT_FALSE(ReadGreeting("HTTP"));
  EXPECT_FALSE(ReadGreeting(std::string("\xFF\xFF\xFF\xFFxxxx", 8)));
  EXPECT_FALSE(ReadGreeting(Frame(9, 9, "")));  // another command
  EXPECT_FALSE(ReadGreeting(Frame(3, 3, "\x0A\x7F")));
  const std::string good = Frame(3, 3, "\x0A\x01x");
  for (size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(ReadGreeting(good.substr(0, cut)));
}

TEST(PulsarProtocol, ConnectFrameSaysItsSize) {
  const std::string frame = ConnectFrame("nstarx", "token");
  ASSERT_GT(frame.size(), 8U);
  EXPECT_EQ(static_cast<size_t>(frame[3]), frame.size() - 4);
  EXPECT_EQ(static_cast<size_t>(frame[7]), frame.size() - 8);
  EXPECT_EQ(ConnectFrame("nstarx", "").find("token"), std::string::npos);
}

TEST(PulsarAdmin, TopicNames) {
  Login login;
  login.tenant = "public";
  login.name_space = "default";
  EXPECT_EQ(TopicName::Parse(login, "t")->Full(std::nullopt), "persistent://public/default/t");
  EXPECT_EQ(TopicName::Parse(login, "a/b/c")->Full(3), "persistent://a/b/c-partition-3");
  EXPECT_EQ(TopicName::Parse(login, "persistent://a/b/c d")->AdminPath(0),
            "persistent/a/b/c%20d-partition-0");
  for (const std::string bad :
       {"", "a/b", "a/b/c/d", "//t", "a//t", "non-persistent://a/b/c", "\xFF", "http://x"}) {
    const auto name = TopicName::Parse(login, bad);
    ASSERT_FALSE(name) << bad;
    EXPECT_EQ(name.error().code(), "stream.unknown_topic");
  }
  EXPECT_FALSE(TopicName::Parse(login, std::string_view("a\0b", 3)));
}

TEST(PulsarAdmin, StorageOfInternalStats) {
  const auto value = ParseJson(R"({"entriesAddedCounter":3,"numberOfEntries":13,"totalSize":60,
    "currentLedgerEntries":3,"lastConfirmedEntry":"9:2",
    "ledgers":[{"ledgerId":5,"entries":10},{"ledgerId":9,"entries":0}],
    "cursors":{"g+x%2Fy":{"markDeletePosition":"5:3"},"bad":{"markDeletePosition":"x"},"worse":1}})");
  ASSERT_TRUE(value);
  const Storage storage = ReadStorage(value->as_object(), 2);
  EXPECT_EQ(storage.first.ToString(), "5:0:2:-1");
  EXPECT_EQ(storage.end.ToString(), "9:3:2:-1");
  ASSERT_EQ(storage.committed.size(), 1U);
  EXPECT_EQ(storage.committed.at("g x/y").ToString(), "5:4:2:-1");
  EXPECT_EQ(TailStart(storage, 2).ToString(), "9:0:2:-1");
  EXPECT_EQ(TailStart(storage, 5).ToString(), "5:7:2:-1");
  EXPECT_EQ(TailStart(storage, 99).ledger, -1);
  EXPECT_EQ(EstimateMessages(storage, json::value{{"msgInCounter", 30}}), 130);
  EXPECT_EQ(EstimateMessages(storage, json::value()), 13);
}

TEST(PulsarAdmin, StorageOfNonsense) {
  for (const char* text :
       {"{}", R"({"ledgers":7,"cursors":[]})", R"({"ledgers":[1,{}],"lastConfirmedEntry":"x"})",
        R"({"lastConfirmedEntry":"9223372036854775807:9223372036854775807","ledgers":[]})",
        R"({"numberOfEntries":-5,"cursors":{"%":{"markDeletePosition":"1:1"}}})"}) {
    const auto value = ParseJson(text);
    ASSERT_TRUE(value) << text;
    const Storage storage = ReadStorage(value->as_object(), -1);
    EXPECT_GE(storage.entries, 0);
    TailStart(storage, 3);
    EstimateMessages(storage, *value);
  }
}

TEST(Libpulsar, IsThereAndKnowsItsIds) {
  const auto api = LoadLibpulsar();
  ASSERT_TRUE(api) << api.error().message();
  EXPECT_STREQ((*api)->result_str(kTimeout), "TimeOut");
  const std::string bytes = MessageId{.ledger = 7, .entry = 8, .partition = 1, .batch = 2}.Encode();
  pulsar_message_id* id =
      (*api)->message_id_deserialize(bytes.data(), static_cast<uint32_t>(bytes.size()));
  EXPECT_EQ(IdOf(**api, id).ToString(), "7:8:1:2");
  (*api)->message_id_free(id);
}

}  // namespace
}  // namespace nstarx::connectors::pulsar
