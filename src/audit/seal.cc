#include "audit/seal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/json.h"

namespace nstarx::audit {
namespace {

constexpr size_t kSignatureSize = crypto_sign_BYTES;
// The head is overwritten in place, so every head has the same length.
constexpr size_t kHeadSize = 512;

std::string ToHex(std::string_view bytes) {
  std::string out(2 * bytes.size() + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                 bytes.size());
  out.pop_back();
  return out;
}

std::string FromHex(std::string_view hex) {
  std::string out(hex.size() / 2, '\0');
  size_t size = 0;
  if (sodium_hex2bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), hex.data(),
                     hex.size(), nullptr, &size, nullptr) != 0) {
    return {};
  }
  out.resize(size);
  return out;
}

Error CantWrite(const std::string& path) {
  return Error(ErrorKind::kUnavailable, "audit.not_written",
               fmt::format("can't write '{}': {}", path, std::strerror(errno)))
      .WithAction(Action::kAskOperator)
      .WithHint("Free space on the journal's disk; its folder must belong to the server's user.");
}

Status WriteFile(const std::string& path, std::string_view bytes, mode_t mode) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (file < 0) return CantWrite(path);
  const bool written =
      write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
      fsync(file) == 0;
  Status out;
  if (!written) out = CantWrite(path);
  close(file);
  return out;
}

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return std::move(out).str();
}

/// What a signature of a head covers.
std::string HeadText(const Head& head) {
  return fmt::format("nstarx audit head\n{}\n{}\n{}\n{}", head.committed_seq, head.committed_hash,
                     head.pending_seq, head.pending_hash);
}

std::string CheckpointText(const Checkpoint& checkpoint) {
  return fmt::format("nstarx audit checkpoint\n{}\n{}", checkpoint.seq, checkpoint.hash);
}

bool IsSigned(std::string_view text, std::string_view signature_hex, std::string_view key_hex) {
  const std::string signature = FromHex(signature_hex);
  const std::string key = FromHex(key_hex);
  return signature.size() == kSignatureSize && key.size() == crypto_sign_PUBLICKEYBYTES &&
         crypto_sign_verify_detached(reinterpret_cast<const unsigned char*>(signature.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     text.size(),
                                     reinterpret_cast<const unsigned char*>(key.data())) == 0;
}

Result<Secret> LoadKey(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) {
    return Error(ErrorKind::kDataLoss, "audit.key_missing",
                 fmt::format("the journal's signing key '{}' is not to be had: {}", path,
                             std::strerror(errno)))
        .WithHint(
            "Put audit.key back from your backup, or move the whole journal folder away to "
            "begin a new journal.");
  }
  struct stat facts;
  const bool closed = fstat(file, &facts) == 0 && (facts.st_mode & 077) == 0;
  std::string bytes(crypto_sign_SECRETKEYBYTES + 1, '\0');
  const ssize_t size = read(file, bytes.data(), bytes.size());
  close(file);
  Secret out;
  if (size == static_cast<ssize_t>(crypto_sign_SECRETKEYBYTES)) {
    out = Secret(std::string_view(bytes).substr(0, crypto_sign_SECRETKEYBYTES));
  }
  WipeString(bytes);
  if (!closed) {
    return Error(ErrorKind::kPermissionDenied, "audit.key_exposed",
                 fmt::format("the journal's signing key '{}' may be read by others", path))
        .WithHint(fmt::format("Run: chmod 600 '{}'", path));
  }
  if (out.empty()) {
    return Error(ErrorKind::kDataLoss, "audit.key_missing",
                 fmt::format("'{}' does not hold a signing key", path))
        .WithHint("Put audit.key back from your backup.");
  }
  return out;
}

}  // namespace

Signer::Signer(std::string directory, Secret key, std::string public_key)
    : directory_(std::move(directory)), key_(std::move(key)), public_key_(std::move(public_key)) {}

Signer::~Signer() {
  if (head_file_ >= 0) close(head_file_);
}

Result<std::unique_ptr<Signer>> Signer::Open(const std::string& directory, bool fresh) {
  const std::string path = directory + "/audit.key";
  // A key that was cut off while it was made has signed nothing yet.
  const auto present = LoadKey(path);
  if (fresh && !present && present.error().code() == "audit.key_missing") {
    std::string public_key(crypto_sign_PUBLICKEYBYTES, '\0');
    std::string key(crypto_sign_SECRETKEYBYTES, '\0');
    crypto_sign_keypair(reinterpret_cast<unsigned char*>(public_key.data()),
                        reinterpret_cast<unsigned char*>(key.data()));
    const Secret secret = Secret::FromString(std::move(key));
    NSTARX_RETURN_IF_ERROR(WriteFile(path, secret.Reveal(), 0600));
  }
  NSTARX_TRY(Secret key, LoadKey(path));
  // The second half of libsodium's secret key is the public key.
  std::string public_key = ToHex(key.Reveal().substr(crypto_sign_SECRETKEYBYTES / 2));
  if (fresh || access((directory + "/audit.pub").c_str(), F_OK) != 0) {
    NSTARX_RETURN_IF_ERROR(WriteFile(directory + "/audit.pub", public_key + "\n", 0644));
  }
  std::unique_ptr<Signer> out(new Signer(directory, std::move(key), std::move(public_key)));
  const std::string head_path = directory + "/audit.head";
  out->head_file_ = open(head_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (out->head_file_ < 0) return CantWrite(head_path);
  return out;
}

std::string Signer::Sign(std::string_view text) const {
  std::string signature(kSignatureSize, '\0');
  crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                       reinterpret_cast<const unsigned char*>(key_.Reveal().data()));
  return ToHex(signature);
}

Status Signer::WriteHead(const Head& head) {
  json::object out;
  out["committed_seq"] = head.committed_seq;
  out["committed_hash"] = head.committed_hash;
  out["pending_seq"] = head.pending_seq;
  out["pending_hash"] = head.pending_hash;
  out["signature"] = Sign(HeadText(head));
  std::string text = json::serialize(out);
  NSTARX_CHECK(text.size() < kHeadSize);
  text.resize(kHeadSize - 1, ' ');
  text += '\n';
  // One write of one page: it is there whole or not at all when the process is killed.
  if (pwrite(head_file_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return CantWrite(directory_ + "/audit.head");
  }
  return {};
}

Status Signer::WriteCheckpoint(const Checkpoint& checkpoint, TimePoint now) {
  json::object out;
  out["seq"] = checkpoint.seq;
  out["hash"] = checkpoint.hash;
  out["time"] = FormatTime(now);
  out["signature"] = Sign(CheckpointText(checkpoint));
  const std::string text = json::serialize(out) + "\n";
  const std::string path = directory_ + "/audit.checkpoints";
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return CantWrite(path);
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  Status status;
  if (!written) status = CantWrite(path);
  close(file);
  return status;
}

Result<std::string> ReadPublicKey(const std::string& directory) {
  std::string text = ReadWhole(directory + "/audit.pub");
  while (text.ends_with('\n')) text.pop_back();
  if (FromHex(text).size() == crypto_sign_PUBLICKEYBYTES) return text;
  return Error(ErrorKind::kDataLoss, "audit.key_missing",
               fmt::format("'{}/audit.pub' does not hold the journal's public key", directory))
      .WithHint("Put audit.pub back from your backup.");
}

std::optional<Head> ReadHead(const std::string& directory, std::string_view public_key) {
  boost::system::error_code error;
  const json::value parsed = json::parse(ReadWhole(directory + "/audit.head"), error);
  if (error || !parsed.is_object()) return std::nullopt;
  const json::object& object = parsed.get_object();
  Head out{.committed_seq = GetInt(object, "committed_seq", -1),
           .committed_hash = std::string(GetString(object, "committed_hash")),
           .pending_seq = GetInt(object, "pending_seq", -1),
           .pending_hash = std::string(GetString(object, "pending_hash"))};
  if (!IsSigned(HeadText(out), GetString(object, "signature"), public_key)) return std::nullopt;
  return out;
}

std::vector<Checkpoint> ReadCheckpoints(const std::string& directory, std::string_view public_key) {
  std::vector<Checkpoint> out;
  std::ifstream file(directory + "/audit.checkpoints");
  for (std::string line; std::getline(file, line);) {
    boost::system::error_code error;
    const json::value parsed = json::parse(line, error);
    if (error || !parsed.is_object()) continue;
    const json::object& object = parsed.get_object();
    Checkpoint checkpoint{.seq = GetInt(object, "seq", -1),
                          .hash = std::string(GetString(object, "hash"))};
    if (!IsSigned(CheckpointText(checkpoint), GetString(object, "signature"), public_key)) continue;
    if (out.empty() || checkpoint.seq > out.back().seq) out.push_back(std::move(checkpoint));
  }
  return out;
}

}  // namespace nstarx::audit
