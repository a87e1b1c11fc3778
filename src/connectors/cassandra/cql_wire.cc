#include "connectors/cassandra/cql_wire.h"

#include <algorithm>
#include <bit>

namespace nstarx::connectors::cassandra {

void AppendBigEndian(uint64_t value, int bytes, std::string* out) {
  for (int i = bytes - 1; i >= 0; --i) *out += static_cast<char>(value >> (8 * i));
}

void AppendVint(uint64_t value, std::string* out) {
  const int bits = std::max(1, static_cast<int>(std::bit_width(value)));
  const int extra = std::min(8, (bits - 1) / 7);
  if (extra == 8) {
    *out += static_cast<char>(0xFF);
    AppendBigEndian(value, 8, out);
    return;
  }
  const uint64_t marks = (0xFF00U >> extra) & 0xFFU;
  AppendBigEndian(value | (marks << (8 * extra)), extra + 1, out);
}

FrameHeader ParseHeader(const char* bytes) {
  BodyReader reader({bytes, kHeaderBytes});
  FrameHeader header;
  header.version = reader.Byte();
  header.flags = reader.Byte();
  header.stream = static_cast<int16_t>(reader.Short());
  header.opcode = static_cast<Opcode>(reader.Byte());
  header.length = reader.Int();
  return header;
}

void BodyReader::Fail() {
  ok_ = false;
  left_ = {};
}

uint64_t BodyReader::Number(size_t bytes) {
  const std::string_view taken = Take(bytes);
  uint64_t value = 0;
  for (const char byte : taken) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

std::string_view BodyReader::Take(size_t count) {
  if (count > left_.size()) {
    Fail();
    return {};
  }
  const std::string_view taken = left_.substr(0, count);
  left_.remove_prefix(count);
  return taken;
}

std::string_view BodyReader::LongString() {
  const int32_t length = Int();
  if (length < 0) {
    Fail();
    return {};
  }
  return Take(static_cast<size_t>(length));
}

std::optional<std::string_view> BodyReader::Bytes() {
  const int32_t length = Int();
  if (length < 0 || !ok_) return std::nullopt;
  const std::string_view taken = Take(static_cast<size_t>(length));
  if (!ok_) return std::nullopt;
  return taken;
}

uint64_t BodyReader::Vint() {
  const uint8_t first = Byte();
  const int extra = std::countl_one(first);
  uint64_t value = extra >= 7 ? 0 : first & (0xFFU >> (extra + 1));
  const std::string_view more = Take(static_cast<size_t>(extra));
  for (const char byte : more) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

void BodyWriter::Number(uint64_t value, int bytes) { AppendBigEndian(value, bytes, &text_); }

void BodyWriter::String(std::string_view value) {
  value = value.substr(0, 0xFFFF);
  Short(static_cast<uint16_t>(value.size()));
  text_ += value;
}

void BodyWriter::LongString(std::string_view value) {
  Int(static_cast<int32_t>(value.size()));
  text_ += value;
}

void AppendRequestFrame(int16_t stream, Opcode opcode, std::string_view body, std::string* out) {
  BodyWriter header;
  header.Byte(kProtocolVersion);
  header.Byte(0);
  header.Short(static_cast<uint16_t>(stream));
  header.Byte(static_cast<uint8_t>(opcode));
  header.Int(static_cast<int32_t>(body.size()));
  *out += header.text();
  *out += body;
}

}  // namespace nstarx::connectors::cassandra
