#include "connectors/snowflake/snowflake_account.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/base64.h"
#include "connectors/snowflake/snowflake_chunks.h"
#include "connectors/snowflake/snowflake_connector.h"

namespace nstarx::connectors::snowflake {
namespace {

std::string HostOf(json::object configuration) {
  const auto account = ReadAccount(configuration);
  return account ? account->service.Origin() : account.error().code();
}

TEST(Account, FindsItsHost) {
  EXPECT_EQ(HostOf({{"account", "MyOrg-My_Account"}}),
            "https://myorg-my-account.snowflakecomputing.com");
  EXPECT_EQ(HostOf({{"account", "xy12345"}, {"region", "eu-central-1"}}),
            "https://xy12345.eu-central-1.snowflakecomputing.com");
  EXPECT_EQ(HostOf({{"account", "xy12345"}, {"region", "us-west-2"}}),
            "https://xy12345.snowflakecomputing.com");
  EXPECT_EQ(HostOf({{"account", "xy12345.cn-north-1.aws"}}),
            "https://xy12345.cn-north-1.aws.snowflakecomputing.cn");
  EXPECT_EQ(HostOf({{"account", "https://myorg-a.snowflakecomputing.com/console/login"}}),
            "https://myorg-a.snowflakecomputing.com");
  EXPECT_EQ(HostOf({{"account", "https://app.snowflake.com/myorg/my_account/#/homepage"}}),
            "https://myorg-my-account.snowflakecomputing.com");
  EXPECT_EQ(HostOf({{"account", "app.snowflake.com/eu-central-1/xy12345"}}),
            "https://xy12345.eu-central-1.snowflakecomputing.com");
  EXPECT_EQ(HostOf({{"account", "a"}, {"host", "localhost"}, {"port", 8443}}),
            "https://localhost:8443");
}

TEST(Account, RefusesWhatIsNone) {
  for (const char* bad : {"", "a b", "user@account", ".a", "a.", "a'b", "ä",
                          "https://app.snowflake.com/", "https://app.snowflake.com/org"}) {
    EXPECT_EQ(HostOf({{"account", bad}}), "config.malformed_account") << bad;
  }
  EXPECT_EQ(HostOf({{"account", std::string(300, 'a')}}), "config.malformed_account");
  EXPECT_EQ(HostOf({{"account", "a"}, {"protocol", "http"}}), "config.malformed_endpoint");
  EXPECT_EQ(HostOf({{"account", "a"}, {"session_parameters", {{"X", {1, 2}}}}}),
            "config.malformed_parameters");
}

TEST(Account, SessionsBeginWithGivenParameters) {
  const auto account = ReadAccount({{"account", "a"},
                                    {"query_tag", "nightly"},
                                    {"statement_timeout_s", 90},
                                    {"session_parameters", {{"week_start", 1}}}});
  ASSERT_TRUE(account);
  EXPECT_EQ(account->session_parameters.at("QUERY_TAG").as_string(), "nightly");
  EXPECT_EQ(account->session_parameters.at("STATEMENT_TIMEOUT_IN_SECONDS").as_int64(), 90);
  EXPECT_EQ(account->session_parameters.at("WEEK_START").as_int64(), 1);
}

/// The key's PEM and the Base64 of its public fingerprint are made by OpenSSL alone.
TEST(KeyPair, SignsAShortToken) {
  EVP_PKEY* pkey = EVP_RSA_gen(2048);
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, pkey, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  const std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  EVP_PKEY_free(pkey);
  const auto key = object_store::SigningKey::Parse(pem);
  ASSERT_TRUE(key);
  const auto account = ReadAccount({{"account", "xy12345.eu-central-1"}});
  ASSERT_TRUE(account);
  const auto token =
      KeyPairToken(*account, "reader", **key, TimePoint(std::chrono::seconds(1'700'000'000)));
  ASSERT_TRUE(token);
  const size_t first = token->find('.');
  std::string claims = token->substr(first + 1, token->find('.', first + 1) - first - 1);
  std::ranges::replace(claims, '-', '+');
  std::ranges::replace(claims, '_', '/');
  while (claims.size() % 4 != 0) claims += '=';
  const auto text = DecodeBase64(claims);
  ASSERT_TRUE(text);
  const auto parsed = ParseJson(*text);
  ASSERT_TRUE(parsed);
  const json::object& said = parsed->as_object();
  EXPECT_EQ(said.at("sub").as_string(), "XY12345.READER");
  EXPECT_EQ(GetString(said, "iss"), "XY12345.READER.SHA256:" + *(*key)->PublicFingerprint());
  EXPECT_EQ(said.at("exp").as_int64() - said.at("iat").as_int64(), 60);
}

TEST(KeyPair, RefusesWhatIsNoKey) {
  for (const char* bad : {"", "secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n"}) {
    const auto key = object_store::SigningKey::Parse(bad);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().message().find("secret"), std::string::npos);
  }
}

json::array Linked(std::string_view url) {
  json::array out;
  out.emplace_back(json::object{{"url", url}});
  return out;
}

TEST(Links, CarryTheResultsKeyOnly) {
  const auto given = ReadLinks({{"chunks", {{{"url", "https://s/a?b"}}, {{"url", "https://s/c"}}}},
                                {"chunkHeaders", {{"x-key", "k"}}},
                                {"qrmk", "other"}});
  ASSERT_TRUE(given);
  EXPECT_EQ(given->urls.size(), 2U);
  EXPECT_EQ(given->headers, (net::HttpFields{{"x-key", "k"}}));
  const auto key = ReadLinks({{"chunks", Linked("https://s/a")}, {"qrmk", "k"}});
  ASSERT_TRUE(key);
  EXPECT_EQ(key->headers.size(), 2U);
  EXPECT_EQ(key->headers[1].second, "k");
  EXPECT_TRUE(ReadLinks({})->urls.empty());
}

TEST(Links, HostileOnesAreRefused) {
  const auto refused = [](json::object data) {
    const auto links = ReadLinks(data);
    return links ? "taken" : links.error().code();
  };
  EXPECT_EQ(refused({{"chunks", json::parse("[1]")}}), "response.malformed");
  EXPECT_EQ(refused({{"chunks", json::parse("[{}]")}}), "response.malformed");
  EXPECT_EQ(refused({{"chunks", Linked("https://a\r\nX: y")}}), "response.malformed");
  EXPECT_EQ(refused({{"chunks", Linked("https://a")}, {"chunkHeaders", {{"a", "b\r\nX: y"}}}}),
            "response.malformed");
}

TEST(Links, AnEncryptedSessionFollowsNoPlainLink) {
  const auto account = ReadAccount({{"account", "a"}});
  ASSERT_TRUE(account);
  for (const char* url : {"http://127.0.0.1:1/x", "no url", "://", "ftp://a/b"}) {
    Chunks chunks(std::make_shared<const Account>(*account), {.urls = {url}, .headers = {}});
    const auto chunk = chunks.Next(Context().WithTimeout(std::chrono::seconds(30)));
    ASSERT_FALSE(chunk) << url;
    EXPECT_EQ(chunks.Next(Context()).error().code(), chunk.error().code());
  }
}

TEST(Spec, IsReadable) { EXPECT_EQ(MakeSnowflakeConnector()->spec().type(), "snowflake"); }

}  // namespace
}  // namespace nstarx::connectors::snowflake
