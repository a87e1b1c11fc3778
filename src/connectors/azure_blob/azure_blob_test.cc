#include <gtest/gtest.h>

#include "connectors/azure_blob/azure_blob_connector.h"
#include "connectors/azure_blob/azure_errors.h"
#include "connectors/azure_blob/azure_login.h"
#include "connectors/azure_blob/azure_settings.h"

namespace nstarx::connectors::azure_blob {
namespace {

TEST(AzureSpecTest, IsReadAndOffersFourMethods) {
  const auto connector = MakeAzureBlobConnector();
  std::vector<std::string> methods;
  for (const auto& method : connector->spec().auth_methods()) methods.push_back(method.type);
  EXPECT_EQ(methods, (std::vector<std::string>{"shared_key", "sas", "oauth", "anonymous"}));
  const auto draft = connector->spec().FromUri("azblob://events/2026?account=lake");
  ASSERT_TRUE(draft) << draft.error().ToString();
  const auto endpoints = connector->Endpoints(draft->at("configuration").as_object());
  ASSERT_TRUE(endpoints);
  EXPECT_EQ(endpoints->front().host, "lake.blob.core.windows.net");
  EXPECT_EQ(endpoints->front().port, 443);
}

TEST(AzureSettingsTest, PathsAreEncodedBelowTheEndpointsOwn) {
  const auto settings = AzureSettings::Read({{"account", "dev"},
                                             {"container", "c"},
                                             {"prefix", "/a/b"},
                                             {"endpoint", "http://127.0.0.1:10000/dev"}});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->prefix, "a/b/");
  EXPECT_EQ(settings->PathOf("x y/ü#.csv"), "/dev/c/x%20y/%C3%BC%23.csv");
  EXPECT_EQ(settings->PathOf(""), "/dev/c");
  EXPECT_EQ(AzureSettings::Read({{"endpoint", "ftp://x"}}).error().code(),
            "config.malformed_endpoint");
}

TEST(AzureLoginTest, TheTextToSignFollowsTheRules) {
  net::HttpRequest request;
  request.method = "PUT";
  request.path = "/lake/a%20b";
  request.query = {{"comp", "block"}, {"blockid", "QQ=="}};
  request.headers = {{"x-ms-version", "2020-12-06"},
                     {"Content-Type", "text/plain"},
                     {"x-ms-date", "Mon, 23 Nov 2026 15:00:00 GMT"},
                     {"Range", "bytes=0-9"}};
  request.body = "hello";
  EXPECT_EQ(StringToSign(request, "acct"),
            "PUT\n\n\n5\n\ntext/plain\n\n\n\n\n\nbytes=0-9\n"
            "x-ms-date:Mon, 23 Nov 2026 15:00:00 GMT\nx-ms-version:2020-12-06\n"
            "/acct/lake/a%20b\nblockid:QQ==\ncomp:block");
}

TEST(AzureLoginTest, KeysAreDecodedOrNamed) {
  const auto key = AzureLogin::DecodeKey("AAEC/w==");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->Reveal(), std::string_view("\0\1\2\xff", 4));
  for (const char* bad : {"", "abc", "ab!=", "AccountKey=AAEC/w=="}) {
    const auto refused = AzureLogin::DecodeKey(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code(), "login.malformed_account_key");
    if (*bad != '\0') EXPECT_EQ(refused.error().ToString().find(bad), std::string::npos);
  }
}

TEST(AzureLoginTest, SasTokensAreTakenApart) {
  net::HttpRequest request;
  AddSas(request, "sv=2020-12-06&se=2026-11-23T15%3A00%3A00Z&sig=a%2Bb%3D&&=x&bare");
  ASSERT_EQ(request.query.size(), 3U);
  EXPECT_EQ(request.query[2].second, "a+b=");
  EXPECT_EQ(FormatTime(*SasExpiry("se=2026-11-23T15%3A00%3A00Z")), "2026-11-23T15:00:00.000Z");
  EXPECT_EQ(FormatTime(*SasExpiry("se=2026-11-23")), "2026-11-23T00:00:00.000Z");
  EXPECT_FALSE(SasExpiry("se=soon"));
  EXPECT_FALSE(SasExpiry(""));
}

std::string CodeOf(int status, std::string_view body, std::string_view header,
                   const LoginFacts& login = {}) {
  const Error error = FromAzureFailure(ReadFailure(status, body, header), "x", login);
  return error.code() + " " + error.stage();
}

TEST(AzureErrorsTest, TheServicesCodesAreNamed) {
  EXPECT_EQ(CodeOf(404, "", "BlobNotFound"), "object.not_found query");
  EXPECT_EQ(CodeOf(404, "<Error><Code>ContainerNotFound</Code></Error>", ""),
            "container.not_found login");
  EXPECT_EQ(CodeOf(403, "", "AuthenticationFailed"), "login.wrong_account_key login");
  EXPECT_EQ(CodeOf(403, "", "AuthenticationFailed", {.sas = true}), "login.wrong_sas login");
  EXPECT_EQ(CodeOf(403, "", "AuthenticationFailed", {.sas = true, .sas_expired = true}),
            "login.sas_expired login");
  EXPECT_EQ(CodeOf(403,
                   "<Error><Code>AuthenticationFailed</Code><AuthenticationErrorDetail>Request "
                   "date header too old: 'x'</AuthenticationErrorDetail></Error>",
                   ""),
            "clock.skewed login");
  EXPECT_EQ(CodeOf(403, "", "AuthorizationPermissionMismatch", {.sas = true}),
            "object.no_privilege query");
  EXPECT_EQ(CodeOf(412, "", ""), "object.changed query");
  EXPECT_EQ(CodeOf(503, "", "ServerBusy"), "service.busy query");
  EXPECT_EQ(CodeOf(418, "<not xml", ""), "service.error query");
}

TEST(AzureErrorsTest, WhatWasSignedIsNotRepeated) {
  const Error error = FromAzureFailure(
      ReadFailure(403,
                  "<Error><Code>AuthenticationFailed</Code><Message>sig canary-sas</Message>"
                  "<AuthenticationErrorDetail>used canary-text</AuthenticationErrorDetail></Error>",
                  ""),
      "c", {});
  EXPECT_EQ(error.ToString().find("canary"), std::string::npos);
}

}  // namespace
}  // namespace nstarx::connectors::azure_blob
