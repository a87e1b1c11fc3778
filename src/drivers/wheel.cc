#include "drivers/wheel.h"

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>

#include "drivers/durable_file.h"
#include "drivers/index.h"
#include "drivers/version.h"

namespace nstarx::drivers {
namespace {

namespace fs = std::filesystem;

constexpr size_t kEntriesMax = 20'000;
constexpr size_t kLibrariesMax = 200;
constexpr uint64_t kDirectoryMax = 8 << 20;
constexpr int64_t kExtractedMax = int64_t{1} << 30;
constexpr size_t kPieceBytes = 256 * 1024;
constexpr uint32_t kEndMark = 0x06054b50;
constexpr uint32_t kEntryMark = 0x02014b50;
constexpr uint32_t kLocalMark = 0x04034b50;
constexpr size_t kEndBytes = 22;
constexpr size_t kEntryBytes = 46;
constexpr size_t kLocalBytes = 30;

Error Malformed(std::string_view why) {
  return Error(ErrorKind::kDataLoss, "driver.malformed_archive",
               fmt::format("the wheel can't be read: {}", why))
      .WithAction(Action::kAskOperator);
}

uint32_t LittleEndian(std::string_view bytes, size_t at, size_t width) {
  uint32_t out = 0;
  for (size_t i = width; i-- > 0;) out = (out << 8) | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

struct Entry {
  std::string path;
  uint32_t method = 0;
  uint32_t crc = 0;
  uint64_t packed = 0;
  uint64_t size = 0;
  uint64_t offset = 0;
};

bool IsLibrary(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.ends_with(".so") || name.find(".so.") != std::string_view::npos;
}

/// A ZIP without ZIP64 and encryption, as wheels are.
class ZipFile {
 public:
  explicit ZipFile(const std::string& path) : file_(path, std::ios::binary) {
    std::error_code code;
    size_ = fs::file_size(path, code);
    if (code) size_ = 0;
  }

  Result<std::vector<Entry>> Entries() {
    if (!file_ || size_ < kEndBytes) return Malformed("it is too short");
    const uint64_t tail = std::min<uint64_t>(size_, kEndBytes + 65'535);
    NSTARX_TRY(const std::string end, ReadAt(size_ - tail, tail));
    size_t at = end.size() - kEndBytes;
    while (LittleEndian(end, at, 4) != kEndMark) {
      if (at-- == 0) return Malformed("it has no directory");
    }
    const uint32_t count = LittleEndian(end, at + 10, 2);
    const uint32_t bytes = LittleEndian(end, at + 12, 4);
    const uint32_t offset = LittleEndian(end, at + 16, 4);
    if (count > kEntriesMax || bytes > kDirectoryMax) return Malformed("it has too many entries");
    NSTARX_TRY(const std::string directory, ReadAt(offset, bytes));
    return ParseDirectory(directory, count);
  }

  /// Unpacks one entry; its size and CRC must be as the directory says.
  Status Extract(const Entry& entry, DurableFile& into) {
    NSTARX_TRY(const std::string head, ReadAt(entry.offset, kLocalBytes));
    if (LittleEndian(head, 0, 4) != kLocalMark) return Malformed("an entry is not at its place");
    const uint64_t from =
        entry.offset + kLocalBytes + LittleEndian(head, 26, 2) + LittleEndian(head, 28, 2);
    if (from > size_ || entry.packed > size_ - from) return Malformed("an entry is cut off");
    uLong crc = ::crc32(0, nullptr, 0);
    uint64_t total = 0;
    const auto take = [&](std::string_view piece) -> Status {
      total += piece.size();
      if (total > entry.size) return Malformed("an entry is larger than it says");
      crc = ::crc32(crc, reinterpret_cast<const Bytef*>(piece.data()),
                    static_cast<uInt>(piece.size()));
      return into.Write(std::as_bytes(std::span(piece)));
    };
    NSTARX_RETURN_IF_ERROR(entry.method == 0 ? Stored(from, entry, take)
                                             : Inflated(from, entry, take));
    if (total != entry.size || crc != entry.crc) return Malformed("an entry is damaged");
    return {};
  }

 private:
  static Result<std::vector<Entry>> ParseDirectory(std::string_view bytes, size_t count) {
    std::vector<Entry> out;
    size_t at = 0;
    for (size_t i = 0; i < count; ++i) {
      if (bytes.size() - at < kEntryBytes || LittleEndian(bytes, at, 4) != kEntryMark) {
        return Malformed("its directory is damaged");
      }
      const size_t name = LittleEndian(bytes, at + 28, 2);
      const size_t rest = LittleEndian(bytes, at + 30, 2) + LittleEndian(bytes, at + 32, 2);
      if (bytes.size() - at - kEntryBytes < name + rest) {
        return Malformed("its directory is cut off");
      }
      Entry entry{.path = std::string(bytes.substr(at + kEntryBytes, name)),
                  .method = LittleEndian(bytes, at + 10, 2),
                  .crc = LittleEndian(bytes, at + 16, 4),
                  .packed = LittleEndian(bytes, at + 20, 4),
                  .size = LittleEndian(bytes, at + 24, 4),
                  .offset = LittleEndian(bytes, at + 42, 4)};
      if ((LittleEndian(bytes, at + 8, 2) & 1) != 0 || (entry.method != 0 && entry.method != 8)) {
        return Malformed("an entry is encrypted or packed in an unknown way");
      }
      out.push_back(std::move(entry));
      at += kEntryBytes + name + rest;
    }
    return out;
  }

  Result<std::string> ReadAt(uint64_t offset, uint64_t bytes) {
    if (offset > size_ || bytes > size_ - offset) return Malformed("it is cut off");
    std::string out(bytes, '\0');
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(offset));
    file_.read(out.data(), static_cast<std::streamsize>(bytes));
    if (static_cast<uint64_t>(file_.gcount()) != bytes) return Malformed("it is cut off");
    return out;
  }

  template <class Take>
  Status Stored(uint64_t from, const Entry& entry, Take& take) {
    for (uint64_t done = 0; done < entry.packed;) {
      const uint64_t step = std::min<uint64_t>(kPieceBytes, entry.packed - done);
      NSTARX_TRY(const std::string piece, ReadAt(from + done, step));
      NSTARX_RETURN_IF_ERROR(take(piece));
      done += step;
    }
    return {};
  }

  template <class Take>
  Status Inflated(uint64_t from, const Entry& entry, Take& take) {
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return Internal("zlib has no memory");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> ends(&stream, inflateEnd);
    std::string out(kPieceBytes, '\0');
    int state = Z_OK;
    for (uint64_t done = 0; done < entry.packed && state != Z_STREAM_END;) {
      const uint64_t step = std::min<uint64_t>(kPieceBytes, entry.packed - done);
      NSTARX_TRY(std::string piece, ReadAt(from + done, step));
      done += step;
      stream.next_in = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_in = static_cast<uInt>(piece.size());
      do {
        stream.next_out = reinterpret_cast<Bytef*>(out.data());
        stream.avail_out = static_cast<uInt>(out.size());
        state = inflate(&stream, Z_NO_FLUSH);
        if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) {
          return Malformed("an entry can't be unpacked");
        }
        NSTARX_RETURN_IF_ERROR(take(std::string_view(out.data(), out.size() - stream.avail_out)));
      } while (stream.avail_out == 0 && state != Z_STREAM_END);
    }
    if (state != Z_STREAM_END) return Malformed("an entry is cut off");
    return {};
  }

  std::ifstream file_;
  uint64_t size_ = 0;
};

/// The minor version of the C library that a tag asks for; -1 when it is for another machine.
int GlibcOf(std::string_view tag, std::string_view machine) {
  if (!tag.ends_with(machine)) return -1;
  tag.remove_suffix(machine.size());
  if (tag == "linux_") return 0;
  if (tag == "manylinux1_") return 5;
  if (tag == "manylinux2010_") return 12;
  if (tag == "manylinux2014_") return 17;
  constexpr std::string_view kModern = "manylinux_2_";
  if (!tag.starts_with(kModern) || !tag.ends_with('_')) return -1;
  tag.remove_prefix(kModern.size());
  tag.remove_suffix(1);
  int minor = -1;
  const auto [end, error] = std::from_chars(tag.data(), tag.data() + tag.size(), minor);
  return error == std::errc() && end == tag.data() + tag.size() ? minor : -1;
}

}  // namespace

std::optional<WheelName> ParseWheelName(std::string_view file) {
  if (!IsFileName(file) || !file.ends_with(".whl")) return std::nullopt;
  file.remove_suffix(4);
  std::vector<std::string> parts(1);
  for (const char c : file) {
    if (c == '-') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if ((parts.size() != 5 && parts.size() != 6) || !IsVersion(parts[1])) return std::nullopt;
  return WheelName{.version = parts[1], .platform = parts.back()};
}

int FitOf(std::string_view platform, std::string_view machine, int glibc_minor) {
  int best = 0;
  while (!platform.empty()) {
    const size_t dot = std::min(platform.find('.'), platform.size());
    const std::string_view tag = platform.substr(0, dot);
    if (tag == "any") best = std::max(best, 1);
    const int needs = GlibcOf(tag, machine);
    if (needs >= 0 && needs <= glibc_minor) best = std::max(best, 2 + needs);
    platform.remove_prefix(std::min(dot + 1, platform.size()));
  }
  return best;
}

int FitHere(std::string_view platform) {
  utsname facts{};
  if (::uname(&facts) != 0) return 0;
  const std::string_view version = gnu_get_libc_version();
  int minor = 0;
  if (version.starts_with("2.")) {
    std::from_chars(version.data() + 2, version.data() + version.size(), minor);
  }
  return FitOf(platform, facts.machine, minor);
}

Result<std::vector<InstalledFile>> ExtractLibraries(const std::string& wheel,
                                                    const std::string& folder) {
  ZipFile zip(wheel);
  NSTARX_TRY(const std::vector<Entry> entries, zip.Entries());
  std::vector<InstalledFile> out;
  std::set<std::string> seen;
  int64_t total = 0;
  for (const Entry& entry : entries) {
    if (!IsLibrary(entry.path)) continue;
    if (!IsSafePath(entry.path) || !seen.insert(entry.path).second) {
      return Error(ErrorKind::kPermissionDenied, "driver.unsafe_path",
                   "a file in the wheel has a path that leads out of it, or is there twice");
    }
    total += static_cast<int64_t>(entry.size);
    if (total > kExtractedMax || out.size() == kLibrariesMax) {
      return Error(ErrorKind::kResourceExhausted, "driver.too_large",
                   "the wheel holds too many or too large libraries");
    }
    const fs::path path = fs::path(folder) / "extracted" / entry.path;
    std::error_code code;
    fs::create_directories(path.parent_path(), code);
    NSTARX_TRY(const auto file, DurableFile::Create(path.string()));
    NSTARX_RETURN_IF_ERROR(zip.Extract(entry, *file));
    NSTARX_RETURN_IF_ERROR(file->Finish());
    out.push_back(
        {.path = "extracted/" + entry.path, .sha256 = file->sha256(), .size = file->size()});
  }
  if (out.empty()) return Malformed("there is no shared library in it");
  return out;
}

}  // namespace nstarx::drivers
