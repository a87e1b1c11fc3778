#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nstarx::connectors::cassandra {

/// What a frame of the native protocol is about.
enum class Opcode : uint8_t {
  kError = 0x00,
  kStartup = 0x01,
  kReady = 0x02,
  kAuthenticate = 0x03,
  kOptions = 0x05,
  kSupported = 0x06,
  kQuery = 0x07,
  kResult = 0x08,
  kPrepare = 0x09,
  kExecute = 0x0A,
  kRegister = 0x0B,
  kEvent = 0x0C,
  kBatch = 0x0D,
  kAuthChallenge = 0x0E,
  kAuthResponse = 0x0F,
  kAuthSuccess = 0x10,
};

constexpr uint8_t kProtocolVersion = 4;
constexpr uint8_t kResponseBit = 0x80;
constexpr size_t kHeaderBytes = 9;
/// The protocol's own bound of a frame.
constexpr int32_t kFrameBytesMax = 256 << 20;

struct FrameHeader {
  uint8_t version = 0;
  uint8_t flags = 0;
  int16_t stream = 0;
  Opcode opcode = Opcode::kError;
  int32_t length = 0;
};

/// `bytes` has kHeaderBytes bytes.
FrameHeader ParseHeader(const char* bytes);

/// Reads a body that may be anything: once something does not fit, every read gives nothing and
/// ok() is false.
class BodyReader {
 public:
  explicit BodyReader(std::string_view bytes) : left_(bytes) {}

  uint8_t Byte() { return static_cast<uint8_t>(Number(1)); }
  uint16_t Short() { return static_cast<uint16_t>(Number(2)); }
  int32_t Int() { return static_cast<int32_t>(Number(4)); }
  int64_t Long() { return static_cast<int64_t>(Number(8)); }
  std::string_view Take(size_t count);
  std::string_view String() { return Take(Short()); }
  std::string_view LongString();
  std::string_view ShortBytes() { return Take(Short()); }
  /// [bytes]: nothing for null (a negative length).
  std::optional<std::string_view> Bytes();
  /// An unsigned number of 1 to 9 bytes, as the server writes lengths inside vectors.
  uint64_t Vint();

  bool ok() const { return ok_; }
  size_t left() const { return left_.size(); }
  std::string_view rest() const { return left_; }
  void Fail();

 private:
  uint64_t Number(size_t bytes);
  std::string_view left_;
  bool ok_ = true;
};

/// Builds a body.
class BodyWriter {
 public:
  void Byte(uint8_t value) { text_ += static_cast<char>(value); }
  void Short(uint16_t value) { Number(value, 2); }
  void Int(int32_t value) { Number(static_cast<uint32_t>(value), 4); }
  void Long(int64_t value) { Number(static_cast<uint64_t>(value), 8); }
  /// At most 65535 bytes of it.
  void String(std::string_view value);
  void LongString(std::string_view value);
  void ShortBytes(std::string_view value) { String(value); }
  void Bytes(std::string_view value) { LongString(value); }
  void Null() { Int(-1); }
  void Raw(std::string_view value) { text_ += value; }

  std::string& text() { return text_; }
  const std::string& text() const { return text_; }

 private:
  void Number(uint64_t value, int bytes);
  std::string text_;
};

/// A whole request frame.
void AppendRequestFrame(int16_t stream, Opcode opcode, std::string_view body, std::string* out);

void AppendBigEndian(uint64_t value, int bytes, std::string* out);
/// The form that Vint() reads.
void AppendVint(uint64_t value, std::string* out);

}  // namespace nstarx::connectors::cassandra
