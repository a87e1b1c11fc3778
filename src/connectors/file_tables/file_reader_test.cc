#include "connectors/file_tables/file_reader.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <gtest/gtest.h>

namespace nstarx::connectors::file_tables {
namespace {

class FileReaderTest : public testing::Test {
 protected:
  std::unique_ptr<FileReader> Make(size_t size) {
    content_.resize(size);
    for (size_t i = 0; i < size; ++i) content_[i] = static_cast<char>(i * 31 + i / 251);
    return std::make_unique<FileReader>(
        std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(content_)),
        static_cast<int64_t>(size));
  }

  /// True when the range comes back as it is in the file.
  bool Reads(FileReader& reader, int64_t offset, int64_t length) {
    std::string into(static_cast<size_t>(length), '\0');
    return reader.ReadAt(offset, length, into.data()).ok() &&
           into == content_.substr(static_cast<size_t>(offset), static_cast<size_t>(length));
  }

  std::string content_;
};

TEST_F(FileReaderTest, SmallFilesComeWhole) {
  auto reader = Make(300'000);
  for (int64_t at = 0; at < 290'000; at += 7'777) EXPECT_TRUE(Reads(*reader, at, 5'000));
  EXPECT_TRUE(Reads(*reader, 0, 300'000));
  EXPECT_EQ(reader->requests(), 1);
}

TEST_F(FileReaderTest, TheFooterComesInOneRequest) {
  auto reader = Make(5'000'000);
  EXPECT_TRUE(Reads(*reader, 4'999'992, 8));
  EXPECT_TRUE(Reads(*reader, 4'950'000, 49'992));
  EXPECT_EQ(reader->requests(), 1);
}

TEST_F(FileReaderTest, SmallReadsInARowUseTheWindow) {
  auto reader = Make(5'000'000);
  for (int64_t at = 0; at < 2'000'000; at += 10'000) EXPECT_TRUE(Reads(*reader, at, 10'000));
  EXPECT_LE(reader->requests(), 3);
}

TEST_F(FileReaderTest, LargeReadsAreSplitAndExact) {
  auto reader = Make(40'000'001);
  EXPECT_TRUE(Reads(*reader, 3, 39'999'990));
  EXPECT_EQ(reader->requests(), 4);
  EXPECT_TRUE(Reads(*reader, 100, 1'000'000));
  EXPECT_EQ(reader->requests(), 5);
}

TEST_F(FileReaderTest, RangesOutsideAreErrors) {
  auto reader = Make(1000);
  char byte = 0;
  EXPECT_FALSE(reader->ReadAt(1000, 1, &byte).ok());
  EXPECT_FALSE(reader->ReadAt(-1, 1, &byte).ok());
  EXPECT_FALSE(reader->ReadAt(999, 2, &byte).ok());
  EXPECT_TRUE(reader->ReadAt(500, 0, &byte).ok());
}

}  // namespace
}  // namespace nstarx::connectors::file_tables
