#include <gtest/gtest.h>

#include "connectors/rabbitmq/amqp_wire.h"
#include "connectors/rabbitmq/rabbitmq_connector.h"
#include "connectors/rabbitmq/rabbitmq_errors.h"
#include "connectors/rabbitmq/rabbitmq_queue.h"

namespace nstarx::connectors::rabbitmq {
namespace {

TEST(RabbitmqErrors, EveryReplyHasARowInTheSpec) {
  const auto rabbitmq = MakeRabbitmqConnector();
  for (const std::string_view words : {"", "Login was refused", "vhost x not found",
                                       "access to vhost", "exclusive", "message size", "limit"}) {
    for (uint16_t code = 300; code < 560; ++code) {
      const Error error = MapReply(code, words);
      EXPECT_NE(rabbitmq->spec().FindError(error.code()), nullptr) << error.code();
      EXPECT_FALSE(error.message().empty());
      EXPECT_EQ(error.vendor_code(), std::to_string(code));
    }
  }
  EXPECT_EQ(MapReply(403, "ACCESS_REFUSED - Login was refused using PLAIN").code(),
            "login.wrong_password");
  EXPECT_EQ(MapReply(403, "ACCESS_REFUSED - access to queue 'q'").code(), "query.forbidden");
  EXPECT_EQ(MapReply(404, "\xff").message(), "the server's reason is not text");
}

TEST(AmqpWire, PropertiesComeBackAsTheyWere) {
  Properties in;
  in.headers.emplace_back("text", HeaderValue{.bytes = "\xff", .number = {}, .is_json = false});
  in.headers.emplace_back("none", HeaderValue{});
  in.headers.emplace_back("n", HeaderValue{.bytes = "", .number = -5, .is_json = false});
  in.timestamp = 1'700'000'000;
  in.priority = 9;
  in.texts = {{"message_id", "m"}, {"content_type", "text/plain"}};
  const auto bytes = EncodeProperties(in);
  ASSERT_TRUE(bytes);
  WireReader reader(*bytes);
  const auto out = DecodeProperties(reader);
  ASSERT_TRUE(out);
  EXPECT_TRUE(reader.at_end());
  ASSERT_EQ(out->headers.size(), 3U);
  EXPECT_EQ(out->headers[0].second.bytes, "\xff");
  EXPECT_FALSE(out->headers[1].second.bytes);
  EXPECT_EQ(out->headers[2].second.number, -5);
  EXPECT_EQ(out->timestamp, in.timestamp);
  EXPECT_EQ(out->priority, in.priority);
  EXPECT_FALSE(out->delivery_mode);
  EXPECT_EQ(out->texts.size(), 2U);
}

TEST(AmqpWire, EveryPrefixOfPropertiesIsRefusedOrShorter) {
  Properties in;
  in.headers.emplace_back("h", HeaderValue{.bytes = "v", .number = {}, .is_json = false});
  in.texts = {{"message_id", "m"}};
  const auto bytes = EncodeProperties(in);
  ASSERT_TRUE(bytes);
  for (size_t size = 0; size < bytes->size(); ++size) {
    WireReader reader(std::string_view(*bytes).substr(0, size));
    EXPECT_FALSE(DecodeProperties(reader)) << size;
  }
}

TEST(AmqpWire, WhatCanNotBeSentIsRefused) {
  Properties in;
  in.texts = {{"message_id", std::string(256, 'x')}};
  EXPECT_EQ(EncodeProperties(in).error().code(), "stream.invalid_header");
  in.texts = {{"no_such", "x"}};
  EXPECT_EQ(EncodeProperties(in).error().code(), "stream.invalid_header");
  in.texts.clear();
  in.headers.emplace_back(std::string(256, 'h'), HeaderValue{});
  EXPECT_EQ(EncodeProperties(in).error().code(), "stream.invalid_header");
}

std::string TableOf(std::string_view field) {
  WireWriter entry;
  entry.ShortString("h");
  WireWriter table;
  table.LongString(entry.bytes() + std::string(field));
  return table.Take();
}

TEST(AmqpWire, FieldsOfEveryType) {
  using namespace std::string_literals;
  const auto shown = [](const std::string& field) {
    const std::string table = TableOf(field);
    WireReader reader(table);
    const HeaderTable out = reader.Table();
    EXPECT_TRUE(reader.ok());
    return out.empty() ? std::string("?") : out[0].second.bytes.value_or("NULL");
  };
  EXPECT_EQ(shown("V"), "NULL");
  EXPECT_EQ(shown("t\x01"), "true");
  EXPECT_EQ(shown("b\xff"), "-1");
  EXPECT_EQ(shown("B\xff"), "255");
  EXPECT_EQ(shown("s\x80\x00"s), "-32768");
  EXPECT_EQ(shown("I\x80\x00\x00\x00"s), "-2147483648");
  EXPECT_EQ(shown("l\x80\x00\x00\x00\x00\x00\x00\x00"s), "-9223372036854775808");
  EXPECT_EQ(shown("D\x02\x00\x00\x00\x05"s), "0.05");
  EXPECT_EQ(shown("D\x02\xff\xff\xfe\x0c"s), "-5.00");
  EXPECT_EQ(shown("A\x00\x00\x00\x04t\x01V"s + "V"), "[true,null,null]");
}

TEST(AmqpWire, HostileTablesEndTheReading) {
  using namespace std::string_literals;
  for (const std::string& bytes :
       {"\xff\xff\xff\xffx"s, TableOf("S\xff\xff\xff\xff"), TableOf("?"), TableOf("l\x01")}) {
    WireReader reader(bytes);
    reader.Table();
    EXPECT_FALSE(reader.ok());
  }
  std::string deep = "V";
  for (int i = 0; i < 200; ++i) {
    WireWriter outer;
    outer.Octet('A');
    outer.LongString(deep);
    deep = outer.Take();
  }
  const std::string table = TableOf(deep);
  WireReader reader(table);
  reader.Table();
  EXPECT_FALSE(reader.ok());
}

TEST(RabbitmqPaths, QueuesAndExchanges) {
  EXPECT_EQ(ParseAddress("q")->name, "q");
  EXPECT_FALSE(ParseAddress("queues/exchanges/q")->exchange);
  EXPECT_EQ(ParseAddress("queues/exchanges/q")->name, "exchanges/q");
  EXPECT_TRUE(ParseAddress("exchanges/e")->exchange);
  EXPECT_FALSE(ParseAddress(""));
  EXPECT_FALSE(ParseAddress(std::string(256, 'q')));
  EXPECT_FALSE(ParseAddress(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace nstarx::connectors::rabbitmq
