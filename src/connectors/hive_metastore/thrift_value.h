#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace nstarx::connectors::hive_metastore {

/// Types of Thrift's binary protocol, with their numbers on the wire.
enum class ThriftType : uint8_t {
  kStop = 0,
  kBool = 2,
  kByte = 3,
  kDouble = 4,
  kI16 = 6,
  kI32 = 8,
  kI64 = 10,
  kString = 11,
  kStruct = 12,
  kMap = 13,
  kSet = 14,
  kList = 15,
};

struct ThriftField;

/// A value as it was on the wire: fields that this program does not know are kept, so that a struct
/// that is read, changed and sent back loses nothing.
struct ThriftValue {
  ThriftType type = ThriftType::kStop;
  int64_t number = 0;                   ///< bool, whole numbers, and the bits of a double
  std::string text;                     ///< string
  ThriftType key = ThriftType::kStop;   ///< of a map
  ThriftType item = ThriftType::kStop;  ///< of a list, set, and of a map's values
  std::vector<ThriftValue> items;       ///< of a map: key, value, key, value …
  std::vector<ThriftField> fields;      ///< of a struct, in the order of the wire

  static ThriftValue Text(std::string_view text);
  static ThriftValue Number(ThriftType type, int64_t number);
  static ThriftValue Struct();
  static ThriftValue List(ThriftType item);
  static ThriftValue TextMap();

  /// The field of a struct, null when it is not there or of another type.
  const ThriftValue* Find(int16_t id, ThriftType wanted) const;
  std::string_view TextAt(int16_t id) const;
  int64_t NumberAt(int16_t id, int64_t fallback) const;
  /// Sets a field of a struct and returns it.
  ThriftValue& Set(int16_t id, ThriftValue value);
  /// The field for change, made when it is not there.
  ThriftValue& At(int16_t id, const ThriftValue& otherwise);
};

struct ThriftField {
  int16_t id = 0;
  ThriftValue value;
};

/// Appends the value's bytes.
void WriteThrift(const ThriftValue& value, std::string& out);
/// A call's bytes: a message of `method` with the struct of its arguments.
std::string ThriftCall(std::string_view method, int32_t sequence, const ThriftValue& arguments);

enum class ThriftMessage { kReply = 2, kException = 3 };

struct ThriftAnswer {
  ThriftMessage kind = ThriftMessage::kReply;
  std::string method;
  int32_t sequence = 0;
  ThriftValue body;  ///< a struct
};

/// Where bytes come from: fills all of the span or says why not.
using ThriftSource = std::function<Status(std::span<char>)>;

/// How much of a hostile answer is read.
struct ThriftBounds {
  int64_t bytes = 64 << 20;
  int64_t values = 2'000'000;
  int depth = 32;
};

/// Reads one message. protocol.malformed for what is none, response.too_large beyond the bounds.
Result<ThriftAnswer> ReadThriftAnswer(const ThriftSource& source, const ThriftBounds& bounds = {});

}  // namespace nstarx::connectors::hive_metastore
