#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/id.h"
#include "vault/envelope.h"
#include "vault/vault.h"

namespace nstarx::vault {
namespace {

Error KeyMissing(std::string_view id, std::string_view why) {
  return Error(ErrorKind::kDataLoss, "vault.key_missing",
               fmt::format("the vault's key '{}' is not to be had: {}", id, why))
      .WithAction(Action::kAskOperator)
      .WithDetail("key_id", id);
}

Error KeyNotKept(std::string_view path) {
  return Error(ErrorKind::kUnavailable, "vault.key_not_kept",
               fmt::format("can't keep a new key in '{}': {}", path, std::strerror(errno)))
      .WithAction(Action::kAskOperator)
      .WithHint("Check that the data directory belongs to the server's user and has room.");
}

/// A file descriptor that closes itself.
class OpenFile {
 public:
  explicit OpenFile(int file) : file_(file) {}
  OpenFile(const OpenFile&) = delete;
  ~OpenFile() {
    if (file_ >= 0) close(file_);
  }
  int get() const { return file_; }

 private:
  int file_;
};

class FileKeys final : public KeyProvider {
 public:
  explicit FileKeys(std::string directory) : folder_(std::move(directory)) {}

  std::string_view name() const override { return "file"; }

  Result<Secret> LoadKey(const store::KeyRecord& record) override {
    const bool plain = std::ranges::all_of(record.id, [](char c) {
      return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
    });
    if (record.provider != name() || !plain || record.id.empty()) {
      return KeyMissing(record.id, fmt::format("it comes from the key provider '{}', this vault "
                                               "was opened with 'file'",
                                               record.provider))
          .WithHint("Start the server with the key provider that made the key.");
    }
    const std::string path = PathOf(record.id);
    const OpenFile file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file.get() < 0) {
      return KeyMissing(record.id, fmt::format("'{}': {}", path, std::strerror(errno)))
          .WithHint(fmt::format("Put the file '{}' back from your backup; without it the stored "
                                "secrets can't be read.",
                                path));
    }
    struct stat facts;
    if (fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode) || (facts.st_mode & 077) != 0) {
      return Error(ErrorKind::kPermissionDenied, "vault.key_exposed",
                   fmt::format("the key file '{}' may be read by others", path))
          .WithHint(
              fmt::format("Run: chmod 600 '{}', and rotate the key if others had access.", path));
    }
    std::string bytes(kKeySize + 1, '\0');
    const ssize_t size = read(file.get(), bytes.data(), bytes.size());
    if (size != static_cast<ssize_t>(kKeySize)) {
      WipeString(bytes);
      return Error(ErrorKind::kDataLoss, "vault.wrong_key",
                   fmt::format("the key file '{}' does not hold a key of 32 bytes", path))
          .WithHint("Put the file back from your backup.");
    }
    bytes.resize(kKeySize);
    return Secret::FromString(std::move(bytes));
  }

  Result<store::KeyRecord> CreateKey(TimePoint now) override {
    if (mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return KeyNotKept(folder_);
    store::KeyRecord record{.id = NewId("kek"), .provider = "file", .created = now};
    const std::string path = PathOf(record.id);
    const std::string draft = path + ".new";
    const Secret key = NewKey();
    {
      const OpenFile file(open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (file.get() < 0) return KeyNotKept(draft);
      const std::string_view bytes = key.Reveal();
      if (write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
          fsync(file.get()) != 0) {
        return KeyNotKept(draft);
      }
    }
    if (rename(draft.c_str(), path.c_str()) != 0) return KeyNotKept(path);
    // The name must last as surely as the bytes.
    const OpenFile folder(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || fsync(folder.get()) != 0) return KeyNotKept(folder_);
    return record;
  }

 private:
  std::string PathOf(std::string_view id) const { return fmt::format("{}/{}.key", folder_, id); }

  const std::string folder_;
};

class PassphraseKeys final : public KeyProvider {
 public:
  PassphraseKeys(Secret passphrase, PassphraseCost cost)
      : passphrase_(std::move(passphrase)), cost_(cost) {}

  std::string_view name() const override { return "passphrase"; }

  Result<Secret> LoadKey(const store::KeyRecord& record) override {
    const std::string salt = ReadSalt(record);
    const int64_t operations = GetInt(record.parameters, "operations", 0);
    const int64_t memory = GetInt(record.parameters, "memory_bytes", 0);
    if (record.provider != name() || salt.size() != crypto_pwhash_SALTBYTES ||
        GetString(record.parameters, "algorithm") != "argon2id" || operations < 1 ||
        operations > 64 || memory < static_cast<int64_t>(crypto_pwhash_MEMLIMIT_MIN) ||
        memory > (int64_t{1} << 30)) {
      return KeyMissing(record.id, fmt::format("it comes from the key provider '{}', this vault "
                                               "was opened with 'passphrase'",
                                               record.provider))
          .WithHint("Start the server with the key provider that made the key.");
    }
    std::string bytes(kKeySize, '\0');
    const std::string_view phrase = passphrase_.Reveal();
    const int failed =
        crypto_pwhash(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), phrase.data(),
                      phrase.size(), reinterpret_cast<const unsigned char*>(salt.data()),
                      static_cast<unsigned long long>(operations), static_cast<size_t>(memory),
                      crypto_pwhash_ALG_ARGON2ID13);
    if (failed != 0) {
      return Error(ErrorKind::kResourceExhausted, "vault.no_memory",
                   "deriving the vault's key from the passphrase ran out of memory")
          .WithHint(fmt::format("It needs {} MiB for a moment.", memory >> 20));
    }
    return Secret::FromString(std::move(bytes));
  }

  Result<store::KeyRecord> CreateKey(TimePoint now) override {
    if (passphrase_.size() < 8) {
      return InvalidArgument("vault.weak_passphrase",
                             "the vault's passphrase must have at least 8 characters");
    }
    const bool moderate = cost_ == PassphraseCost::kModerate;
    const std::string salt = RandomBytes(crypto_pwhash_SALTBYTES);
    std::string hex(2 * salt.size() + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char*>(salt.data()),
                   salt.size());
    hex.pop_back();
    store::KeyRecord record{.id = NewId("kek"), .provider = "passphrase", .created = now};
    record.parameters["algorithm"] = "argon2id";
    record.parameters["salt"] = hex;
    record.parameters["operations"] = static_cast<int64_t>(
        moderate ? crypto_pwhash_OPSLIMIT_MODERATE : crypto_pwhash_OPSLIMIT_INTERACTIVE);
    record.parameters["memory_bytes"] = static_cast<int64_t>(
        moderate ? crypto_pwhash_MEMLIMIT_MODERATE : crypto_pwhash_MEMLIMIT_INTERACTIVE);
    return record;
  }

 private:
  static std::string ReadSalt(const store::KeyRecord& record) {
    const std::string_view hex = GetString(record.parameters, "salt");
    std::string salt(crypto_pwhash_SALTBYTES, '\0');
    size_t size = 0;
    if (sodium_hex2bin(reinterpret_cast<unsigned char*>(salt.data()), salt.size(), hex.data(),
                       hex.size(), nullptr, &size, nullptr) != 0) {
      return {};
    }
    salt.resize(size);
    return salt;
  }

  const Secret passphrase_;
  const PassphraseCost cost_;
};

}  // namespace

std::unique_ptr<KeyProvider> FileKeyProvider(std::string directory) {
  return std::make_unique<FileKeys>(std::move(directory));
}

std::unique_ptr<KeyProvider> PassphraseKeyProvider(Secret passphrase, PassphraseCost cost) {
  return std::make_unique<PassphraseKeys>(std::move(passphrase), cost);
}

}  // namespace nstarx::vault
