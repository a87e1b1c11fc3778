#include "drivers/signature.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/base64.h"
#include "drivers/durable_file.h"
#include "drivers/index.h"

namespace nstarx::drivers {
namespace {

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t from = text.find_first_not_of(kBlank);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlank) - from + 1);
}

Error Invalid(std::string_view what, std::string_view why) {
  return Error(ErrorKind::kDataLoss, "driver.signature_invalid",
               fmt::format("{} is refused: {}", what, why))
      .WithAction(Action::kAskOperator)
      .WithHint("A trusted key is configured, so what is installed must be signed with it.")
      .WithHint("Do not use the file. Ask who runs the index whether the key was changed.");
}

std::string HexOf(const unsigned char* bytes, size_t size) {
  std::string out;
  for (size_t i = 0; i < size; ++i) out += fmt::format("{:02x}", bytes[i]);
  return out;
}

}  // namespace

Result<TrustedKeys> TrustedKeys::Parse(const std::vector<std::string>& texts) {
  TrustedKeys out;
  for (const std::string& text : texts) {
    const std::string_view trimmed = Trim(text);
    Key key{};
    if (const auto hex = HexDigest(trimmed)) {
      size_t length = 0;
      sodium_hex2bin(key.data(), key.size(), hex->data(), hex->size(), nullptr, &length, nullptr);
    } else {
      const auto bytes = DecodeBase64(trimmed);
      if (!bytes || bytes->size() != key.size()) {
        return InvalidArgument("driver.malformed_key",
                               "a trusted key must be 32 bytes in Base64 or hex (Ed25519)");
      }
      std::ranges::transform(*bytes, key.begin(), [](char c) { return static_cast<uint8_t>(c); });
    }
    out.keys_.push_back(key);
  }
  return out;
}

Result<std::string> TrustedKeys::Check(std::string_view bytes, std::string_view signature,
                                       std::string_view what) const {
  if (Trim(signature).empty()) return Invalid(what, "it has no signature");
  const auto raw = DecodeBase64(Trim(signature));
  if (!raw || raw->size() != crypto_sign_BYTES) return Invalid(what, "its signature is none");
  for (const Key& key : keys_) {
    if (crypto_sign_verify_detached(reinterpret_cast<const unsigned char*>(raw->data()),
                                    reinterpret_cast<const unsigned char*>(bytes.data()),
                                    bytes.size(), key.data()) == 0) {
      return HexOf(key.data(), key.size());
    }
  }
  return Invalid(what, "no trusted key made its signature");
}

Result<std::string> TrustedKeys::CheckFile(const std::string& path, std::string_view signature,
                                           std::string_view what) const {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  struct stat facts{};
  if (file < 0 || ::fstat(file, &facts) != 0) {
    Error failed = DiskError("read", path);
    if (file >= 0) ::close(file);
    return failed;
  }
  const auto size = static_cast<size_t>(facts.st_size);
  if (size == 0) {
    ::close(file);
    return Check({}, signature, what);
  }
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  ::close(file);
  if (mapped == MAP_FAILED) return DiskError("read", path);
  auto checked = Check({static_cast<const char*>(mapped), size}, signature, what);
  ::munmap(mapped, size);
  return checked;
}

}  // namespace nstarx::drivers
