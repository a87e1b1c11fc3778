#include <gtest/gtest.h>

#include <cstdlib>

#include "connectors/minio/minio_connector.h"
#include "connectors/s3/s3_settings.h"

namespace nstarx::connectors::minio {
namespace {

using s3::Flavour;
using s3::S3Settings;

TEST(MinioSpecTest, UriNamesEndpointlessBucketAndKeys) {
  const auto connector = MakeMinioConnector();
  EXPECT_EQ(connector->spec().type(), "minio");
  const auto draft = connector->spec().FromUri(
      "minio://lake/sales?endpoint=http://127.0.0.1:9000&region=eu-west-1");
  ASSERT_TRUE(draft) << draft.error().ToString();
  const auto& configuration = draft->at("configuration").as_object();
  EXPECT_EQ(configuration.at("bucket"), "lake");
  EXPECT_EQ(configuration.at("endpoint"), "http://127.0.0.1:9000");
  const auto endpoints = connector->Endpoints(configuration);
  ASSERT_TRUE(endpoints);
  EXPECT_EQ(endpoints->front().port, 9000);
}

TEST(MinioSettingsTest, StsIsTheEndpointAndTheEnvironmentPlaysNoRole) {
  setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9", 1);
  const auto settings =
      S3Settings::Read({{"bucket", "b"}, {"endpoint", "https://m.test:9000"}}, Flavour::kMinio);
  unsetenv("AWS_ENDPOINT_URL");
  ASSERT_TRUE(settings) << settings.error().ToString();
  EXPECT_EQ(settings->service.Origin(), "https://m.test:9000");
  EXPECT_EQ(settings->sts.Origin(), "https://m.test:9000");
  EXPECT_TRUE(settings->path_style);
  EXPECT_EQ(settings->region, "us-east-1");
  EXPECT_EQ(settings->PathOf("a b"), "/b/a%20b");
}

TEST(MinioSettingsTest, AnAbsentEndpointIsNamed) {
  setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9", 1);
  const auto settings = S3Settings::Read({{"bucket", "b"}}, Flavour::kMinio);
  unsetenv("AWS_ENDPOINT_URL");
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code(), "config.malformed_endpoint");
}

}  // namespace
}  // namespace nstarx::connectors::minio
