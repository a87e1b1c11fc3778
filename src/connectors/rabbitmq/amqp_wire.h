#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace nstarx::connectors::rabbitmq {

/// Writes AMQP 0-9-1 values, big-endian.
class WireWriter {
 public:
  void Octet(uint8_t value) { out_ += static_cast<char>(value); }
  void Short(uint16_t value);
  void Long(uint32_t value);
  void LongLong(uint64_t value);
  /// At most 255 bytes; longer ones are cut off by nobody: check before.
  void ShortString(std::string_view text);
  void LongString(std::string_view bytes);
  const std::string& bytes() const { return out_; }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

/// A header's value as it is shown: bytes of a string, else its text (nested ones as JSON); null
/// for the void type.
struct HeaderValue {
  std::optional<std::string> bytes;
  std::optional<int64_t> number;  ///< of the integer types
  bool is_json = false;           ///< the text is JSON: of booleans, tables and arrays
};
using HeaderTable = std::vector<std::pair<std::string, HeaderValue>>;

/// Reads AMQP 0-9-1 values. After the first that is cut off every further one is zero or empty and
/// ok() is false.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}
  uint8_t Octet() { return static_cast<uint8_t>(Number(1)); }
  uint16_t Short() { return static_cast<uint16_t>(Number(2)); }
  uint32_t Long() { return static_cast<uint32_t>(Number(4)); }
  uint64_t LongLong() { return Number(8); }
  std::string_view ShortString() { return Bytes(Octet()); }
  std::string_view LongString() { return Bytes(Long()); }
  /// A field table; at most 32 levels deep.
  HeaderTable Table();
  std::string_view Bytes(size_t count);
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  uint64_t Number(size_t size);
  HeaderValue Field(int depth);
  HeaderValue Nested(char type, int depth);

  std::string_view rest_;
  bool ok_ = true;
};

/// The properties of a message that have names of their own, apart from its headers.
struct Properties {
  HeaderTable headers;
  std::optional<uint64_t> timestamp;  ///< seconds since the epoch
  std::optional<uint8_t> delivery_mode;
  std::optional<uint8_t> priority;
  std::vector<std::pair<std::string, std::string>> texts;  ///< content_type, message_id, …
};

/// The part of a content header after class, weight and size.
Result<Properties> DecodeProperties(WireReader& reader);
Result<std::string> EncodeProperties(const Properties& properties);

Error ProtocolError(std::string_view what);

}  // namespace nstarx::connectors::rabbitmq
