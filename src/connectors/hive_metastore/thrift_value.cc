#include "connectors/hive_metastore/thrift_value.h"

#include <fmt/format.h>

#include <algorithm>

namespace nstarx::connectors::hive_metastore {
namespace {

constexpr uint32_t kVersion = 0x80010000;
constexpr uint32_t kVersionMask = 0xffff0000;
constexpr int64_t kPiece = 64 << 10;

template <class Unsigned>
void PutBig(std::string& out, Unsigned value) {
  for (int shift = static_cast<int>(sizeof(value)) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>((value >> shift) & 0xff);
  }
}

void PutText(std::string& out, std::string_view text) {
  PutBig(out, static_cast<uint32_t>(text.size()));
  out += text;
}

Error Malformed(std::string what) {
  return Unavailable("protocol.malformed",
                     fmt::format("the server's answer is no Thrift message: {}", what))
      .WithStage("query");
}

Error TooLarge(std::string what) {
  return Error(ErrorKind::kResourceExhausted, "response.too_large",
               fmt::format("the server's answer is too large: {}", what))
      .WithStage("query")
      .WithAction(Action::kFixInput);
}

bool IsKnown(uint8_t type) {
  switch (static_cast<ThriftType>(type)) {
    case ThriftType::kBool:
    case ThriftType::kByte:
    case ThriftType::kDouble:
    case ThriftType::kI16:
    case ThriftType::kI32:
    case ThriftType::kI64:
    case ThriftType::kString:
    case ThriftType::kStruct:
    case ThriftType::kMap:
    case ThriftType::kSet:
    case ThriftType::kList:
      return true;
    case ThriftType::kStop:
      return false;
  }
  return false;
}

class Reader {
 public:
  Reader(const ThriftSource& source, const ThriftBounds& bounds)
      : source_(source), bytes_left_(bounds.bytes), values_left_(bounds.values), bounds_(bounds) {}

  template <class Unsigned>
  Result<Unsigned> Big() {
    char raw[sizeof(Unsigned)];
    NSTARX_RETURN_IF_ERROR(Fill(raw));
    Unsigned value = 0;
    for (const char c : raw) {
      value = static_cast<Unsigned>((static_cast<uint64_t>(value) << 8) | static_cast<uint8_t>(c));
    }
    return value;
  }

  Result<std::string> Text() {
    NSTARX_TRY(const uint32_t length, Big<uint32_t>());
    return TextOf(length);
  }

  Result<std::string> TextOf(uint32_t length) {
    if (length > INT32_MAX) return Malformed("a negative length");
    if (length > bytes_left_) return TooLarge(fmt::format("a text of {} bytes", length));
    std::string text;
    // Memory grows with what really came, not with what a length says.
    while (text.size() < length) {
      const size_t before = text.size();
      text.resize(before + static_cast<size_t>(
                               std::min<int64_t>(kPiece, length - static_cast<int64_t>(before))));
      NSTARX_RETURN_IF_ERROR(Fill(std::span(text).subspan(before)));
    }
    return text;
  }

  Result<ThriftValue> Value(ThriftType type, int depth) {
    if (depth > bounds_.depth) return Malformed("nested too deep");
    if (--values_left_ < 0) return TooLarge(fmt::format("above {} values", bounds_.values));
    ThriftValue out{.type = type};
    switch (type) {
      case ThriftType::kBool:
      case ThriftType::kByte: {
        NSTARX_TRY(const uint8_t byte, Big<uint8_t>());
        out.number = byte < 0x80 ? byte : int64_t{byte} - 0x100;
        return out;
      }
      case ThriftType::kI16: {
        NSTARX_TRY(const uint16_t number, Big<uint16_t>());
        out.number = static_cast<int16_t>(number);
        return out;
      }
      case ThriftType::kI32: {
        NSTARX_TRY(const uint32_t number, Big<uint32_t>());
        out.number = static_cast<int32_t>(number);
        return out;
      }
      case ThriftType::kI64:
      case ThriftType::kDouble: {
        NSTARX_TRY(const uint64_t number, Big<uint64_t>());
        out.number = static_cast<int64_t>(number);
        return out;
      }
      case ThriftType::kString: {
        NSTARX_TRY(out.text, Text());
        return out;
      }
      case ThriftType::kStruct:
        NSTARX_RETURN_IF_ERROR(Fields(out, depth));
        return out;
      default:
        NSTARX_RETURN_IF_ERROR(Items(out, depth));
        return out;
    }
  }

 private:
  Status Fill(std::span<char> into) {
    bytes_left_ -= static_cast<int64_t>(into.size());
    if (bytes_left_ < 0) return TooLarge(fmt::format("above {} bytes", bounds_.bytes));
    return source_(into);
  }

  Status Fields(ThriftValue& out, int depth) {
    for (;;) {
      NSTARX_TRY(const uint8_t type, Big<uint8_t>());
      if (type == 0) return {};
      if (!IsKnown(type)) return Malformed(fmt::format("type {}", type));
      NSTARX_TRY(const uint16_t id, Big<uint16_t>());
      NSTARX_TRY(ThriftValue value, Value(static_cast<ThriftType>(type), depth + 1));
      out.fields.push_back({.id = static_cast<int16_t>(id), .value = std::move(value)});
    }
  }

  Status Items(ThriftValue& out, int depth) {
    uint32_t count = 0;
    if (out.type == ThriftType::kMap) {
      // An empty map may come with types of 0.
      NSTARX_TRY(const uint8_t key, Big<uint8_t>());
      NSTARX_TRY(const uint8_t item, Big<uint8_t>());
      NSTARX_TRY(count, Big<uint32_t>());
      if (count > 0 && (!IsKnown(key) || !IsKnown(item))) return Malformed("a map's types");
      out.key = static_cast<ThriftType>(key);
      out.item = static_cast<ThriftType>(item);
    } else {
      NSTARX_TRY(const uint8_t item, Big<uint8_t>());
      NSTARX_TRY(count, Big<uint32_t>());
      if (count > 0 && !IsKnown(item)) return Malformed("a list's type");
      out.item = static_cast<ThriftType>(item);
    }
    if (count > INT32_MAX) return Malformed("a negative count");
    for (uint32_t i = 0; i < count; ++i) {
      if (out.type == ThriftType::kMap) {
        NSTARX_TRY(ThriftValue key, Value(out.key, depth + 1));
        out.items.push_back(std::move(key));
      }
      NSTARX_TRY(ThriftValue item, Value(out.item, depth + 1));
      out.items.push_back(std::move(item));
    }
    return {};
  }

  const ThriftSource& source_;
  int64_t bytes_left_;
  int64_t values_left_;
  const ThriftBounds& bounds_;
};

}  // namespace

ThriftValue ThriftValue::Text(std::string_view text) {
  return {.type = ThriftType::kString, .text = std::string(text)};
}
ThriftValue ThriftValue::Number(ThriftType type, int64_t number) {
  return {.type = type, .number = number};
}
ThriftValue ThriftValue::Struct() { return {.type = ThriftType::kStruct}; }
ThriftValue ThriftValue::List(ThriftType item) { return {.type = ThriftType::kList, .item = item}; }
ThriftValue ThriftValue::TextMap() {
  return {.type = ThriftType::kMap, .key = ThriftType::kString, .item = ThriftType::kString};
}

const ThriftValue* ThriftValue::Find(int16_t id, ThriftType wanted) const {
  for (const ThriftField& field : fields) {
    if (field.id == id && field.value.type == wanted) return &field.value;
  }
  return nullptr;
}

std::string_view ThriftValue::TextAt(int16_t id) const {
  const ThriftValue* found = Find(id, ThriftType::kString);
  return found != nullptr ? std::string_view(found->text) : std::string_view();
}

int64_t ThriftValue::NumberAt(int16_t id, int64_t fallback) const {
  for (const ThriftField& field : fields) {
    if (field.id != id || field.value.type == ThriftType::kDouble) continue;
    if (field.value.type < ThriftType::kString) return field.value.number;
  }
  return fallback;
}

ThriftValue& ThriftValue::Set(int16_t id, ThriftValue value) {
  for (ThriftField& field : fields) {
    if (field.id != id) continue;
    field.value = std::move(value);
    return field.value;
  }
  fields.push_back({.id = id, .value = std::move(value)});
  return fields.back().value;
}

ThriftValue& ThriftValue::At(int16_t id, const ThriftValue& otherwise) {
  for (ThriftField& field : fields) {
    if (field.id == id && field.value.type == otherwise.type) return field.value;
  }
  return Set(id, otherwise);
}

void WriteThrift(const ThriftValue& value, std::string& out) {
  switch (value.type) {
    case ThriftType::kStop:
      return;
    case ThriftType::kBool:
    case ThriftType::kByte:
      PutBig(out, static_cast<uint8_t>(value.number));
      return;
    case ThriftType::kI16:
      PutBig(out, static_cast<uint16_t>(value.number));
      return;
    case ThriftType::kI32:
      PutBig(out, static_cast<uint32_t>(value.number));
      return;
    case ThriftType::kI64:
    case ThriftType::kDouble:
      PutBig(out, static_cast<uint64_t>(value.number));
      return;
    case ThriftType::kString:
      PutText(out, value.text);
      return;
    case ThriftType::kStruct:
      for (const ThriftField& field : value.fields) {
        PutBig(out, static_cast<uint8_t>(field.value.type));
        PutBig(out, static_cast<uint16_t>(field.id));
        WriteThrift(field.value, out);
      }
      out += '\0';
      return;
    case ThriftType::kMap:
      PutBig(out, static_cast<uint8_t>(value.key));
      PutBig(out, static_cast<uint8_t>(value.item));
      PutBig(out, static_cast<uint32_t>(value.items.size() / 2));
      break;
    case ThriftType::kSet:
    case ThriftType::kList:
      PutBig(out, static_cast<uint8_t>(value.item));
      PutBig(out, static_cast<uint32_t>(value.items.size()));
      break;
  }
  for (const ThriftValue& item : value.items) WriteThrift(item, out);
}

std::string ThriftCall(std::string_view method, int32_t sequence, const ThriftValue& arguments) {
  std::string out;
  PutBig(out, kVersion | 1U);
  PutText(out, method);
  PutBig(out, static_cast<uint32_t>(sequence));
  WriteThrift(arguments, out);
  return out;
}

Result<ThriftAnswer> ReadThriftAnswer(const ThriftSource& source, const ThriftBounds& bounds) {
  Reader reader(source, bounds);
  NSTARX_TRY(const uint32_t head, reader.Big<uint32_t>());
  if ((head & kVersionMask) != kVersion) {
    return Malformed(fmt::format("it begins with {:08x}", head)).WithDetail("begin", head);
  }
  ThriftAnswer answer;
  switch (head & 0xff) {
    case 2:
      answer.kind = ThriftMessage::kReply;
      break;
    case 3:
      answer.kind = ThriftMessage::kException;
      break;
    default:
      return Malformed(fmt::format("a message of kind {}", head & 0xff));
  }
  NSTARX_TRY(answer.method, reader.Text());
  NSTARX_TRY(const uint32_t sequence, reader.Big<uint32_t>());
  answer.sequence = static_cast<int32_t>(sequence);
  NSTARX_TRY(answer.body, reader.Value(ThriftType::kStruct, 0));
  return answer;
}

}  // namespace nstarx::connectors::hive_metastore
