#include "drivers/bundle.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "drivers/durable_file.h"
#include "drivers/index.h"

namespace nstarx::drivers {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kMembersMax = 200;
constexpr size_t kNameMax = 100;
constexpr size_t kPaddingMax = 1 << 20;
constexpr size_t kSizeAt = 124;
constexpr size_t kSumAt = 148;
constexpr size_t kTypeAt = 156;
constexpr size_t kMagicAt = 257;
constexpr size_t kPrefixAt = 345;

Error Malformed(std::string_view why) {
  return InvalidArgument("driver.malformed_bundle",
                         fmt::format("the bundle can't be read: {}", why))
      .WithHint("A bundle is what `nstarx drivers export` writes.");
}

uint64_t SumOf(const std::array<char, kBlock>& head) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const bool own = i >= kSumAt && i < kSumAt + 8;
    sum += own ? ' ' : static_cast<unsigned char>(head[i]);
  }
  return sum;
}

std::string HeadOf(const BundleMember& member) {
  std::array<char, kBlock> head{};
  const auto put = [&](size_t at, std::string_view text) {
    std::ranges::copy(text, head.begin() + static_cast<ptrdiff_t>(at));
  };
  put(0, std::string_view(member.name).substr(0, kNameMax));
  put(100, "0000600");
  put(108, "0000000");
  put(116, "0000000");
  put(kSizeAt, fmt::format("{:011o}", member.size));
  put(136, "00000000000");
  put(kTypeAt, "0");
  put(kMagicAt, std::string_view("ustar\00000", 8));
  put(kSumAt, fmt::format("{:06o}", SumOf(head)));
  head[kSumAt + 7] = ' ';
  return {head.data(), head.size()};
}

/// An octal number in a field of a head; -1 when it is none.
int64_t OctalAt(const std::array<char, kBlock>& head, size_t at, size_t width) {
  int64_t out = 0;
  bool any = false;
  for (size_t i = at; i < at + width; ++i) {
    const char c = head[i];
    if (c == '\0' || (c == ' ' && any)) break;
    if (c == ' ') continue;
    if (c < '0' || c > '7') return -1;
    out = out * 8 + (c - '0');
    any = true;
  }
  return any ? out : -1;
}

std::string TextAt(const std::array<char, kBlock>& head, size_t at, size_t width) {
  return std::string(&head[at], strnlen(&head[at], width));
}

size_t PaddingOf(int64_t size) {
  return static_cast<size_t>((kBlock - static_cast<uint64_t>(size) % kBlock) % kBlock);
}

class BundleStream final : public connector::ByteStream {
 public:
  explicit BundleStream(std::vector<BundleMember> members) : members_(std::move(members)) {}
  ~BundleStream() override { Close(); }

  Result<size_t> Read(const Context& context, std::span<std::byte> into) override {
    NSTARX_RETURN_IF_ERROR(context.Check());
    while (pending_.empty() && left_ == 0 && !ended_) NSTARX_RETURN_IF_ERROR(Next());
    if (!pending_.empty()) {
      const size_t step = std::min(pending_.size(), into.size());
      std::memcpy(into.data(), pending_.data(), step);
      pending_.erase(0, step);
      return step;
    }
    if (left_ == 0) return size_t{0};
    const size_t want = std::min<size_t>(into.size(), static_cast<size_t>(left_));
    const ssize_t got = ::read(file_, into.data(), want);
    if (got < 0) return DiskError("read", members_[next_ - 1].name);
    if (got == 0) return Internal("a driver's file became shorter while it was exported");
    left_ -= got;
    if (left_ == 0) pending_.assign(PaddingOf(members_[next_ - 1].size), '\0');
    return static_cast<size_t>(got);
  }

 private:
  Status Next() {
    Close();
    if (next_ == members_.size()) {
      pending_.assign(2 * kBlock, '\0');
      ended_ = true;
      return {};
    }
    const BundleMember& member = members_[next_++];
    pending_ = HeadOf(member);
    if (member.path.empty()) {
      pending_ += member.text;
      pending_.append(PaddingOf(member.size), '\0');
      return {};
    }
    file_ = ::open(member.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file_ < 0) return DiskError("read", member.path);
    left_ = member.size;
    return {};
  }
  void Close() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
  }

  const std::vector<BundleMember> members_;
  size_t next_ = 0;
  std::string pending_;
  int64_t left_ = 0;
  int file_ = -1;
  bool ended_ = false;
};

/// Hands exactly `bytes` of the stream to `take`.
template <class Take>
Status ReadExactly(const Context& context, connector::ByteStream& from, uint64_t bytes,
                   const Take& take) {
  std::vector<std::byte> piece(64 * 1024);
  while (bytes > 0) {
    const auto want = static_cast<size_t>(std::min<uint64_t>(bytes, piece.size()));
    NSTARX_TRY(const size_t got, from.Read(context, std::span(piece).first(want)));
    if (got == 0) return Malformed("it is cut off");
    NSTARX_RETURN_IF_ERROR(take(std::span<const std::byte>(piece).first(got)));
    bytes -= got;
  }
  return {};
}

/// Name and size of the member that a head describes.
Result<std::pair<std::string, int64_t>> ParseHead(const std::array<char, kBlock>& head) {
  if (OctalAt(head, kSumAt, 8) != static_cast<int64_t>(SumOf(head))) {
    return Malformed("a checksum of its own does not fit");
  }
  std::string name = TextAt(head, 0, kNameMax);
  if (TextAt(head, kMagicAt, 5) == "ustar") {
    const std::string prefix = TextAt(head, kPrefixAt, 155);
    if (!prefix.empty()) name = prefix + "/" + name;
  }
  if (name.starts_with("./")) name.erase(0, 2);
  const int64_t size = OctalAt(head, kSizeAt, 12);
  if (head[kTypeAt] != '0' && head[kTypeAt] != '\0') {
    return Malformed("it holds what is no plain file");
  }
  if (!IsSafePath(name)) {
    return Error(ErrorKind::kPermissionDenied, "driver.unsafe_path",
                 "a file of the bundle has a path that leads out of it");
  }
  if (size < 0) return Malformed("a size is none");
  if (size > kFileBytesMax) {
    return Error(ErrorKind::kResourceExhausted, "driver.too_large",
                 fmt::format("a file of the bundle has more than {} MiB", kFileBytesMax >> 20));
  }
  return std::pair(std::move(name), size);
}

}  // namespace

int64_t BundleBytes(const std::vector<BundleMember>& members) {
  int64_t out = 2 * kBlock;
  for (const BundleMember& member : members) {
    out += static_cast<int64_t>(kBlock + PaddingOf(member.size)) + member.size;
  }
  return out;
}

std::unique_ptr<connector::ByteStream> WriteBundle(std::vector<BundleMember> members) {
  return std::make_unique<BundleStream>(std::move(members));
}

Status ReadBundle(const Context& context, connector::ByteStream& from, const TakeMember& take) {
  for (size_t members = 0;; ++members) {
    std::array<char, kBlock> head{};
    size_t filled = 0;
    NSTARX_RETURN_IF_ERROR(
        ReadExactly(context, from, kBlock, [&](std::span<const std::byte> bytes) -> Status {
          std::memcpy(head.data() + filled, bytes.data(), bytes.size());
          filled += bytes.size();
          return {};
        }));
    if (std::ranges::all_of(head, [](char c) { return c == '\0'; })) break;
    if (members == kMembersMax) return Malformed("it has too many files");
    NSTARX_TRY(const auto member, ParseHead(head));
    NSTARX_TRY(const TakeBytes taking, take(member.first, member.second));
    NSTARX_RETURN_IF_ERROR(
        ReadExactly(context, from, static_cast<uint64_t>(member.second), taking));
    NSTARX_RETURN_IF_ERROR(ReadExactly(context, from, PaddingOf(member.second),
                                       [](std::span<const std::byte>) { return Status(); }));
  }
  // What follows the end mark is padding: a little of it is read so that the sender can finish.
  std::vector<std::byte> rest(64 * 1024);
  for (size_t padding = 0; padding <= kPaddingMax;) {
    NSTARX_TRY(const size_t got, from.Read(context, rest));
    if (got == 0) return {};
    padding += got;
  }
  return Malformed("it goes on behind its end");
}

}  // namespace nstarx::drivers
