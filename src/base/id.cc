#include "base/id.h"

#include <sodium.h>

#include <array>
#include <chrono>

namespace nstarx {
namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";

std::string Encode(const unsigned char* bytes, size_t count) {
  std::string out;
  unsigned buffer = 0;
  int bits = 0;
  for (size_t i = 0; i < count; ++i) {
    buffer = (buffer << 8) | bytes[i];
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += kAlphabet[(buffer >> bits) & 31];
    }
    buffer &= (1u << bits) - 1;
  }
  if (bits > 0) out += kAlphabet[(buffer << (5 - bits)) & 31];
  return out;
}

}  // namespace

std::string NewId(std::string_view prefix) {
  std::array<unsigned char, 16> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  for (int i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(now >> (8 * (5 - i)));
  return std::string(prefix) + "_" + Encode(bytes.data(), bytes.size());
}

std::string RandomToken(size_t count) {
  std::string bytes(count, '\0');
  randombytes_buf(bytes.data(), count);
  return Encode(reinterpret_cast<const unsigned char*>(bytes.data()), count);
}

}  // namespace nstarx
