#include "drivers/drivers.h"

#include <gtest/gtest.h>
#include <sodium.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "base/base64.h"
#include "drivers/bundle.h"
#include "drivers/installed.h"
#include "drivers/layouts.h"
#include "drivers/library.h"
#include "drivers/version.h"
#include "drivers/wheel.h"

namespace nstarx::drivers {
namespace {

namespace fs = std::filesystem;

/// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string path = (fs::temp_directory_path() / "drivers-XXXXXX").string();
    path_ = ::mkdtemp(path.data());
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void Write(const std::string& path, std::string_view text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

TEST(VersionTest, IsOrdered) {
  const std::vector<std::string> ordered = {"1.0-alpha-1",
                                            "1.0-beta2",
                                            "1.0-rc1",
                                            "1.0",
                                            "1.0.1",
                                            "1.2.0.dev3",
                                            "1.2.0a1",
                                            "1.2.0rc2",
                                            "1.2.0",
                                            "1.2.9",
                                            "1.2.10",
                                            "1.10",
                                            "2.0.Final",
                                            "10.0.0",
                                            "12.8.0",
                                            "12.8.1",
                                            "20240101",
                                            "99999999999999999999998.0",
                                            "99999999999999999999999.0"};
  for (size_t i = 0; i < ordered.size(); ++i) {
    for (size_t j = 0; j < ordered.size(); ++j) {
      const int order = CompareVersions(ordered[i], ordered[j]);
      EXPECT_EQ((order > 0) - (order < 0), (i > j) - (i < j)) << ordered[i] << " " << ordered[j];
    }
  }
  EXPECT_EQ(CompareVersions("1.0", "1.0.0"), 0);
  EXPECT_EQ(CompareVersions("1.0.Final", "1.0"), 0);
  EXPECT_EQ(CompareVersions("1.01", "1.1"), 0);
  EXPECT_LT(CompareVersions("1.0-SNAPSHOT", "1.0"), 0);
}

TEST(VersionTest, KnowsReleases) {
  EXPECT_TRUE(IsRelease("42.7.4"));
  EXPECT_TRUE(IsRelease("3.0.0.Final"));
  EXPECT_FALSE(IsRelease("42.7.4-rc1"));
  EXPECT_FALSE(IsRelease("42.2.5.jre7"));
  EXPECT_TRUE(IsRelease("12.8.1.jre11", ".jre11"));
  EXPECT_FALSE(IsRelease("12.8.1.jre8", ".jre11"));
  EXPECT_FALSE(IsRelease("12.8.1-preview.jre11", ".jre11"));
  EXPECT_FALSE(IsRelease("latest"));
}

TEST(VersionTest, PoliciesKeepToTheirBound) {
  EXPECT_TRUE(Allows(UpdatePolicy::kPatch, "1.2.3", "1.2.4"));
  EXPECT_FALSE(Allows(UpdatePolicy::kPatch, "1.2.3", "1.3.0"));
  EXPECT_FALSE(Allows(UpdatePolicy::kPatch, "1.2.3", "1.2.3"));
  EXPECT_FALSE(Allows(UpdatePolicy::kPatch, "1.2.3", "1.2.2"));
  EXPECT_TRUE(Allows(UpdatePolicy::kMinor, "1.2.3", "1.9"));
  EXPECT_FALSE(Allows(UpdatePolicy::kMinor, "1.2.3", "2.0.0"));
  EXPECT_FALSE(Allows(UpdatePolicy::kOff, "1.2.3", "1.2.4"));
  EXPECT_TRUE(Allows(UpdatePolicy::kPatch, "1.2", "1.2.1"));
  EXPECT_EQ(ParsePolicy("major").error().code(), "driver.unknown_policy");
}

TEST(VersionTest, NamesBecomeNoPaths) {
  EXPECT_TRUE(IsDriverId("adbc-postgresql"));
  for (const char* bad : {"", "..", ".x", "A", "a/b", "a b", "-x", "a\n"}) {
    EXPECT_FALSE(IsDriverId(bad)) << bad;
  }
  for (const char* bad : {"", "..", "current", "previous", "1/2", ".1", "1 2"}) {
    EXPECT_FALSE(IsVersion(bad)) << bad;
  }
  EXPECT_TRUE(IsVersion("1.0+build.5"));
  EXPECT_EQ(Shortened(std::string(63, 'x') + "\xf0\x9f\x9a\x80"), std::string(63, 'x'));
  EXPECT_FALSE(IsFileName("../x.jar"));
  for (const char* bad : {"/x", "a/../b", "a//b", "a/", "./a", "a\\b", "a%2e", "c:x"}) {
    EXPECT_FALSE(IsSafePath(bad)) << bad;
  }
}

std::string IndexOf(std::string_view entry) {
  return R"({"format":"nstarx-drivers/1","drivers":[)" + std::string(entry) + "]}";
}

TEST(IndexTest, ReadsWhatShips) {
  const auto index = Index::Parse(BuiltInIndex());
  ASSERT_TRUE(index) << index.error().ToString();
  ASSERT_NE(index->Find("mssql-jdbc"), nullptr);
  EXPECT_EQ(index->Find("mssql-jdbc")->maven->version_suffix, ".jre11");
  EXPECT_EQ(index->Find("adbc-postgresql")->pypi_project, "adbc-driver-postgresql");
  for (const IndexEntry& entry : index->entries) EXPECT_TRUE(entry.by_layout()) << entry.id;
}

TEST(IndexTest, RefusesHostileInput) {
  const std::string digest(64, 'a');
  const auto version = [&](const std::string& file) {
    return R"({"id":"x","kind":"jdbc","versions":[{"version":"1","files":[)" + file + "]}]}";
  };
  const std::string good = R"({"name":"x.jar","sha256":")" + digest + R"(","size":3})";
  ASSERT_TRUE(Index::Parse(IndexOf(version(good))));
  const std::vector<std::string> refused = {
      "",
      "{",
      "[]",
      "{}",
      R"({"format":"nstarx-drivers/2","drivers":[]})",
      IndexOf("1"),
      IndexOf(R"({"id":"../x","kind":"jdbc"})"),
      IndexOf(R"({"id":"x","kind":"exe"})"),
      IndexOf(R"({"id":"x","kind":"jdbc"})"),
      IndexOf(version(good) + "," + version(good)),
      IndexOf(version(good + "," + good)),
      IndexOf(version(R"({"name":"../x.jar","sha256":")" + digest + R"("})")),
      IndexOf(version(R"({"name":"x.jar","url":"../x.jar","sha256":")" + digest + R"("})")),
      IndexOf(version(R"({"name":"x.jar","url":"/x.jar","sha256":")" + digest + R"("})")),
      IndexOf(version(R"({"name":"x.jar"})")),
      IndexOf(version(R"({"name":"x.jar","sha256":"00"})")),
      IndexOf(version(R"({"name":"x.jar","size":-5,"sha256":")" + digest + R"("})")),
      IndexOf(version(R"({"name":"x.jar","size":99999999999,"sha256":")" + digest + R"("})")),
      IndexOf(R"({"id":"x","kind":"jdbc","maven":{"group":"a..b","artifact":"c"}})"),
      IndexOf(R"({"id":"x","kind":"jdbc","maven":{"group":"a","artifact":"../c"}})"),
      IndexOf(R"({"id":"x","kind":"adbc","pypi":{"project":"a/b"}})"),
      IndexOf(R"({"id":"x","kind":"adbc","library":"../x.so","pypi":{"project":"a"}})"),
      IndexOf(
          R"({"id":"x","kind":"adbc","pypi":{"project":"a"},"maven":{"group":"a","artifact":"b"}})"),
  };
  for (const std::string& text : refused) {
    const auto read = Index::Parse(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), "driver.malformed_index") << text;
  }
}

TEST(LocationTest, StaysWhereItBelongs) {
  const Location page{"https://host/simple/x/"};
  const Location root{"https://host/simple"};
  EXPECT_EQ(page.Resolve("x-1.whl#sha256=aa", root)->text, "https://host/simple/x/x-1.whl");
  EXPECT_EQ(page.Resolve("../../packages/x.whl", root)->text, "https://host/packages/x.whl");
  EXPECT_EQ(page.Resolve("/files/x.whl?sig=1", root)->text, "https://host/files/x.whl?sig=1");
  EXPECT_EQ(page.Resolve("https://cdn/x.whl", root)->text, "https://cdn/x.whl");
  for (const char* bad : {"http://cdn/x.whl", "file:///etc/passwd", "ftp://x/y", "//evil/x", "a b",
                          "", "#x", "\\x"}) {
    const auto resolved = page.Resolve(bad, root);
    ASSERT_FALSE(resolved) << bad << resolved->text;
    EXPECT_EQ(resolved.error().code(), "driver.unsafe_path") << bad;
  }
  const Folder folder;
  Write(folder / "index/a/x.jar", "x");
  fs::create_symlink("/", folder / "index/out");
  const Location document{folder / "index/drivers.json"};
  EXPECT_TRUE(document.Resolve("a/x.jar", document.Parent()));
  for (const char* bad : {"../x", "/etc/passwd", "out/etc/passwd"}) {
    EXPECT_FALSE(document.Resolve(bad, document.Parent())) << bad;
  }
  EXPECT_EQ(Location::Parse("ftp://x").error().code(), "driver.malformed_location");
  EXPECT_EQ(Location::Parse("file:///opt/x")->text, "/opt/x");
}

TEST(LayoutTest, ReadsMetadataAndPages) {
  EXPECT_EQ(MavenVersions("<versions><version>1.0</version><version>../x</version>"
                          "<version>2.0</version></versions><version>9</version>"),
            (std::vector<std::string>{"1.0", "2.0"}));
  EXPECT_TRUE(MavenVersions("<versions><version>").empty());
  const std::string digest(64, 'b');
  const auto html =
      WheelsOf("<a href=\"../x-1.0-py3-none-any.whl#sha256=" + digest +
               "\">x</a><a data-yanked=\"\" href=\"x-2.0-py3-none-any.whl#sha256=" + digest +
               "\">y</a><a href='x-3.0-py3-none-any.whl'>z</a><a ");
  ASSERT_EQ(html.size(), 1U);
  EXPECT_EQ(html[0].file, "x-1.0-py3-none-any.whl");
  const auto listed =
      WheelsOf(R"({"files":[1,{"filename":"x-1.0-py3-none-any.whl","url":"u","size":7,
                 "hashes":{"sha256":")" +
               digest + R"("}},{"filename":"x-2.0-py3-none-any.whl",
                 "yanked":"broken","hashes":{"sha256":")" +
               digest + R"("}}]})");
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].size, 7);
  EXPECT_EQ(FitOf("manylinux_2_28_x86_64", "x86_64", 36), 30);
  EXPECT_EQ(FitOf("manylinux_2_38_x86_64", "x86_64", 36), 0);
  EXPECT_EQ(FitOf("manylinux2014_x86_64.manylinux_2_17_x86_64", "x86_64", 36), 19);
  for (const char* bad : {"win_amd64", "musllinux_1_2_x86_64", "manylinux_2_17_aarch64",
                          "macosx_11_0_x86_64", "manylinux_2_x_x86_64", ""}) {
    EXPECT_EQ(FitOf(bad, "x86_64", 36), 0) << bad;
  }
}

TEST(SignatureTest, OnlyATrustedKeyCounts) {
  ASSERT_GE(sodium_init(), 0);
  unsigned char open[32];
  unsigned char closed[64];
  crypto_sign_keypair(open, closed);
  std::string key;
  AppendBase64({reinterpret_cast<const char*>(open), sizeof(open)}, &key);
  const std::string text = "the index";
  unsigned char made[64];
  crypto_sign_detached(made, nullptr, reinterpret_cast<const unsigned char*>(text.data()),
                       text.size(), closed);
  std::string signature;
  AppendBase64({reinterpret_cast<const char*>(made), sizeof(made)}, &signature);
  const auto keys = TrustedKeys::Parse({key + "\n"});
  ASSERT_TRUE(keys && keys->any());
  EXPECT_TRUE(keys->Check(text, signature + "\n", "it"));
  for (const std::string& bad : {std::string(), std::string("x"), signature.substr(4)}) {
    EXPECT_EQ(keys->Check(text, bad, "it").error().code(), "driver.signature_invalid");
  }
  EXPECT_FALSE(keys->Check(text + "!", signature, "it"));
  const Folder folder;
  Write(folder / "f", text);
  EXPECT_TRUE(keys->CheckFile(folder / "f", signature, "f"));
  Write(folder / "f", "");
  EXPECT_FALSE(keys->CheckFile(folder / "f", signature, "f"));
  EXPECT_FALSE(TrustedKeys::Parse({std::string(64, '1')})->Check(text, signature, "it"));
  EXPECT_EQ(TrustedKeys::Parse({"short"}).error().code(), "driver.malformed_key");
}

Manifest Put(const InstalledDrivers& drivers, const std::string& version) {
  auto incoming = drivers.Prepare();
  EXPECT_TRUE(incoming);
  Write(incoming->folder() + "/files/x.jar", version);
  Manifest manifest{.id = "x", .version = version, .kind = "jdbc"};
  manifest.files = {{.path = "files/x.jar",
                     .sha256 = *Sha256OfFile(incoming->folder() + "/files/x.jar"),
                     .size = static_cast<int64_t>(version.size())}};
  EXPECT_TRUE(drivers.Keep(std::move(*incoming), manifest));
  return manifest;
}

TEST(InstalledTest, SwitchesInOneStepAndGoesBack) {
  const Folder folder;
  auto drivers = InstalledDrivers::Open(folder / "drivers");
  ASSERT_TRUE(drivers);
  const std::string reference = "driver:" + folder / "drivers/x";
  EXPECT_EQ(ResolveLibrary(reference).error().code(), "driver.not_installed");
  Put(*drivers, "1.9");
  EXPECT_FALSE(drivers->Find("x")) << "kept is not current yet";
  ASSERT_TRUE(drivers->Switch("x", "1.9"));
  const Manifest newer = Put(*drivers, "1.10");
  ASSERT_TRUE(drivers->Switch("x", "1.10"));
  const auto found = drivers->Find("x");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->current, "1.10");
  EXPECT_EQ(found->previous, "1.9");
  EXPECT_EQ(found->versions, (std::vector<std::string>{"1.9", "1.10"}));
  EXPECT_EQ(*ResolveLibrary(reference), folder / "drivers/x/1.10/files/x.jar");
  EXPECT_EQ(*ResolveLibrary("/opt/libx.so"), "/opt/libx.so");
  EXPECT_FALSE(*drivers->Verify(newer));
  Write(folder / "drivers/x/1.10/files/x.jar", "1.11");
  EXPECT_EQ((*drivers->Verify(newer))->reason, "sha256");
  fs::remove(folder / "drivers/x/1.10/files/x.jar");
  fs::create_symlink("/etc/passwd", folder / "drivers/x/1.10/files/x.jar");
  EXPECT_EQ((*drivers->Verify(newer))->reason, "missing");
}

TEST(InstalledTest, WhatWasInterruptedGoes) {
  const Folder folder;
  const std::string home = folder / "drivers";
  {
    auto drivers = InstalledDrivers::Open(home);
    Put(*drivers, "1.0");
    ASSERT_TRUE(drivers->Switch("x", "1.0"));
    ASSERT_TRUE(drivers->SetPolicy("x", UpdatePolicy::kMinor));
    {
      const auto dropped = drivers->Prepare();
    }
  }
  Write(home + "/.incoming-abc/files/half.jar", "half");
  Write(home + "/.removing-abc/1.0/files/x.jar", "gone");
  Write(home + "/x/policy.json.new", "{");
  fs::create_symlink("1.0", home + "/x/.link-abc");
  // Killed after "previous" was set and before "current" was.
  fs::create_symlink("1.0", home + "/x/previous");
  const auto drivers = InstalledDrivers::Open(home);
  ASSERT_TRUE(drivers);
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(home)) left.push_back(entry.path().filename());
  EXPECT_EQ(left, std::vector<std::string>{"x"});
  EXPECT_FALSE(fs::exists(home + "/x/policy.json.new"));
  const auto found = drivers->Find("x");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->current, "1.0");
  EXPECT_EQ(found->previous, "");
  EXPECT_EQ(found->policy, UpdatePolicy::kMinor);
}

/// One entry, stored or packed, with fields that can lie.
std::string ZipOf(const std::string& path, const std::string& content, bool packed,
                  uint32_t claimed_size) {
  std::string data = content;
  if (packed) {
    data.assign(compressBound(content.size()) + 64, '\0');
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    stream.avail_in = static_cast<uInt>(content.size());
    stream.next_out = reinterpret_cast<Bytef*>(data.data());
    stream.avail_out = static_cast<uInt>(data.size());
    deflate(&stream, Z_FINISH);
    data.resize(stream.total_out);
    deflateEnd(&stream);
  }
  const auto number = [](uint64_t value, int width) {
    std::string out;
    for (int i = 0; i < width; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
    return out;
  };
  const auto crc =
      ::crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  const std::string facts = number(packed ? 8 : 0, 2) + number(0, 4) + number(crc, 4) +
                            number(data.size(), 4) + number(claimed_size, 4) +
                            number(path.size(), 2) + number(0, 2);
  const std::string local = number(0x04034b50, 4) + number(20, 2) + number(0, 2) + facts + path;
  const std::string directory = number(0x02014b50, 4) + number(20, 2) + number(20, 2) +
                                number(0, 2) + facts + number(0, 2) + number(0, 2) + number(0, 2) +
                                number(0, 4) + number(0, 4) + path;
  return local + data + directory + number(0x06054b50, 4) + number(0, 4) + number(1, 2) +
         number(1, 2) + number(directory.size(), 4) + number(local.size() + data.size(), 4) +
         number(0, 2);
}

std::string Extracted(const std::string& zip) {
  const Folder folder;
  Write(folder / "x.whl", zip);
  const auto out = ExtractLibraries(folder / "x.whl", folder.path());
  if (!out) return out.error().code();
  EXPECT_EQ(out->size(), 1U);
  return *ReadWhole(folder / out->front().path, 1 << 24);
}

TEST(WheelTest, TakesLibrariesOut) {
  const std::string content =
      "\x7f"
      "ELF" +
      std::string(1'000'000, 'x');
  const auto size = static_cast<uint32_t>(content.size());
  EXPECT_EQ(Extracted(ZipOf("a/lib.so", content, true, size)), content);
  EXPECT_EQ(Extracted(ZipOf("a/lib.so.2", content, false, size)), content);
  EXPECT_EQ(Extracted(ZipOf("a/readme", content, true, size)), "driver.malformed_archive");
  EXPECT_EQ(Extracted(ZipOf("../lib.so", content, true, size)), "driver.unsafe_path");
  EXPECT_EQ(Extracted(ZipOf("/lib.so", content, true, size)), "driver.unsafe_path");
  EXPECT_EQ(Extracted(ZipOf("lib.so", content, true, 10)), "driver.malformed_archive");
  EXPECT_EQ(Extracted(ZipOf("lib.so", content, true, size + 1)), "driver.malformed_archive");
  EXPECT_EQ(Extracted(ZipOf("lib.so", "x", false, 0xffffffff)), "driver.too_large");
}

TEST(WheelTest, BrokenOnesAreRefused) {
  const std::string whole = ZipOf("lib.so", std::string(3000, 'q'), true, 3000);
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    const std::string code = Extracted(whole.substr(0, cut));
    ASSERT_EQ(code, "driver.malformed_archive") << cut;
  }
  // Any byte changed: it reads as it was, or it is refused; never more, never a crash.
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x55);
    const std::string got = Extracted(changed);
    EXPECT_TRUE(got == std::string(3000, 'q') || got.starts_with("driver.")) << at;
  }
}

/// A text in pieces of seven bytes.
class Pieces final : public connector::ByteStream {
 public:
  explicit Pieces(std::string text) : text_(std::move(text)) {}
  Result<size_t> Read(const Context&, std::span<std::byte> into) override {
    const size_t step = std::min({size_t{7}, into.size(), text_.size() - at_});
    std::memcpy(into.data(), text_.data() + at_, step);
    at_ += step;
    return step;
  }

 private:
  const std::string text_;
  size_t at_ = 0;
};

TEST(BundleTest, IsReadAsItWasWritten) {
  const Folder folder;
  Write(folder / "big", std::string(100'000, 'b'));
  const std::vector<BundleMember> members = {
      {.name = "manifest.json", .text = "{}", .size = 2},
      {.name = "empty", .size = 0},
      {.name = "files/big", .path = folder / "big", .size = 100'000}};
  const auto stream = WriteBundle(members);
  std::string text;
  std::byte piece[1000];
  while (true) {
    const auto got = stream->Read(Context(), piece);
    ASSERT_TRUE(got) << got.error().ToString();
    if (*got == 0) break;
    text.append(reinterpret_cast<const char*>(piece), *got);
  }
  EXPECT_EQ(static_cast<int64_t>(text.size()), BundleBytes(members));
  const auto read = [&](const std::string& from, std::map<std::string, std::string>& into) {
    Pieces pieces(from);
    return ReadBundle(
        Context(), pieces, [&](const std::string& name, int64_t) -> Result<TakeBytes> {
          return [&into, name](std::span<const std::byte> bytes) -> Status {
            into[name].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            return {};
          };
        });
  };
  std::map<std::string, std::string> found;
  ASSERT_TRUE(read(text, found));
  EXPECT_EQ(found["manifest.json"], "{}");
  EXPECT_EQ(found["files/big"], std::string(100'000, 'b'));
  for (const size_t cut : {0UL, 1UL, 511UL, 512UL, 700UL, 1024UL, 5000UL, text.size() - 1024}) {
    std::map<std::string, std::string> partial;
    EXPECT_EQ(read(text.substr(0, cut), partial).error().code(), "driver.malformed_bundle") << cut;
  }
  constexpr size_t kSumEnd = 155;  // what ends the checksum is not part of it
  for (size_t at = 0; at < 512; ++at) {
    if (at == kSumEnd) continue;
    std::map<std::string, std::string> partial;
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 0x15);
    EXPECT_FALSE(read(changed, partial)) << at;
  }
}

}  // namespace
}  // namespace nstarx::drivers
