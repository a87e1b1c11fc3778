#include <gtest/gtest.h>

#include "adapter/driver_spec.h"
#include "adapter/frames.h"
#include "adapter/odbc_column.h"

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
  EXPECT_EQ(ParseDriver(R"({"kind":"adbc","library":"driver:adbc.x"})")->library,
            "driver:/data/drivers/adbc.x");
  EXPECT_FALSE(ParseDriver(R"({"kind":"adbc","library":"driver:../x"})"));
  EXPECT_FALSE(ParseDriver(R"({"kind":"adbc","library":"driver:"})"));
}

TEST(DriverSpec, WhatIsWrongIsNamed) {
  for (const char* bad : {
           R"("adbc")",
           R"({"kind":"jdbc","library":"x"})",
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

TEST(DriverSpec, JdbcHasJarsAClassAndAUrl) {
  const auto one = ParseDriver(
      R"({"kind":"jdbc","library":"a.jar","class":"org.x.Driver","url":"jdbc:x://{host}"})");
  ASSERT_TRUE(one.has_value()) << one.error().ToString();
  EXPECT_EQ(one->library, "/data/adapters/t/a.jar");
  EXPECT_EQ(one->entrypoint, "org.x.Driver");
  ASSERT_EQ(one->url.size(), 1U);
  EXPECT_EQ(one->url[0].second, "jdbc:x://{host}");
  EXPECT_EQ(ParseDriver(R"({"kind":"jdbc","library":["a.jar","/b/*"],"url":"jdbc:x:"})")->library,
            "/data/adapters/t/a.jar:/b/*");
  const auto installed =
      ParseDriver(R"({"kind":"jdbc","library":"driver:ojdbc11","url":"jdbc:oracle:x"})");
  ASSERT_TRUE(installed.has_value()) << installed.error().ToString();
  EXPECT_EQ(installed->library, "driver:/data/drivers/ojdbc11");
  for (const char* bad : {
           R"({"kind":"jdbc","library":"driver:../../etc","url":"jdbc:x:"})",
           R"({"kind":"jdbc","library":"driver:","url":"jdbc:x:"})",
           R"({"kind":"jdbc","library":"a.jar","url":"http://x"})",
           R"({"kind":"jdbc","library":"a.jar:/etc","url":"jdbc:x:"})",
           R"({"kind":"jdbc","library":[],"url":"jdbc:x:"})",
           R"({"kind":"jdbc","library":["a.jar",""],"url":"jdbc:x:"})",
           R"({"kind":"jdbc","library":["a.jar","driver:ojdbc11"],"url":"jdbc:x:"})",
           R"({"kind":"adbc","library":["a.so"]})",
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

TEST(OdbcText, Utf16AndBack) {
  const std::string text = "aé€\xF0\x9F\x98\x80z";
  const std::u16string wide = ToWide(text);
  EXPECT_EQ(wide.size(), 6u);
  std::string back;
  AppendUtf8(wide.data(), wide.size(), &back);
  EXPECT_EQ(back, text);
  // Half a pair can't be text: it becomes the replacement character, never broken UTF-8.
  std::string half;
  const char16_t lone[] = {u'a', 0xD83D, u'b'};
  AppendUtf8(lone, 3, &half);
  EXPECT_EQ(half,
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(ToWide("\xF0"), std::u16string(1, 0xFFFD));  // cut short
}

TEST(OdbcColumn, TypesLoseNothing) {
  const auto type = [](SQLSMALLINT sql_type, SQLULEN size, SQLSMALLINT digits, bool is_unsigned) {
    return ArrowTypeOf(
               {.sql_type = sql_type, .size = size, .digits = digits, .is_unsigned = is_unsigned})
        ->ToString();
  };
  EXPECT_EQ(type(SQL_INTEGER, 10, 0, true), "int64");
  EXPECT_EQ(type(SQL_BIGINT, 20, 0, true), "uint64");
  EXPECT_EQ(type(SQL_NUMERIC, 38, 10, false), "decimal128(38, 10)");
  EXPECT_EQ(type(SQL_NUMERIC, 60, 10, false), "decimal256(60, 10)");
  EXPECT_EQ(type(SQL_NUMERIC, 1000, 10, false), "string");
  EXPECT_EQ(type(SQL_TYPE_TIMESTAMP, 26, 6, false), "timestamp[us]");
  EXPECT_EQ(type(SQL_TYPE_TIMESTAMP, 29, 9, false), "timestamp[ns]");
  EXPECT_EQ(type(-155, 34, 7, false), "string");
}

TEST(OdbcColumn, WhatDoesNotFitNamesTheColumn) {
  const OdbcColumn column{.name = "price", .sql_type = SQL_DECIMAL, .size = 5, .digits = 2};
  ColumnTarget target(column, ArrowTypeOf(column));
  ASSERT_TRUE(target.MakeBuilder().ok());
  const auto append = [&](std::string_view text) {
    return target.Append(text.data(), text.size());
  };
  EXPECT_TRUE(append("123.45").ok());
  EXPECT_TRUE(append("-1").ok());
  for (const char* bad : {"1234.56", "1.234", "nan", "", "12x"}) {
    const auto status = append(bad);
    ASSERT_FALSE(status.ok()) << bad;
    EXPECT_NE(status.message().find("'price'"), std::string::npos) << status.ToString();
  }
}

}  // namespace
}  // namespace nstarx::adapter
