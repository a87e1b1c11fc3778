#include "audit/line.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <charconv>

namespace nstarx::audit {
namespace {

constexpr std::string_view kSeqField = "{\"seq\":";
constexpr std::string_view kPrevField = ",\"prev\":\"";
constexpr std::string_view kHashField = "\",\"hash\":\"";
constexpr std::string_view kLineEnd = "\"}";
constexpr size_t kHashSize = 64;

void AppendQuoted(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  const bool plain = IsUtf8(text);
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else if (byte >= 0x80 && !plain) {
      out += '?';
    } else {
      out += c;
    }
  }
  out += '"';
}

void AppendText(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out += ",\"";
  out += name;
  out += "\":";
  AppendQuoted(out, text);
}

void AppendCount(std::string& out, std::string_view name, int64_t count) {
  if (count >= 0) fmt::format_to(std::back_inserter(out), ",\"{}\":{}", name, count);
}

}  // namespace

std::string HashText(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string out;
  out.reserve(kHashSize);
  for (const unsigned char byte : digest) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::string WriteLine(const Record& record, int64_t seq, std::string_view prev, std::string& out) {
  const size_t begin = out.size();
  const Entry& entry = record.entry;
  fmt::format_to(std::back_inserter(out), "{}{}", kSeqField, seq);
  AppendText(out, "time", FormatTime(record.time));
  AppendText(out, "user", record.user);
  AppendText(out, "user_id", record.user_id);
  AppendText(out, "key_id", record.key_id);
  AppendText(out, "address", record.address);
  AppendText(out, "request_id", record.request_id);
  AppendText(out, "action", entry.action);
  AppendText(out, "outcome", entry.outcome);
  AppendText(out, "code", entry.code);
  AppendText(out, "connection_id", entry.connection_id);
  AppendText(out, "connection", entry.connection);
  AppendText(out, "fingerprint", entry.fingerprint);
  AppendCount(out, "rows", entry.rows);
  AppendCount(out, "bytes", entry.bytes);
  if (entry.ms >= 0 && entry.ms < 1e15) {
    fmt::format_to(std::back_inserter(out), ",\"ms\":{:.3f}", entry.ms);
  }
  if (!entry.details.empty()) {
    out += ",\"details\":";
    out += json::serialize(entry.details);
  }
  out += kPrevField;
  out += prev;
  // The quote that ends "prev" belongs to what is hashed.
  out += '"';
  std::string hash = HashText(std::string_view(out).substr(begin));
  out += kHashField.substr(1);
  out += hash;
  out += kLineEnd;
  out += '\n';
  return hash;
}

int64_t SeqOf(std::string_view line) {
  if (!line.starts_with(kSeqField)) return 0;
  int64_t seq = 0;
  const char* begin = line.data() + kSeqField.size();
  const auto [end, error] = std::from_chars(begin, line.data() + line.size(), seq);
  if (error != std::errc() || end == line.data() + line.size() || *end != ',') return 0;
  return seq > 0 ? seq : 0;
}

std::optional<LineLinks> ReadLinks(std::string_view line) {
  constexpr size_t kTail =
      kPrevField.size() + kHashSize + kHashField.size() + kHashSize + kLineEnd.size();
  LineLinks out{.seq = SeqOf(line)};
  if (out.seq == 0 || line.size() < kSeqField.size() + kTail || !line.ends_with(kLineEnd)) {
    return std::nullopt;
  }
  std::string_view tail = line.substr(line.size() - kTail);
  if (!tail.starts_with(kPrevField)) return std::nullopt;
  out.prev = tail.substr(kPrevField.size(), kHashSize);
  tail.remove_prefix(kPrevField.size() + kHashSize);
  if (!tail.starts_with(kHashField)) return std::nullopt;
  out.hash = tail.substr(kHashField.size(), kHashSize);
  const size_t hashed = line.size() - kLineEnd.size() - kHashSize - kHashField.size() + 1;
  out.authentic = HashText(line.substr(0, hashed)) == out.hash;
  return out;
}

}  // namespace nstarx::audit
