#include <gtest/gtest.h>

#include <cstdlib>

#include "connectors/glue/glue_client.h"
#include "connectors/glue/glue_connector.h"
#include "connectors/glue/glue_settings.h"
#include "connectors/glue/glue_table.h"

namespace nstarx::connectors::glue {
namespace {

TEST(GlueSettings, EndpointsAreAmazonsUnlessGiven) {
  for (const char* name : {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_GLUE", "AWS_ENDPOINT_URL_STS"}) {
    unsetenv(name);
  }
  const auto settings = GlueSettings::Read({{"region", "eu-central-1"}});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->service.Origin(), "https://glue.eu-central-1.amazonaws.com");
  EXPECT_EQ(settings->sts.Origin(), "https://sts.eu-central-1.amazonaws.com");
  const auto china = GlueSettings::Read({{"region", "cn-north-1"}});
  EXPECT_EQ(china->service.host, "glue.cn-north-1.amazonaws.com.cn");
  const auto own = GlueSettings::Read({{"region", "x"}, {"endpoint", "http://127.0.0.1:5"}});
  EXPECT_EQ(own->service.port, 5);
  EXPECT_FALSE(GlueSettings::Read({{"endpoint", "file:///etc/passwd"}}));
}

TEST(GlueSpec, UriHasRegionAndCatalog) {
  const auto connector = MakeGlueConnector();
  const auto draft = connector->spec().FromUri("glue://eu-central-1/123456789012?read_only=true");
  ASSERT_TRUE(draft) << draft.error().ToString();
  const json::object& configuration = draft->at("configuration").as_object();
  EXPECT_EQ(configuration.at("region"), "eu-central-1");
  EXPECT_EQ(configuration.at("catalog_id"), "123456789012");
}

TEST(GlueErrors, BothShapesOfAnswersHaveCodes) {
  const auto json_code = [](std::string_view type, std::string_view message = "m") {
    json::object body{{"__type", type}, {"Message", message}};
    return FromGlueAnswer(400, json::serialize(body), "").code();
  };
  EXPECT_EQ(json_code("EntityNotFoundException"), "query.undefined_table");
  EXPECT_EQ(json_code("com.amazonaws.glue#EntityNotFoundException"), "query.undefined_table");
  EXPECT_EQ(json_code("AccessDeniedException"), "query.forbidden");
  EXPECT_EQ(json_code("ThrottlingException"), "service.busy");
  EXPECT_EQ(json_code("UnrecognizedClientException"), "login.unknown_access_key");
  EXPECT_EQ(json_code("InvalidSignatureException"), "login.wrong_secret_key");
  EXPECT_EQ(json_code("InvalidSignatureException", "Signature expired: 2026"), "clock.skewed");
  EXPECT_EQ(json_code("SomethingNew"), "query.failed");
  const auto xml = [](std::string_view body) { return FromGlueAnswer(403, body, "").code(); };
  EXPECT_EQ(xml("<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>"),
            "login.token_expired");
  EXPECT_EQ(xml("<ErrorResponse><Errors><Error><Code>SignatureDoesNotMatch</Code></Error></Errors>"
                "</ErrorResponse>"),
            "login.wrong_secret_key");
  EXPECT_EQ(xml(""), "query.forbidden");
  EXPECT_EQ(xml("[[[[{"), "query.forbidden");
  EXPECT_EQ(FromGlueAnswer(500, "<html>", "").code(), "service.unavailable");
  EXPECT_EQ(FromGlueAnswer(400, "{}", "EntityNotFoundException:http://x/").code(),
            "query.undefined_table");
}

TEST(GlueErrors, ARefusedLoginIsNotQuoted) {
  json::object body{{"__type", "InvalidSignatureException"},
                    {"message", "The String-to-Sign should have been 'AKIA…'"}};
  EXPECT_EQ(FromGlueAnswer(403, json::serialize(body), "").message().find("AKIA"),
            std::string::npos);
}

TEST(GlueTable, AnythingMayBeMissingOrOfAnotherType) {
  EXPECT_EQ(ReadTable({}).path, "\"\".\"\"");
  const json::object odd{{"Name", 5},
                         {"StorageDescriptor", "x"},
                         {"PartitionKeys", {{"a", 1}}},
                         {"Parameters", {{"numRows", 7}, {"totalSize", "-3"}}},
                         {"CreateTime", "yesterday"},
                         {"UpdateTime", 1e300}};
  const connector::Dataset shown = ReadTable(odd);
  EXPECT_TRUE(shown.columns.empty());
  EXPECT_FALSE(shown.created);
  EXPECT_FALSE(shown.modified);
  EXPECT_FALSE(shown.row_estimate);
  EXPECT_FALSE(shown.size_bytes);
  EXPECT_TRUE(ReadPartition({{"Values", json::array{1, nullptr, "v"}}}).values[0].empty());
}

TEST(GlueTable, AnInputHasWhatUpdatesTakeAndKeepsTheRest) {
  json::object table{{"Name", "t"},
                     {"DatabaseName", "d"},
                     {"CreateTime", 1.5},
                     {"VersionId", "3"},
                     {"Retention", 9},
                     {"Owner", ""},
                     {"Parameters", {{"comment", "old"}, {"k", "v"}}},
                     {"StorageDescriptor", {{"NumberOfBuckets", 7}}}};
  json::object input = InputOf(table);
  EXPECT_FALSE(input.contains("CreateTime"));
  EXPECT_FALSE(input.contains("DatabaseName"));
  ChangeTable(input, {.comment = "new",
                      .columns = {{{.name = "id", .native_type = "int", .comment = "c"}}},
                      .properties = {{"k", nullptr}},
                      .format = "csv"});
  EXPECT_EQ(input.at("Retention"), 9);
  EXPECT_FALSE(input.contains("Owner"));
  EXPECT_EQ(input.at("Description"), "new");
  EXPECT_EQ(input.at("Parameters").at("comment"), "new");
  EXPECT_FALSE(input.at("Parameters").as_object().contains("k"));
  EXPECT_EQ(input.at("StorageDescriptor").at("NumberOfBuckets"), 7);
  EXPECT_EQ(input.at("StorageDescriptor").at("Columns").at(0).at("Comment"), "c");
  EXPECT_EQ(ReadTable(input).format, "csv");
  EXPECT_EQ(NewTable("t", {.comment = "c"}).error().code(), "metadata.needs_columns");
}

}  // namespace
}  // namespace nstarx::connectors::glue
