#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "connectors/gcs/gcs_client.h"
#include "connectors/gcs/gcs_connector.h"
#include "connectors/gcs/gcs_errors.h"
#include "connectors/gcs/signed_url.h"

namespace nstarx::connectors::gcs {
namespace {

/// A key file with a key pair made for this run.
std::string KeyFile() {
  EVP_PKEY* key = EVP_RSA_gen(2048);
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  EVP_PKEY_free(key);
  return json::serialize(json::object{
      {"type", "service_account"}, {"client_email", "reader@lake.test"}, {"private_key", pem}});
}

const TimePoint kNow = *ParseTime("2026-11-23T15:00:00Z");

TEST(SignedUrlTest, SignedUrlsHoldASignatureOfTheCanonicalRequest) {
  const auto account = google::ServiceAccount::Parse(KeyFile());
  ASSERT_TRUE(account);
  net::HttpRequest request;
  request.service.host = "storage.googleapis.com";
  request.path = "/lake/a%20b.csv";
  const auto url = SignUrl(**account, request, kNow, std::chrono::seconds(60));
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->starts_with(
      "https://storage.googleapis.com/lake/a%20b.csv?X-Goog-Algorithm=GOOG4-RSA-SHA256&"
      "X-Goog-Credential=reader%40lake.test%2F20261123%2Fauto%2Fstorage%2Fgoog4_request&"
      "X-Goog-Date=20261123T150000Z&X-Goog-Expires=60&X-Goog-SignedHeaders=host&"
      "X-Goog-Signature="))
      << *url;
}

TEST(GcsUploadTest, SessionsKeepToTheConnectionsOwnHost) {
  EXPECT_EQ(UploadSessionOf("https://elsewhere.test/upload/x?upload_id=1"),
            "/upload/x?upload_id=1");
  EXPECT_EQ(UploadSessionOf("/upload/x"), "/upload/x");
  EXPECT_EQ(UploadSessionOf("https://elsewhere.test"), "");
  EXPECT_EQ(UploadSessionOf("nonsense"), "");
}

TEST(GcsErrorsTest, StatusAndReasonAreNamed) {
  const auto code = [](int status, std::string_view body, bool anonymous = false) {
    return FromGcsFailure(ReadFailure(status, body), "x", anonymous).code();
  };
  EXPECT_EQ(code(404, "No such object: lake/x"), "object.not_found");
  EXPECT_EQ(code(404, R"({"error":{"message":"The specified bucket does not exist."}})"),
            "bucket.not_found");
  EXPECT_EQ(code(401, ""), "login.token_refused");
  EXPECT_EQ(code(401, "", true), "login.anonymous_refused");
  EXPECT_EQ(code(403, R"({"error":{"errors":[{"reason":"forbidden"}]}})"), "object.no_privilege");
  EXPECT_EQ(code(403, R"({"error":{"errors":[{"reason":"rateLimitExceeded"}]}})"), "service.busy");
  EXPECT_EQ(code(400, R"({"error":{"errors":[{"reason":"userProjectMissing"}]}})"),
            "bucket.requester_pays");
  EXPECT_EQ(code(412, ""), "object.changed");
  EXPECT_EQ(code(416, ""), "object.invalid_range");
  EXPECT_EQ(code(503, "[[[["), "service.unavailable");
  EXPECT_EQ(code(400, "\xff\xfe"), "service.error");
}

TEST(GcsSpecTest, UrisGoIn) {
  const auto connector = MakeGcsConnector();
  const auto draft = connector->spec().FromUri("gs://lake/sales/2026");
  ASSERT_TRUE(draft) << draft.error().ToString();
  const auto settings = GcsSettings::Read(draft->at("configuration").as_object());
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->prefix, "sales/2026/");
  EXPECT_EQ(settings->service.Origin(), "https://storage.googleapis.com");
  EXPECT_EQ(settings->PathOf("a/b c"), "/storage/v1/b/lake/o/a%2Fb%20c");
  EXPECT_EQ(settings->PublicPathOf("a/b c"), "/lake/a/b%20c");
}

}  // namespace
}  // namespace nstarx::connectors::gcs
