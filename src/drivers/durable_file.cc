#include "drivers/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/id.h"

namespace nstarx::drivers {
namespace {

constexpr size_t kPieceBytes = 256 * 1024;

struct FreeDigest {
  void operator()(EVP_MD_CTX* digest) const { EVP_MD_CTX_free(digest); }
};
using Digest = std::unique_ptr<EVP_MD_CTX, FreeDigest>;

Digest StartDigest(const EVP_MD* kind) {
  Digest out(EVP_MD_CTX_new());
  NSTARX_CHECK(out && EVP_DigestInit_ex(out.get(), kind, nullptr) == 1);
  return out;
}

std::string EndDigest(EVP_MD_CTX* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned length = 0;
  NSTARX_CHECK(EVP_DigestFinal_ex(digest, bytes.data(), &length) == 1);
  std::string out;
  for (unsigned i = 0; i < length; ++i) out += fmt::format("{:02x}", bytes[i]);
  return out;
}

/// Closes when it goes.
struct OpenFile {
  int number;
  explicit OpenFile(int number_in) : number(number_in) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (number >= 0) ::close(number);
  }
};

/// Hands each piece of a file to `take`.
template <class Take>
Status ReadPieces(const std::string& path, Take take) {
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat facts{};
  if (file.number < 0 || ::fstat(file.number, &facts) != 0) return DiskError("read", path);
  if (!S_ISREG(facts.st_mode)) {
    return Error(ErrorKind::kDataLoss, "driver.damaged", fmt::format("{} is no file", path));
  }
  std::string piece(kPieceBytes, '\0');
  while (true) {
    const ssize_t got = ::read(file.number, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return DiskError("read", path);
    if (got == 0) return {};
    NSTARX_RETURN_IF_ERROR(take(std::string_view(piece.data(), static_cast<size_t>(got))));
  }
}

}  // namespace

struct DurableFile::Digests {
  Digest sha256 = StartDigest(EVP_sha256());
  Digest sha1 = StartDigest(EVP_sha1());
};

Error DiskError(std::string_view doing, const std::string& path) {
  const int code = errno;
  const bool full = code == ENOSPC || code == EDQUOT;
  return Error(full ? ErrorKind::kResourceExhausted : ErrorKind::kInternal, "driver.disk_failed",
               fmt::format("can't {} {}: {}", doing,
                           std::filesystem::path(path).filename().string(), std::strerror(code)))
      .WithAction(Action::kAskOperator)
      .WithHint("Look at the disk of the data directory: space, owner, mode.");
}

DurableFile::DurableFile(std::string path, int file)
    : path_(std::move(path)), file_(file), digests_(std::make_unique<Digests>()) {}

DurableFile::~DurableFile() {
  if (file_ >= 0) ::close(file_);
}

Result<std::unique_ptr<DurableFile>> DurableFile::Create(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return DiskError("write", path);
  return std::unique_ptr<DurableFile>(new DurableFile(path, file));
}

Status DurableFile::Write(std::span<const std::byte> bytes) {
  size_ += static_cast<int64_t>(bytes.size());
  if (size_ > kFileBytesMax) {
    return Error(ErrorKind::kResourceExhausted, "driver.too_large",
                 fmt::format("a file has more than {} MiB", kFileBytesMax >> 20));
  }
  EVP_DigestUpdate(digests_->sha256.get(), bytes.data(), bytes.size());
  EVP_DigestUpdate(digests_->sha1.get(), bytes.data(), bytes.size());
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(file_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return DiskError("write", path_);
    bytes = bytes.subspan(static_cast<size_t>(wrote));
  }
  return {};
}

Status DurableFile::Finish() {
  if (::fsync(file_) != 0) return DiskError("sync", path_);
  ::close(file_);
  file_ = -1;
  sha256_ = EndDigest(digests_->sha256.get());
  sha1_ = EndDigest(digests_->sha1.get());
  return {};
}

Result<std::string> ReadWhole(const std::string& path, size_t bytes_max) {
  std::string out;
  NSTARX_RETURN_IF_ERROR(ReadPieces(path, [&](std::string_view piece) -> Status {
    if (out.size() + piece.size() > bytes_max) {
      return Error(ErrorKind::kResourceExhausted, "driver.too_large",
                   fmt::format("{} has more than {} bytes",
                               std::filesystem::path(path).filename().string(), bytes_max));
    }
    out += piece;
    return {};
  }));
  return out;
}

Result<std::string> Sha256OfFile(const std::string& path) {
  const Digest digest = StartDigest(EVP_sha256());
  NSTARX_RETURN_IF_ERROR(ReadPieces(path, [&](std::string_view piece) -> Status {
    EVP_DigestUpdate(digest.get(), piece.data(), piece.size());
    return {};
  }));
  return EndDigest(digest.get());
}

Status SyncFolder(const std::string& folder) {
  const OpenFile file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.number < 0 || ::fsync(file.number) != 0) return DiskError("sync", folder);
  return {};
}

Status WriteWhole(const std::string& path, std::string_view text) {
  const std::string aside = path + ".new";
  ::unlink(aside.c_str());
  NSTARX_TRY(const auto file, DurableFile::Create(aside));
  NSTARX_RETURN_IF_ERROR(file->Write(std::as_bytes(std::span(text))));
  NSTARX_RETURN_IF_ERROR(file->Finish());
  if (::rename(aside.c_str(), path.c_str()) != 0) return DiskError("rename", aside);
  return SyncFolder(std::filesystem::path(path).parent_path().string());
}

Status SwitchLink(const std::string& folder, const std::string& name, const std::string& target) {
  const std::string aside = fmt::format("{}/.link-{}", folder, RandomToken(8));
  if (::symlink(target.c_str(), aside.c_str()) != 0) return DiskError("link", aside);
  const std::string link = folder + "/" + name;
  if (::rename(aside.c_str(), link.c_str()) != 0) {
    Error failed = DiskError("rename", aside);
    ::unlink(aside.c_str());
    return failed;
  }
  return SyncFolder(folder);
}

}  // namespace nstarx::drivers
