#include "connectors/aws/sigv4.h"

#include <gtest/gtest.h>

#include "base/percent.h"

namespace nstarx::connectors::aws {
namespace {

// The key pair, dates and signatures of AWS's published examples (S3 API reference, 'Examples:
// Signature Calculations', and the Signature Version 4 test suite).
Credentials ExampleKey(std::string_view id, std::string_view secret) {
  Credentials credentials;
  credentials.access_key_id = id;
  credentials.secret_access_key = Secret(secret);
  return credentials;
}

Credentials S3Key() {
  return ExampleKey("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
}

TimePoint At(std::string_view text) { return *ParseTime(text); }

net::HttpRequest S3Request(std::string method, std::string path) {
  net::HttpRequest request;
  request.method = std::move(method);
  request.service.host = "examplebucket.s3.amazonaws.com";
  request.path = std::move(path);
  return request;
}

std::string SignatureOf(const net::HttpRequest& request) {
  const std::string& value = request.headers.back().second;
  return value.substr(value.find("Signature=") + 10);
}

const SigningScope kS3{"us-east-1", "s3"};

TEST(SigV4Test, SignsTheGetObjectExample) {
  net::HttpRequest request = S3Request("GET", "/test.txt");
  request.headers = {{"Range", "bytes=0-9"}};
  SignRequest(request, S3Key(), kS3, At("2013-05-24T00:00:00Z"));
  EXPECT_EQ(SignatureOf(request),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_NE(request.headers.back().second.find(
                "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"),
            std::string::npos);
}

TEST(SigV4Test, SignsThePutObjectExample) {
  net::HttpRequest request = S3Request("PUT", "/test%24file.text");
  request.body = "Welcome to Amazon S3.";
  request.headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  SignRequest(request, S3Key(), kS3, At("2013-05-24T00:00:00Z"));
  EXPECT_EQ(SignatureOf(request),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4Test, SignsAQueryWithoutAValue) {
  net::HttpRequest request = S3Request("GET", "/");
  request.query = {{"lifecycle", ""}};
  SignRequest(request, S3Key(), kS3, At("2013-05-24T00:00:00Z"));
  EXPECT_EQ(SignatureOf(request),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(SigV4Test, SignsTheListExampleWhateverTheOrderOfTheQuery) {
  net::HttpRequest request = S3Request("GET", "/");
  request.query = {{"prefix", "J"}, {"max-keys", "2"}};
  SignRequest(request, S3Key(), kS3, At("2013-05-24T00:00:00Z"));
  EXPECT_EQ(SignatureOf(request),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4Test, PresignsTheGetExample) {
  const std::string url = PresignUrl(S3Request("GET", "/test.txt"), S3Key(), kS3,
                                     At("2013-05-24T00:00:00Z"), std::chrono::seconds(86400));
  EXPECT_TRUE(url.starts_with("https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm="));
  EXPECT_TRUE(
      url.ends_with("X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d15"
                    "7751f604d404"))
      << url;
}

TEST(SigV4Test, SignsTheIamListUsersExample) {
  net::HttpRequest request;
  request.service.host = "iam.amazonaws.com";
  request.query = {{"Action", "ListUsers"}, {"Version", "2010-05-08"}};
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  SignRequest(request, ExampleKey("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
              {"us-east-1", "iam"}, At("2015-08-30T12:36:00Z"));
  EXPECT_EQ(SignatureOf(request),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

TEST(SigV4Test, SignsGetVanillaOfTheTestSuite) {
  net::HttpRequest request;
  request.service.host = "example.amazonaws.com";
  SignRequest(request, ExampleKey("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
              {"us-east-1", "service"}, At("2015-08-30T12:36:00Z"));
  EXPECT_EQ(SignatureOf(request),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST(SigV4Test, ASessionTokenIsSentAndSigned) {
  Credentials credentials = S3Key();
  credentials.session_token = Secret("the-token");
  net::HttpRequest request = S3Request("GET", "/");
  SignRequest(request, credentials, kS3, At("2013-05-24T00:00:00Z"));
  EXPECT_NE(request.headers.back().second.find("x-amz-date;x-amz-security-token"),
            std::string::npos);
}

TEST(ServiceUrlTest, ReadsEndpoints) {
  const auto plain = net::ServiceUrl::Parse("http://127.0.0.1:9000/");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->Authority(), "127.0.0.1:9000");
  EXPECT_FALSE(plain->https);
  EXPECT_EQ(plain->base_path, "");
  EXPECT_EQ(net::ServiceUrl::Parse("https://s3.example.org:443")->Authority(), "s3.example.org");
  EXPECT_EQ(net::ServiceUrl::Parse("https://[::1]:9000/gw")->Origin(), "https://[::1]:9000");
  EXPECT_EQ(net::ServiceUrl::Parse("https://h/gw/")->base_path, "/gw");
}

TEST(ServiceUrlTest, RefusesWhatIsNoEndpoint) {
  for (const char* bad :
       {"", "s3.example.org", "ftp://h", "http://", "http://:80", "http://h:0", "http://h:65536",
        "http://h:8x", "http://user:pw@h", "http://h?x=1", "http://h#f", "http://h\r\nX: y",
        "http://[::1", "http://[::1]x", "http://a b"}) {
    const auto result = net::ServiceUrl::Parse(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code(), "config.malformed_endpoint") << bad;
  }
}

TEST(PercentEncodeTest, EncodesAllButUnreserved) {
  EXPECT_EQ(PercentEncode("a b/ü~", "/"), "a%20b/%C3%BC~");
  EXPECT_EQ(PercentEncode("a/b+c"), "a%2Fb%2Bc");
}

}  // namespace
}  // namespace nstarx::connectors::aws
