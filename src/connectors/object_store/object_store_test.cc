#include <arrow/buffer.h>
#include <arrow/filesystem/filesystem.h>
#include <arrow/io/interfaces.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "connectors/object_store/bearer_token.h"
#include "connectors/object_store/client_files.h"
#include "connectors/object_store/http_object_client.h"
#include "connectors/object_store/object_session.h"
#include "connectors/object_store/object_upload.h"

namespace nstarx::connectors::object_store {
namespace {

using connector::ByteStream;
using connector::ObjectInfo;
using connector::ObjectPage;

class TextStream final : public ByteStream {
 public:
  explicit TextStream(std::string text) : text_(std::move(text)) {}
  Result<size_t> Read(const Context&, std::span<std::byte> into) override {
    const size_t count = std::min(into.size(), text_.size() - at_);
    std::memcpy(into.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  const std::string text_;
  size_t at_ = 0;
};

/// What a bucket of the tests holds and what was asked of it.
struct Bucket {
  std::map<std::string, std::string> objects;
  std::vector<UploadPart> parts;  // without their content
  std::string uploaded;
  int puts = 0;
  int aborts = 0;
  std::optional<Error> refusal;
};

/// Objects in memory; lists one object a page.
class MemoryClient final : public ObjectClient {
 public:
  explicit MemoryClient(Bucket& bucket) : bucket_(bucket) {}

  Result<ObjectPage> List(const Context&, std::string_view prefix, std::string_view, int64_t,
                          std::string_view continuation) override {
    if (bucket_.refusal) return *bucket_.refusal;
    ObjectPage page;
    for (auto at = bucket_.objects.upper_bound(std::string(continuation));
         at != bucket_.objects.end(); ++at) {
      if (!at->first.starts_with(prefix)) continue;
      page.items.push_back({.key = at->first, .size = static_cast<int64_t>(at->second.size())});
      page.next = at->first;
      break;
    }
    return page;
  }
  Result<ObjectInfo> Head(const Context&, std::string_view key) override {
    if (bucket_.refusal) return *bucket_.refusal;
    const auto found = bucket_.objects.find(std::string(key));
    if (found == bucket_.objects.end()) return NotFound("object.not_found", "no");
    ObjectInfo info;
    info.size = static_cast<int64_t>(found->second.size());
    return info;
  }
  Result<std::unique_ptr<ByteStream>> Get(const Context&, std::string_view key,
                                          connector::ObjectRange range) override {
    if (bucket_.refusal) return *bucket_.refusal;
    return std::make_unique<TextStream>(bucket_.objects[std::string(key)].substr(
        static_cast<size_t>(range.offset), static_cast<size_t>(range.length.value_or(1 << 30))));
  }
  Result<std::string> Put(const Context&, std::string_view key, std::string_view content,
                          std::string_view) override {
    ++bucket_.puts;
    bucket_.objects[std::string(key)] = content;
    return "tag";
  }
  Status Delete(const Context&, std::string_view) override { return {}; }
  Result<std::string> Presign(const Context&, std::string_view, std::string_view,
                              std::chrono::seconds) override {
    return "url";
  }
  Result<std::string> CreateUpload(const Context&, std::string_view, std::string_view) override {
    return "upload-1";
  }
  Result<std::string> SendPart(const Context&, std::string_view, std::string_view,
                               const UploadPart& part) override {
    if (bucket_.refusal) return *bucket_.refusal;
    bucket_.parts.push_back(part);
    bucket_.parts.back().content = {};
    bucket_.uploaded += part.content;
    return fmt::format("tag-{}", part.number);
  }
  Result<std::string> CompleteUpload(const Context&, std::string_view key, std::string_view,
                                     const std::vector<std::string>& tags,
                                     std::string_view) override {
    bucket_.objects[std::string(key)] = bucket_.uploaded;
    return tags.back();
  }
  Status AbortUpload(const Context&, std::string_view, std::string_view) override {
    ++bucket_.aborts;
    return {};
  }

 private:
  Bucket& bucket_;
};

constexpr size_t kPart = 8 << 20;

TEST(ObjectUploadTest, SmallOnesAreOnePut) {
  Bucket bucket;
  MemoryClient client(bucket);
  ObjectUpload upload(client, "k", "");
  ASSERT_TRUE(upload.Write({}, std::string(kPart, 'x')));
  ASSERT_TRUE(upload.Finish({}));
  EXPECT_EQ(bucket.puts, 1);
  EXPECT_TRUE(bucket.parts.empty());
}

TEST(ObjectUploadTest, LargeOnesAreInOrderAndTheLastPartIsNeverEmpty) {
  for (const size_t size : {kPart + 1, 2 * kPart, 2 * kPart + 5}) {
    Bucket bucket;
    MemoryClient client(bucket);
    {
      ObjectUpload upload(client, "k", "");
      for (size_t sent = 0; sent < size; sent += 1'000'000) {
        const std::string piece(std::min<size_t>(1'000'000, size - sent), 'x');
        ASSERT_TRUE(upload.Write({}, piece));
      }
      const auto tag = upload.Finish({});
      ASSERT_TRUE(tag);
      EXPECT_EQ(*tag, fmt::format("tag-{}", bucket.parts.size()));
    }
    EXPECT_EQ(bucket.objects["k"].size(), size);
    EXPECT_EQ(bucket.aborts, 0);
    int64_t offset = 0;
    for (size_t i = 0; i < bucket.parts.size(); ++i) {
      EXPECT_EQ(bucket.parts[i].number, static_cast<int>(i) + 1);
      EXPECT_EQ(bucket.parts[i].offset, offset);
      EXPECT_EQ(bucket.parts[i].last, i + 1 == bucket.parts.size());
      offset += static_cast<int64_t>(kPart);
    }
    EXPECT_LT(bucket.parts.back().offset, static_cast<int64_t>(size));
  }
}

TEST(ObjectUploadTest, WhatIsNotFinishedIsTakenAway) {
  Bucket bucket;
  MemoryClient client(bucket);
  {
    ObjectUpload(client, "k", "").Write({}, std::string(kPart + 1, 'x')).value();
  }
  EXPECT_EQ(bucket.aborts, 1);
  EXPECT_TRUE(bucket.objects.empty());
}

class ClientFilesTest : public testing::Test {
 protected:
  std::shared_ptr<arrow::fs::FileSystem> Open() {
    auto files = source_.Files({});
    EXPECT_TRUE(files);
    return *files;
  }

  Bucket bucket_;
  ClientFiles source_{[this]() -> Result<std::unique_ptr<ObjectClient>> {
                        return std::make_unique<MemoryClient>(bucket_);
                      },
                      "in/"};
};

TEST_F(ClientFilesTest, FilesAndFoldersAreRelativeToThePrefix) {
  bucket_.objects = {{"in/a/", ""}, {"in/a/x.csv", "id\n1\n"}, {"in/a/y.csv", ""}, {"out", "no"}};
  const auto files = Open();
  EXPECT_EQ(files->GetFileInfo("a/x.csv")->size(), 5);
  EXPECT_EQ(files->GetFileInfo("a")->type(), arrow::fs::FileType::Directory);
  EXPECT_EQ(files->GetFileInfo("none")->type(), arrow::fs::FileType::NotFound);
  arrow::fs::FileSelector all;
  all.base_dir = "a";
  all.recursive = true;
  const auto found = files->GetFileInfo(all);
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 2U) << "marks of folders are no files; every page was read";
  EXPECT_EQ((*found)[0].path(), "a/x.csv");
  EXPECT_FALSE(files->DeleteFile("a/x.csv").ok());
  EXPECT_FALSE(files->OpenOutputStream("new").ok());
}

TEST_F(ClientFilesTest, RangesAreCutAtTheEnd) {
  bucket_.objects = {{"in/x", "0123456789"}};
  const auto file = Open()->OpenInputFile("x");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*(*file)->ReadAt(3, 4))->ToString(), "3456");
  EXPECT_EQ((*(*file)->ReadAt(8, 100))->ToString(), "89");
  EXPECT_EQ((*(*file)->ReadAt(10, 1))->size(), 0);
}

TEST_F(ClientFilesTest, TheFirstFailureIsKeptForTheStatement) {
  bucket_.refusal = Error(ErrorKind::kPermissionDenied, "object.no_privilege", "no");
  EXPECT_FALSE(Open()->GetFileInfo("x").ok());
  bucket_.refusal = Unavailable("service.busy", "later");
  EXPECT_EQ(source_.ReadFailure("").code(), "query.no_privilege");
  EXPECT_FALSE(Open()->GetFileInfo("x").ok());
  EXPECT_EQ(source_.ReadFailure("").code(), "service.busy");
  bucket_.refusal.reset();
  Open();
  EXPECT_EQ(source_.ReadFailure("").code(), "connection.lost");
}

TEST(TokenSourceTest, TokensAreAskedForBeforeTheyEnd) {
  ManualClock clock(*ParseTime("2026-11-23T15:00:00Z"));
  int asked = 0;
  bool refuse = false;
  TokenSource source(
      [&](const Context&) -> Result<BearerTokenPtr> {
        ++asked;
        if (refuse) return Unavailable("service.unavailable", "no");
        auto token = std::make_shared<BearerToken>();
        token->expires = clock.Now() + std::chrono::hours(1);
        return token;
      },
      clock);
  ASSERT_TRUE(source.Get({}));
  ASSERT_TRUE(source.Get({}));
  EXPECT_EQ(asked, 1);
  clock.Advance(std::chrono::minutes(57));
  ASSERT_TRUE(source.Get({}));
  EXPECT_EQ(asked, 1);
  clock.Advance(std::chrono::minutes(2));
  ASSERT_TRUE(source.Get({}));
  EXPECT_EQ(asked, 2);
  clock.Advance(std::chrono::minutes(2));
  ASSERT_TRUE(source.GetFresh({}, std::chrono::minutes(1)));
  EXPECT_EQ(asked, 3);
  refuse = true;
  clock.Advance(std::chrono::hours(2));
  EXPECT_FALSE(source.Get({}));
}

TEST(HttpTextTest, TimesAndEscapesGoBothWays) {
  const TimePoint time = *ParseTime("2026-11-23T07:18:19Z");
  EXPECT_EQ(FormatHttpTime(time), "Mon, 23 Nov 2026 07:18:19 GMT");
  EXPECT_EQ(ParseHttpTime(FormatHttpTime(time)), time);
  EXPECT_EQ(ParseHttpTime("soon"), TimePoint());
  EXPECT_EQ(PercentDecode("a%2Bb+c%zz%", true), "a+b c%zz%");
  EXPECT_EQ(PercentDecode("a+b", false), "a+b");
  EXPECT_EQ(Unquoted("\"x\""), "x");
  EXPECT_EQ(Unquoted("\""), "\"");
  EXPECT_EQ(NormalPrefix("//a/b"), "a/b/");
  EXPECT_EQ(NormalPrefix("/"), "");
}

}  // namespace
}  // namespace nstarx::connectors::object_store
