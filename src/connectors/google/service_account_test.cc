#include "connectors/google/service_account.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/json.h"

namespace nstarx::connectors::google {
namespace {

/// A key pair made for this run.
class TestKey {
 public:
  TestKey() : key_(EVP_RSA_gen(2048)) {}
  ~TestKey() { EVP_PKEY_free(key_); }
  TestKey(const TestKey&) = delete;
  TestKey& operator=(const TestKey&) = delete;

  std::string Pem() const {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key_, nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string pem(data, static_cast<size_t>(size));
    BIO_free(bio);
    return pem;
  }

  std::string Document(const std::string& token_uri = "https://oauth2.test/token") const {
    return json::serialize(json::object{{"type", "service_account"},
                                        {"client_email", "reader@lake.test"},
                                        {"private_key_id", "k1"},
                                        {"private_key", Pem()},
                                        {"token_uri", token_uri}});
  }

  bool Verifies(std::string_view text, std::string_view signature) const {
    EVP_MD_CTX* digest = EVP_MD_CTX_new();
    EVP_DigestVerifyInit(digest, nullptr, EVP_sha256(), nullptr, key_);
    const int outcome = EVP_DigestVerify(
        digest, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
        reinterpret_cast<const unsigned char*>(text.data()), text.size());
    EVP_MD_CTX_free(digest);
    return outcome == 1;
  }

 private:
  EVP_PKEY* key_;
};

std::string FromBase64Url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  size_t padding = 0;
  for (; text.size() % 4 != 0; ++padding) text += '=';
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  out.resize(static_cast<size_t>(size) - padding);
  return out;
}

const TimePoint kNow = *ParseTime("2026-11-23T15:00:00Z");

TEST(ServiceAccountTest, TheAssertionIsSignedAndSaysWhoAndHowLong) {
  const TestKey key;
  const auto account = ServiceAccount::Parse(key.Document());
  ASSERT_TRUE(account) << account.error().ToString();
  const auto assertion = (*account)->Assertion("scope.test/a", kNow);
  ASSERT_TRUE(assertion);
  const size_t first = assertion->find('.');
  const size_t second = assertion->rfind('.');
  EXPECT_TRUE(
      key.Verifies(assertion->substr(0, second), FromBase64Url(assertion->substr(second + 1))));
  EXPECT_FALSE(TestKey().Verifies(assertion->substr(0, second),
                                  FromBase64Url(assertion->substr(second + 1))));
  const auto claims = ParseJson(FromBase64Url(assertion->substr(first + 1, second - first - 1)));
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->at("iss"), "reader@lake.test");
  EXPECT_EQ(claims->at("aud"), "https://oauth2.test/token");
  EXPECT_EQ(claims->at("scope"), "scope.test/a");
  EXPECT_EQ(claims->at("exp").as_int64() - claims->at("iat").as_int64(), 3600);
}

TEST(ServiceAccountTest, WhatIsNoKeyFileIsNamedAndNotRepeated) {
  const TestKey key;
  const std::string encrypted =
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\\ncanary\\n-----END ENCRYPTED PRIVATE KEY-----";
  for (const std::string& bad :
       {std::string(), std::string("canary"), std::string("[1]"),
        std::string(R"({"type":"authorized_user","client_email":"canary"})"),
        std::string(R"({"type":"service_account","client_email":"x","private_key":"canary"})"),
        R"({"type":"service_account","client_email":"x","private_key":")" + encrypted + "\"}"}) {
    const auto account = ServiceAccount::Parse(bad);
    ASSERT_FALSE(account) << bad;
    EXPECT_EQ(account.error().code(), "login.malformed_key_file");
    EXPECT_EQ(account.error().ToString().find("canary"), std::string::npos);
  }
  EXPECT_EQ(ServiceAccount::Parse(key.Document("file:///etc/passwd")).error().code(),
            "config.malformed_endpoint");
}

}  // namespace
}  // namespace nstarx::connectors::google
