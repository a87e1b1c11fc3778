#include <arrow/api.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include "connectors/kafka/kafka_client.h"
#include "connectors/kafka/kafka_connector.h"
#include "connectors/kafka/kafka_errors.h"
#include "connectors/messages/message_rows.h"

namespace nstarx::connectors::kafka {
namespace {

using connector::MessageFormat;
using messages::RowBuilder;

TEST(KafkaErrors, EveryCodeOfTheLibraryHasARowInTheSpec) {
  const auto kafka = MakeKafkaConnector();
  for (int code = RD_KAFKA_RESP_ERR__BEGIN; code < RD_KAFKA_RESP_ERR_END_ALL; ++code) {
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    const Error error = MapCode(code, "");
    EXPECT_NE(kafka->spec().FindError(error.code()), nullptr) << error.code();
    EXPECT_FALSE(error.message().empty());
    EXPECT_FALSE(error.vendor_code().empty());
  }
}

TEST(KafkaErrors, WordsTellWhatCodesDoNot) {
  EXPECT_EQ(MapCode(RD_KAFKA_RESP_ERR__AUTHENTICATION, "SASL authentication error").code(),
            "login.wrong_password");
  EXPECT_EQ(MapCode(RD_KAFKA_RESP_ERR__AUTHENTICATION, "Broker: Unsupported SASL mechanism").code(),
            "login.mechanism_unsupported");
  EXPECT_EQ(MapCode(RD_KAFKA_RESP_ERR__SSL, "tlsv13 alert certificate required").code(),
            "login.certificate_required");
  EXPECT_TRUE(EndsSession(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN));
  EXPECT_FALSE(EndsSession(RD_KAFKA_RESP_ERR__TRANSPORT));
}

TEST(KafkaRows, NullAndEmptyStayApart) {
  RowBuilder rows("t", MessageFormat::kAuto);
  rows.Settle(true, true);
  ASSERT_TRUE(rows.Add({.partition = 1, .offset = 7, .timestamp = 5, .key = "", .value = "é"}));
  ASSERT_TRUE(rows.AddHeader("h", std::nullopt));
  ASSERT_TRUE(rows.AddHeader("h", ""));
  ASSERT_TRUE(rows.Add({.partition = 1, .offset = 8}));
  const auto batch = rows.Take();
  ASSERT_TRUE(batch);
  ASSERT_TRUE((*batch)->ValidateFull().ok());
  EXPECT_EQ((*batch)->num_rows(), 2);
  const auto& key = static_cast<const arrow::StringArray&>(*(*batch)->GetColumnByName("key"));
  EXPECT_EQ(key.GetView(0), "");
  EXPECT_TRUE(key.IsNull(1));
  EXPECT_TRUE((*batch)->GetColumnByName("timestamp")->IsNull(1));
  const auto& headers = static_cast<const arrow::MapArray&>(*(*batch)->GetColumnByName("headers"));
  EXPECT_EQ(headers.value_length(0), 2);
  EXPECT_EQ(headers.value_length(1), 0);
  EXPECT_TRUE(headers.items()->IsNull(0));
  EXPECT_FALSE(headers.items()->IsNull(1));
  EXPECT_EQ(rows.rows(), 0);
}

TEST(KafkaRows, BytesThatAreNoTextAreNamed) {
  RowBuilder rows("t", MessageFormat::kText);
  rows.Settle(true, true);
  const Status bad = rows.Add({.partition = 3, .offset = 9, .value = "\xff"});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), "stream.not_text");
  EXPECT_EQ(bad.error().details().at("partition").as_int64(), 3);
  EXPECT_EQ(bad.error().details().at("offset").as_int64(), 9);
  EXPECT_EQ(rows.Add({.key = "\xc0\x80"}).error().code(), "stream.not_text");
  EXPECT_EQ(rows.rows(), 0);
}

TEST(KafkaRows, BytesTakeAnything) {
  RowBuilder rows("t", MessageFormat::kBytes);
  ASSERT_TRUE(rows.settled());
  ASSERT_TRUE(rows.Add({.key = "\xff", .value = std::string_view("\0\xfe", 2)}));
  const auto batch = rows.Take();
  ASSERT_TRUE(batch);
  EXPECT_EQ((*batch)->schema()->GetFieldByName("value")->type()->id(), arrow::Type::BINARY);
  EXPECT_EQ((*batch)->schema()->GetFieldByName("key")->type()->id(), arrow::Type::BINARY);
}

TEST(KafkaRows, JsonIsChecked) {
  RowBuilder rows("t", MessageFormat::kJson);
  rows.Settle(true, true);
  EXPECT_TRUE(rows.Add({.value = R"({"a": 1.10})"}));
  EXPECT_TRUE(rows.Add({.value = std::nullopt}));
  EXPECT_EQ(rows.Add({.value = "{"}).error().code(), "stream.not_json");
  EXPECT_EQ(rows.Add({.value = std::string(200, '[')}).error().code(), "stream.not_json");
}

TEST(KafkaClient, ARefusedSettingDoesNotShowItsValue) {
  Login login;
  login.endpoints = {{.host = "127.0.0.1", .port = 1}};
  login.mechanism = "PLAIN";
  login.user = "u";
  login.password = Secret("canary-secret");
  login.ssl.enabled = true;
  login.client_certificate = Secret("canary-certificate");
  login.client_key = Secret("canary-key");
  login.client_id = "test";
  const auto client = Client::Make(login, Client::Role::kReader, "");
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().ToString().find("canary"), std::string::npos)
      << client.error().ToString();
}

}  // namespace
}  // namespace nstarx::connectors::kafka
