#include "connectors/pulsar/protocol.h"

namespace nstarx::connectors::pulsar {
namespace {

constexpr uint64_t kVarint = 0;
constexpr uint64_t kFixed64 = 1;
constexpr uint64_t kDelimited = 2;
constexpr uint64_t kFixed32 = 5;

constexpr uint64_t kConnect = 2;
constexpr uint64_t kConnected = 3;
constexpr uint64_t kError = 14;
/// Of Pulsar 2.10.
constexpr uint64_t kProtocolVersion = 19;

std::string BigEndian(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xFFU);
  return out;
}

}  // namespace

void FieldWriter::Raw(uint64_t value) {
  while (value >= 0x80) {
    out_ += static_cast<char>((value & 0x7FU) | 0x80U);
    value >>= 7U;
  }
  out_ += static_cast<char>(value);
}

void FieldWriter::Varint(int field, uint64_t value) {
  Raw((static_cast<uint64_t>(field) << 3U) | kVarint);
  Raw(value);
}

void FieldWriter::Bytes(int field, std::string_view bytes) {
  Raw((static_cast<uint64_t>(field) << 3U) | kDelimited);
  Raw(bytes.size());
  out_ += bytes;
}

bool FieldReader::Raw(uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) return false;
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7FU) << shift;
    if ((byte & 0x80U) == 0) return true;
  }
  return false;
}

std::optional<Field> FieldReader::Next() {
  if (malformed_ || rest_.empty()) return std::nullopt;
  malformed_ = true;  // until all of the field is there
  uint64_t tag = 0;
  if (!Raw(tag) || tag >> 3U == 0 || tag >> 3U > 0x1FFFFFFF) return std::nullopt;
  Field field{.number = static_cast<int>(tag >> 3U)};
  size_t skip = 0;
  switch (tag & 7U) {
    case kVarint:
      if (!Raw(field.varint)) return std::nullopt;
      break;
    case kDelimited: {
      uint64_t size = 0;
      if (!Raw(size) || size > rest_.size()) return std::nullopt;
      field.bytes = rest_.substr(0, size);
      skip = size;
      break;
    }
    case kFixed64:
      skip = 8;
      break;
    case kFixed32:
      skip = 4;
      break;
    default:
      return std::nullopt;
  }
  if (skip > rest_.size()) return std::nullopt;
  rest_.remove_prefix(skip);
  malformed_ = false;
  return field;
}

std::string ConnectFrame(std::string_view client, std::string_view token) {
  FieldWriter connect;
  connect.Bytes(1, client);
  if (!token.empty()) connect.Bytes(3, token);
  connect.Varint(4, kProtocolVersion);
  if (!token.empty()) connect.Bytes(5, "token");
  FieldWriter command;
  command.Varint(1, kConnect);
  command.Bytes(2, connect.bytes());
  const auto size = static_cast<uint32_t>(command.bytes().size());
  return BigEndian(size + 4) + BigEndian(size) + command.bytes();
}

std::optional<Greeting> ReadGreeting(std::string_view frame) {
  if (frame.size() < 4) return std::nullopt;
  uint32_t size = 0;
  for (size_t i = 0; i < 4; ++i) size = (size << 8U) | static_cast<unsigned char>(frame[i]);
  if (size > frame.size() - 4) return std::nullopt;
  uint64_t type = 0;
  std::string_view connected;
  std::string_view error;
  FieldReader command(frame.substr(4, size));
  while (const auto field = command.Next()) {
    if (field->number == 1) type = field->varint;
    if (field->number == 3) connected = field->bytes;
    if (field->number == 14) error = field->bytes;
  }
  if (command.malformed() || (type != kConnected && type != kError)) return std::nullopt;
  Greeting out{.connected = type == kConnected};
  FieldReader answer(out.connected ? connected : error);
  while (const auto field = answer.Next()) {
    if (out.connected && field->number == 1) out.server_version = field->bytes;
    if (out.connected && field->number == 3) {
      out.max_message_size = static_cast<int32_t>(field->varint);
    }
    if (!out.connected && field->number == 2) out.error = static_cast<int32_t>(field->varint);
    if (!out.connected && field->number == 3) out.message = field->bytes;
  }
  if (answer.malformed()) return std::nullopt;
  return out;
}

}  // namespace nstarx::connectors::pulsar
