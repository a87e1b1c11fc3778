#include "connector/spec.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "connector/uri.h"

namespace nstarx::connector {
namespace {

constexpr std::string_view kSpec = R"({
  "type": "postgresql", "title": "PostgreSQL", "family": "relational", "default_port": 5432,
  "schemes": ["postgresql", "postgres"], "capabilities": ["query"], "tls": {"default_mode": ""},
  "configuration": {"type": "object", "required": ["host", "database"], "properties": {
    "host": {"type": "string", "x-order": 1, "x-uri": "host"},
    "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 5432, "x-order": 2, "x-uri": "port"},
    "database": {"type": "string", "x-order": 3, "x-uri": "path"},
    "read_only": {"type": "boolean", "default": false}}},
  "authentication": {"oneOf": [
    {"title": "Password", "required": ["username", "password"], "properties": {"type": {"const": "basic"},
      "username": {"type": "string", "x-uri": "user"},
      "password": {"type": "string", "x-secret": true, "x-uri": "password"}}},
    {"title": "None", "properties": {"type": {"const": "none"}}}]},
  "errors": [{"code": "login.wrong_password", "cause": "c", "hints": ["h"]}]})";

Spec Make() {
  auto spec = Spec::Parse(kSpec);
  EXPECT_TRUE(spec) << spec.error().ToString();
  return *std::move(spec);
}

model::ConnectionDraft Draft(std::string_view configuration, std::string_view authentication) {
  model::ConnectionDraft draft;
  draft.configuration = json::parse(configuration).as_object();
  draft.authentication = json::parse(authentication).as_object();
  return draft;
}

TEST(SpecTest, SplitsSecretsFromTheRest) {
  const auto checked =
      Make().Check(Draft(R"({"host":"h","database":"d"})", R"({"username":"u","password":"p"})"));
  ASSERT_TRUE(checked) << checked.error().ToString();
  EXPECT_EQ(checked->auth_type, "basic");
  EXPECT_EQ(checked->secrets.at("password").Reveal(), "p");
  EXPECT_FALSE(checked->auth_fields.contains("password"));
}

TEST(SpecTest, NamesEveryProblem) {
  struct Row {
    const char* configuration;
    const char* code;
    const char* field;
  };
  for (const Row& row :
       {Row{R"({"host":"h","databse":"d"})", "config.unknown_field", "configuration.databse"},
        Row{R"({"host":"h"})", "config.missing_field", "configuration.database"},
        Row{R"({"host":"h","database":"d","port":0})", "config.out_of_range", "configuration.port"},
        Row{R"({"host":"h","database":"d","port":70000})", "config.out_of_range",
            "configuration.port"},
        Row{R"({"host":"h","database":"d","port":"x"})", "config.wrong_type", "configuration.port"},
        Row{R"({"host":"","database":"d"})", "config.missing_field", "configuration.host"}}) {
    const auto checked =
        Make().Check(Draft(row.configuration, R"({"username":"u","password":"p"})"));
    ASSERT_FALSE(checked) << row.configuration;
    EXPECT_EQ(checked.error().code(), row.code) << row.configuration;
    EXPECT_EQ(GetString(checked.error().details(), "field"), row.field);
  }
}

TEST(SpecTest, UriRoundTrips) {
  const Spec spec = Make();
  const auto parts =
      spec.FromUri("postgres://us%40er:p%2Fw@db.example.com:5433/sales?sslmode=verify-full&x=1");
  ASSERT_TRUE(parts) << parts.error().ToString();
  const json::object& configuration = parts->at("configuration").as_object();
  EXPECT_EQ(configuration.at("port").as_int64(), 5433);
  EXPECT_EQ(parts->at("authentication").at("username").as_string(), "us@er");
  EXPECT_EQ(parts->at("authentication").at("password").as_string(), "p/w");
  EXPECT_EQ(parts->at("ssl").at("mode").as_string(), "verify-full");
  EXPECT_EQ(spec.ToUri(configuration, {{"username", "us@er"}}),
            "postgresql://us%40er@db.example.com:5433/sales");
  EXPECT_EQ(spec.FromUri("postgresql://a:1,b:2/d")->at("configuration").at("host").as_string(),
            "a:1,b:2");
}

TEST(UriTest, RefusesTheMalformedWithoutRepeatingIt) {
  for (const char* bad :
       {"", "nothing", "://x", "pg://h:x/", "pg://u:s3cret@h:99999/d", "pg://h%zz/", "pg://[::1/d",
        "pg://a b/", "pg://h:/d", "pg://a,/d", "1pg://x"}) {
    const auto parsed = ParseUri(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().ToString().find("s3cret"), std::string::npos);
  }
  EXPECT_EQ(ParseUri("sqlite:data/x.db")->path, "data/x.db");
  EXPECT_EQ(ParseUri("sqlite:///abs/x.db")->path, "/abs/x.db");
  EXPECT_EQ(ParseUri("s3://bucket/a/b")->hosts[0].first, "bucket");
}

TEST(SpecTest, VariablesAreResolvedOnUse) {
  ::setenv("SPEC_TEST_PORT", "6000", 1);
  ::unsetenv("SPEC_TEST_MISSING");
  const Spec spec = Make();
  ASSERT_TRUE(spec.Check(Draft(R"({"host":"h","database":"d","port":"${SPEC_TEST_PORT}"})",
                               R"({"username":"u","password":"p"})")));
  EXPECT_EQ(spec.Resolve({{"port", "${SPEC_TEST_PORT}"}})->at("port").as_int64(), 6000);
  EXPECT_EQ(spec.Resolve({{"host", "${SPEC_TEST_MISSING:-x}$${"}})->at("host").as_string(), "x${");
  const auto missing = spec.Resolve({{"host", "${SPEC_TEST_MISSING}"}});
  EXPECT_EQ(missing.error().code(), "config.unset_variable");
  EXPECT_NE(missing.error().message().find("SPEC_TEST_MISSING"), std::string::npos);
  ::setenv("NSTARX_PASSPHRASE_TEST", "x", 1);
  EXPECT_EQ(ResolveVariables("${NSTARX_PASSPHRASE_TEST}").error().code(), "config.unset_variable");
}

TEST(SpecTest, SecretLookingAdditionalParamsGoToTheVault) {
  const auto checked = Make().Check(
      Draft(R"({"host":"h","database":"d","additionalParams":{"sslpassword":"s","a":1}})",
            R"({"username":"u","password":"p"})"));
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->secrets.at("additionalParams.sslpassword").Reveal(), "s");
  EXPECT_FALSE(checked->configuration.at("additionalParams").as_object().contains("sslpassword"));
}

}  // namespace
}  // namespace nstarx::connector
