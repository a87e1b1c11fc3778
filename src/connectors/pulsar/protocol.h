#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nstarx::connectors::pulsar {

/// Writes fields of protobuf's wire format.
class FieldWriter {
 public:
  void Varint(int field, uint64_t value);
  void Bytes(int field, std::string_view bytes);
  const std::string& bytes() const { return out_; }

 private:
  void Raw(uint64_t value);
  std::string out_;
};

struct Field {
  int number = 0;
  uint64_t varint = 0;
  std::string_view bytes;  ///< of a length-delimited field
};

/// Reads fields of protobuf's wire format out of hostile bytes.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {}
  /// The next field; nothing at the end, and when the bytes are malformed.
  std::optional<Field> Next();
  bool malformed() const { return malformed_; }

 private:
  bool Raw(uint64_t& value);
  std::string_view rest_;
  bool malformed_ = false;
};

/// What a broker answers to CONNECT.
struct Greeting {
  bool connected = false;
  std::string server_version;
  int64_t max_message_size = 0;
  int error = -1;  ///< ServerError when refused
  std::string message;
};

/// A whole frame. An empty token logs in without.
std::string ConnectFrame(std::string_view client, std::string_view token);
/// Reads the command of a frame (what follows its total size); nothing when it is no answer to
/// CONNECT.
std::optional<Greeting> ReadGreeting(std::string_view frame);

}  // namespace nstarx::connectors::pulsar
