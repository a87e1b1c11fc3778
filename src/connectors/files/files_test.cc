#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "connector/facets.h"
#include "connectors/files/files_connector.h"

namespace nstarx::connectors::files {
namespace {

namespace fs = std::filesystem;

class FilesTest : public testing::Test {
 protected:
  void SetUp() override {
    base_ = fs::temp_directory_path() / ("files_test_" + std::to_string(getpid()));
    fs::remove_all(base_);
    fs::create_directories(base_ / "root/data/sub");
    fs::create_directories(base_ / "elsewhere");
    std::ofstream(base_ / "root/data/a.csv") << "id,name\n1,one\n2,two\n";
    std::ofstream(base_ / "elsewhere/secret.csv") << "id,name\n9,hidden\n";
    fs::create_symlink(base_ / "elsewhere/secret.csv", base_ / "root/data/link.csv");
    fs::create_symlink(base_ / "elsewhere", base_ / "root/way_out");
    connector_ = MakeFilesConnectorBelow({(base_ / "root").string()});
  }
  void TearDown() override { fs::remove_all(base_); }

  Result<std::unique_ptr<connector::Session>> Open(const fs::path& path) {
    const json::object configuration{{"path", path.string()}};
    return connector_->Open(context_, {.configuration = configuration,
                                       .authentication = none_,
                                       .secrets = secrets_,
                                       .ssl = ssl_});
  }

  /// Rows of a statement, or -1 with the code kept.
  int64_t Rows(connector::Session& session, const std::string& sql) {
    auto stream = session.As<connector::QueryFacet>()->Execute(context_, {.text = sql}, {});
    if (!stream) {
      code_ = stream.error().code();
      return -1;
    }
    int64_t rows = 0;
    while (true) {
      auto batch = (*stream)->Next(context_);
      if (!batch) {
        code_ = batch.error().code();
        return -1;
      }
      if (*batch == nullptr) return rows;
      rows += (*batch)->num_rows();
    }
  }

  fs::path base_;
  Context context_;
  json::object none_{{"type", "none"}};
  SecretMap secrets_;
  model::Ssl ssl_;
  std::string code_;
  std::unique_ptr<connector::Connector> connector_;
};

TEST_F(FilesTest, ReadsAndLists) {
  auto session = Open(base_ / "root/data");
  ASSERT_TRUE(session) << session.error().ToString();
  EXPECT_EQ(Rows(**session, "SELECT * FROM 'a.csv'"), 2) << code_;
  const auto nodes = (*session)->As<connector::BrowseFacet>()->List(context_, "", 10);
  ASSERT_TRUE(nodes);
  ASSERT_EQ(nodes->size(), 2u);
  EXPECT_EQ(nodes->at(0).name, "a.csv");
  EXPECT_EQ(nodes->at(1).path, "sub/");
}

TEST_F(FilesTest, NothingLeadsOut) {
  auto session = Open(base_ / "root/data");
  ASSERT_TRUE(session);
  for (const char* sql :
       {"SELECT * FROM 'link.csv'", "SELECT * FROM '../../elsewhere/secret.csv'",
        "SELECT * FROM '/etc/passwd'", "SELECT * FROM read_csv('../../elsewhere/*.csv')"}) {
    EXPECT_EQ(Rows(**session, sql), -1) << sql;
  }
  EXPECT_EQ(Open(base_ / "elsewhere").error().code(), "file.outside_roots");
  EXPECT_EQ(Open(base_ / "root/way_out").error().code(), "file.outside_roots");
  EXPECT_EQ(Open("/no/such/folder").error().code(), "file.outside_roots");
  EXPECT_EQ(Open(base_ / "root/missing").error().code(), "file.not_found");
}

TEST_F(FilesTest, WithoutRootsNothingOpens) {
  connector_ = MakeFilesConnectorBelow({});
  EXPECT_EQ(Open(base_ / "root/data").error().code(), "file.outside_roots");
}

}  // namespace
}  // namespace nstarx::connectors::files
