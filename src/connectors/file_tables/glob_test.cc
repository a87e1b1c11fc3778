#include "connectors/file_tables/glob.h"

#include <gtest/gtest.h>

namespace nstarx::connectors::file_tables {
namespace {

TEST(GlobTest, MatchesLikeAShell) {
  const struct {
    const char* pattern;
    const char* path;
    bool matches;
  } rows[] = {
      {"a.csv", "a.csv", true},
      {"a.csv", "a.csvx", false},
      {"*.csv", "a.csv", true},
      {"*.csv", "x/a.csv", false},
      {"e/*.parquet", "e/p-0.parquet", true},
      {"e/*.parquet", "e/x/p-0.parquet", false},
      {"e/**/*.parquet", "e/p.parquet", true},
      {"e/**/*.parquet", "e/a/b/p.parquet", true},
      {"**", "a/b/c", true},
      {"**/c", "c", true},
      {"a/**", "b/c", false},
      {"p-?.csv", "p-1.csv", true},
      {"p-?.csv", "p-12.csv", false},
      {"p-[0-3].csv", "p-2.csv", true},
      {"p-[0-3].csv", "p-4.csv", false},
      {"p-[!0-3].csv", "p-4.csv", true},
      {"p-[]x].csv", "p-].csv", true},
      {"a[b", "a[b", true},
      {"a\\*b", "a*b", true},
      {"a\\*b", "axb", false},
      {"a*b*c", "aXbYc", true},
      {"a*b*c", "aXcYb", false},
      {"y=*/m=*/*.parquet", "y=1/m=2/x.parquet", true},
      {"", "", true},
      {"*", "", true},
      {"?", "", false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(GlobMatch(row.pattern, row.path), row.matches) << row.pattern << " " << row.path;
  }
}

TEST(GlobTest, HostilePatternsEndSoon) {
  std::string pattern;
  for (int i = 0; i < 300; ++i) pattern += "*a";
  pattern += "b";
  EXPECT_FALSE(GlobMatch(pattern, std::string(5000, 'a')));
  std::string stars = "**";
  std::string path = "a";
  for (int i = 0; i < 300; ++i) {
    stars += "/**";
    path += "/a";
  }
  EXPECT_FALSE(GlobMatch(stars + "/b", path));
}

TEST(GlobTest, RootAndDepth) {
  EXPECT_EQ(GlobRoot("a/b/c*.csv"), "a/b");
  EXPECT_EQ(GlobRoot("*.csv"), "");
  EXPECT_EQ(GlobRoot("a/b*/c.csv"), "a");
  EXPECT_FALSE(GlobIsDeep("a/b/c*.csv"));
  EXPECT_TRUE(GlobIsDeep("a/b*/c.csv"));
  EXPECT_TRUE(GlobIsDeep("a/**"));
}

TEST(GlobTest, QuotedPathsMatchOnlyThemselves) {
  for (const char* path : {"a*b", "x[1].csv", "q?", "back\\slash"}) {
    EXPECT_TRUE(GlobMatch(QuoteGlob(path), path)) << path;
  }
  EXPECT_FALSE(GlobMatch(QuoteGlob("a*b"), "aXb"));
}

TEST(GlobTest, InnerPathsStayInside) {
  for (const char* good : {"a", "a/b.parquet", "y=1/m=*/x", "a..b", "späce ü", "a//b", "x/"}) {
    EXPECT_TRUE(IsInnerPath(good)) << good;
  }
  for (const char* bad : {"", "/etc/passwd", "../x", "a/../b", "a/./b", "~/x", "http://h/x",
                          "file:///etc/passwd", "file:x", "s3://b/k", "a\nb", ".."}) {
    EXPECT_FALSE(IsInnerPath(bad)) << bad;
  }
}

}  // namespace
}  // namespace nstarx::connectors::file_tables
