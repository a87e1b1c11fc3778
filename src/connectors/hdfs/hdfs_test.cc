#include <gtest/gtest.h>

#include "connectors/hdfs/hdfs_connector.h"
#include "connectors/hdfs/hdfs_errors.h"
#include "connectors/hdfs/hdfs_login.h"
#include "connectors/hdfs/hdfs_settings.h"
#include "connectors/hdfs/webhdfs_client.h"

namespace nstarx::connectors::hdfs {
namespace {

std::string CodeOf(int status, std::string_view exception, std::string_view message) {
  const std::string body = json::serialize(
      json::object{{"RemoteException",
                    {{"exception", exception}, {"message", message}, {"javaClassName", "x"}}}});
  return std::string(FromHdfsFailure(ReadFailure(status, body), "a/b").code());
}

TEST(HdfsErrorsTest, RemoteExceptionsHaveCodes) {
  EXPECT_EQ(CodeOf(404, "FileNotFoundException", "File does not exist"), "object.not_found");
  EXPECT_EQ(CodeOf(403, "AccessControlException", "Permission denied"), "object.no_privilege");
  EXPECT_EQ(CodeOf(403, "StandbyException", "READ is not supported"), "name_node.standby");
  EXPECT_EQ(CodeOf(403, "SafeModeException", "Cannot create"), "name_node.safe_mode");
  EXPECT_EQ(CodeOf(403, "RetriableException", "...SafeModeException: Cannot"),
            "name_node.safe_mode");
  EXPECT_EQ(CodeOf(403, "RetriableException", "later"), "service.busy");
  EXPECT_EQ(CodeOf(403, "IOException", "Offset=9 out of the range [0, 5); OPEN"),
            "object.invalid_range");
  EXPECT_EQ(CodeOf(403, "IOException", "Failed to find datanode, suggest to check"),
            "data_node.none");
  EXPECT_EQ(CodeOf(403, "DSQuotaExceededException", "quota"), "object.quota_exceeded");
  EXPECT_EQ(CodeOf(403, "PathIsNotEmptyDirectoryException", "x"), "object.path_conflict");
  EXPECT_EQ(CodeOf(400, "IllegalArgumentException", "Invalid value: user.name"),
            "login.invalid_user");
  EXPECT_EQ(CodeOf(400, "IllegalArgumentException", "else"), "service.error");
  EXPECT_EQ(CodeOf(500, "RuntimeException", "NPE"), "service.unavailable");
}

TEST(HdfsErrorsTest, WhatIsNoAnswerOfHdfsIsMalformed) {
  for (const std::string_view body : {"", "<html>", "{}", "[[[[", "\xff\xfe",
                                      R"({"RemoteException": 3})", R"({"RemoteException": {}})"}) {
    EXPECT_EQ(FromHdfsFailure(ReadFailure(404, body), "x").code(), "response.malformed") << body;
    EXPECT_EQ(FromHdfsFailure(ReadFailure(503, body), "x").code(), "service.unavailable") << body;
    EXPECT_EQ(FromHdfsFailure(ReadFailure(401, body), "x").code(), "login.kerberos_required");
  }
}

TEST(HdfsErrorsTest, WhatIsSaidOfTokensIsNotRepeated) {
  EXPECT_EQ(CodeOf(500, "NegativeArraySizeException", "-57"), "login.token_refused");
  const Error error = FromHdfsFailure({.http_status = 403,
                                       .exception = "SecurityException",
                                       .message = "InvalidToken: token (secret) is expired"},
                                      "");
  EXPECT_EQ(error.code(), "login.token_refused");
  EXPECT_EQ(error.message().find("secret"), std::string::npos);
}

TEST(HdfsLoginTest, TokensAreRead) {
  const auto token = ReadDelegationToken(R"({"Token":{"urlString":"HgAF_-x"}})");
  ASSERT_TRUE(token);
  EXPECT_EQ(token->Reveal(), "HgAF_-x");
  EXPECT_EQ(ReadDelegationToken(R"({"Token":null})").error().code(), "login.no_kerberos");
  EXPECT_EQ(ReadDelegationToken(R"({"Token":{"urlString":7}})").error().code(),
            "login.no_kerberos");
  for (const std::string_view bad : {"", "[]", "{}", "<html>"}) {
    EXPECT_EQ(ReadDelegationToken(bad).error().code(), "response.malformed") << bad;
  }
}

TEST(HdfsErrorsTest, OnlyTheFirstLineIsPassedOn) {
  const Error error = FromHdfsFailure(
      {.http_status = 403, .exception = "AccessControlException", .message = "no\n\tat org.x"},
      "p");
  EXPECT_EQ(error.message(), "The user may not do this: p (no)");
  EXPECT_EQ(error.vendor_code(), "AccessControlException");
}

TEST(HdfsSettingsTest, NameNodesAreRead) {
  const auto nodes = ParseNameNodes("nn1, nn2:50070,[::1]:5,[fe80::2]", 9870, false);
  ASSERT_TRUE(nodes) << nodes.error().ToString();
  ASSERT_EQ(nodes->size(), 4U);
  EXPECT_EQ((*nodes)[0].Origin(), "http://nn1:9870");
  EXPECT_EQ((*nodes)[1].port, 50070);
  EXPECT_EQ((*nodes)[2].host, "::1");
  EXPECT_EQ((*nodes)[3].port, 9870);
  for (const std::string_view bad :
       {"", "a,,b", "a/b", "a:0", "a:x", "u@a", "a?x", "a,b,c,d,e,f,g,h,i"}) {
    const auto refused = ParseNameNodes(bad, 9870, true);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code(), "config.malformed_endpoint") << bad;
  }
}

TEST(HdfsSettingsTest, UrisGoIn) {
  const auto connector = MakeHdfsConnector();
  const auto draft = connector->spec().FromUri("swebhdfs://etl@nn1.example.com:9999/data/sales");
  ASSERT_TRUE(draft) << draft.error().ToString();
  const auto settings = HdfsSettings::Read(draft->at("configuration").as_object());
  ASSERT_TRUE(settings) << settings.error().ToString();
  EXPECT_TRUE(settings->tls);
  EXPECT_EQ(settings->prefix, "data/sales/");
  EXPECT_EQ(settings->Root(), "/data/sales");
  EXPECT_EQ(settings->name_nodes.front().Origin(), "https://nn1.example.com:9999");
  EXPECT_EQ(HdfsSettings::Read({{"host", "a"}})->Root(), "/");
  EXPECT_EQ(HdfsSettings::Read({{"host", "a"}})->name_nodes.front().port, 9870);
  EXPECT_EQ(HdfsSettings::Read({{"host", "a"}, {"scheme", "swebhdfs"}})->name_nodes.front().port,
            9871);
  for (const std::string_view bad : {"/a/../b", "a//b", "./a", "/.."}) {
    EXPECT_FALSE(HdfsSettings::Read({{"host", "a"}, {"path", bad}})) << bad;
  }
}

TEST(ReadRedirectTest, DataNodesAreFollowed) {
  const auto request = ReadRedirect(
      "http://dn1:9864/webhdfs/v1/a%20b?op=OPEN&user.name=x&namenoderpcaddress=nn%3A8020&offset=0",
      "GET", false);
  ASSERT_TRUE(request) << request.error().ToString();
  EXPECT_EQ(request->Url(),
            "http://dn1:9864/webhdfs/v1/a%20b"
            "?op=OPEN&user.name=x&namenoderpcaddress=nn%3A8020&offset=0");
}

TEST(ReadRedirectTest, AnythingElseIsNot) {
  for (const std::string_view bad :
       {"", "/webhdfs/v1/a", "http://dn1:9864", "http://dn1:9864/latest/meta-data",
        "https://dn1/webhdfs/v1/a", "file:///webhdfs/v1/a", "http://u:p@dn1/webhdfs/v1/a",
        "x?y=http://dn1/webhdfs/v1/a", "http://dn1:99999/webhdfs/v1/a"}) {
    const auto request = ReadRedirect(bad, "GET", false);
    ASSERT_FALSE(request) << bad;
    EXPECT_EQ(request.error().code(), "response.malformed") << bad;
  }
}

TEST(FileStatusTest, HostileStatusesAreRefused) {
  for (const std::string_view text : {"3", "{}", "[]", R"({"type": 7})", "null"}) {
    EXPECT_FALSE(FileStatus::Read(*ParseJson(text))) << text;
  }
  const auto status =
      FileStatus::Read(*ParseJson(R"({"type":"FILE","length":-5,"pathSuffix":"x","fileId":255})"));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->size, 0);
  EXPECT_EQ(status->Etag(), "ff-0-0");
}

}  // namespace
}  // namespace nstarx::connectors::hdfs
