#include <gtest/gtest.h>

#include "adapter/driver_spec.h"
#include "adapter/frames.h"

namespace nstarx::adapter {
namespace {

constexpr std::string_view kSpec = R"({
  "type": "t", "title": "T", "family": "custom", "status": "stable", "description": "A test.",
  "default_port": 0, "schemes": [], "capabilities": ["query"],
  "configuration": {"type": "object", "required": [], "properties": {
    "database": {"type": "string", "title": "Database", "description": "Its name."}}},
  "authentication": {"oneOf": [{"title": "None", "required": ["type"],
    "properties": {"type": {"const": "none"}}}]},
  "errors": [], "driver": DRIVER})";

Result<DriverSpec> ParseDriver(const std::string& driver) {
  std::string text(kSpec);
  text.replace(text.find("DRIVER"), 6, driver);
  auto spec = connector::Spec::Parse(text);
  EXPECT_TRUE(spec.has_value()) << spec.error().ToString();
  return DriverSpec::Parse(*spec, "/data/adapters/t");
}

TEST(DriverSpec, ALibraryIsAFileBesideTheSpecOrAName) {
  EXPECT_EQ(ParseDriver(R"({"kind":"adbc","library":"libx.so"})")->library,
            "/data/adapters/t/libx.so");
  EXPECT_EQ(ParseDriver(R"({"kind":"adbc","library":"/opt/libx.so"})")->library, "/opt/libx.so");
  EXPECT_EQ(ParseDriver(R"({"kind":"adbc","library":"snowflake"})")->library, "snowflake");
}

TEST(DriverSpec, WhatIsWrongIsNamed) {
  for (const char* bad : {
           R"("adbc")",
           R"({"kind":"odbc","library":"x"})",
           R"({"kind":"adbc"})",
           R"({"kind":"adbc","library":"x","database":["uri"]})",
           R"({"kind":"adbc","library":"x","database":{"uri":1}})",
           R"({"kind":"adbc","library":"x","session":"SET x"})",
           R"({"kind":"adbc","library":"x","memory_mb":1})",
           R"({"kind":"adbc","library":"x","errors":[{"code":"query.failed"}]})",
           R"({"kind":"adbc","library":"x","read_only":{"session":["SET r"]}})",
       }) {
    const auto parsed = ParseDriver(bad);
    ASSERT_FALSE(parsed.has_value()) << bad;
    EXPECT_EQ(parsed.error().code(), "adapter.malformed_spec") << bad;
  }
}

TEST(FillOptions, PlaceholdersAreFieldsLoginsAndTheAddress) {
  const json::object configuration{{"database", "a/b"}, {"limit", 5}};
  const json::object authentication{{"type", "password"}, {"user", "u@x"}};
  SecretMap secrets;
  secrets.emplace("password", Secret::FromString("p:w"));
  const model::Ssl ssl;
  const connector::OpenRequest request{.connection_name = "c",
                                       .configuration = configuration,
                                       .authentication = authentication,
                                       .secrets = secrets,
                                       .ssl = ssl,
                                       .endpoint = {.host = "h", .port = 5}};
  const auto filled =
      FillOptions({{"uri", "x://{user|uri}:{password|uri}@{host}:{port}/{database|uri}"},
                   {"limit", "{limit}"},
                   {"token", "Bearer {token}"},
                   {"fixed", "yes"},
                   {"password", "{password}"}},
                  request);
  ASSERT_TRUE(filled.has_value());
  EXPECT_EQ(*filled, (json::object{{"uri", "x://u%40x:p%3Aw@h:5/a%2Fb"},
                                   {"limit", "5"},
                                   {"fixed", "yes"},
                                   {"password", "p:w"}}));
  EXPECT_EQ(FillOptions({{"uri", "{user"}}, request).error().code(), "adapter.malformed_spec");
}

TEST(Frames, HostileHeadersAreRefused) {
  Frame kind = Frame::kReply;
  const std::string good = FrameHeader(Frame::kData, 70'000);
  ASSERT_EQ(good.size(), kHeaderSize);
  EXPECT_EQ(*ReadHeader(good, &kind), 70'000u);
  EXPECT_EQ(kind, Frame::kData);
  EXPECT_EQ(ReadHeader(FrameHeader(Frame::kData, kMaxFrame + 1), &kind).error().code(),
            "adapter.protocol");
  EXPECT_EQ(ReadHeader(std::string("Z\0\0\0\0", 5), &kind).error().code(), "adapter.protocol");
  EXPECT_EQ(ReadHeader(std::string(5, '\xff'), &kind).error().code(), "adapter.protocol");
}

}  // namespace
}  // namespace nstarx::adapter
