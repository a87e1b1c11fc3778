#include "connectors/rabbitmq/amqp_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "base/json.h"

namespace nstarx::connectors::rabbitmq {
namespace {

constexpr int kDepth = 32;
constexpr size_t kShortStringMax = 255;

/// The properties in the order of their flags, from bit 15 down; those that are text have a name.
constexpr std::array<std::string_view, 14> kProperties = {
    "content_type", "content_encoding", "", "",     "",        "correlation_id", "reply_to",
    "expiration",   "message_id",       "", "type", "user_id", "app_id",         "cluster_id"};
constexpr size_t kHeaders = 2;
constexpr size_t kDeliveryMode = 3;
constexpr size_t kPriority = 4;
constexpr size_t kTimestamp = 9;

constexpr uint16_t Flag(size_t property) { return static_cast<uint16_t>(0x8000U >> property); }

HeaderValue Shown(std::string text, bool is_json = false) {
  return {.bytes = std::move(text), .number = {}, .is_json = is_json};
}

json::value AsJson(const HeaderValue& value) {
  if (!value.bytes) return nullptr;
  if (value.number) return *value.number;
  if (value.is_json) {
    if (auto parsed = ParseJson(*value.bytes)) return std::move(*parsed);
  }
  if (IsUtf8(*value.bytes)) return json::value(*value.bytes);
  std::string hex;
  for (const char c : *value.bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return json::value(hex);
}

}  // namespace

Error ProtocolError(std::string_view what) {
  return Unavailable("connection.protocol", fmt::format("the server does not speak AMQP: {}", what))
      .WithStage("query")
      .WithConnector("rabbitmq");
}

void WireWriter::Short(uint16_t value) {
  Octet(static_cast<uint8_t>(value >> 8U));
  Octet(static_cast<uint8_t>(value & 0xffU));
}
void WireWriter::Long(uint32_t value) {
  Short(static_cast<uint16_t>(value >> 16U));
  Short(static_cast<uint16_t>(value & 0xffffU));
}
void WireWriter::LongLong(uint64_t value) {
  Long(static_cast<uint32_t>(value >> 32U));
  Long(static_cast<uint32_t>(value & 0xffffffffU));
}
void WireWriter::ShortString(std::string_view text) {
  Octet(static_cast<uint8_t>(text.size()));
  out_ += text;
}
void WireWriter::LongString(std::string_view bytes) {
  Long(static_cast<uint32_t>(bytes.size()));
  out_ += bytes;
}

uint64_t WireReader::Number(size_t size) {
  uint64_t value = 0;
  for (const char c : Bytes(size)) value = (value << 8U) | static_cast<unsigned char>(c);
  return value;
}

std::string_view WireReader::Bytes(size_t count) {
  if (!ok_ || count > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const std::string_view out = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return out;
}

HeaderTable WireReader::Table() {
  HeaderTable out;
  WireReader inner(LongString());
  while (inner.ok_ && !inner.at_end()) {
    std::string name(inner.ShortString());
    HeaderValue value = inner.Field(0);
    if (inner.ok_) out.emplace_back(std::move(name), std::move(value));
  }
  ok_ = ok_ && inner.ok_;
  return out;
}

HeaderValue WireReader::Nested(char type, int depth) {
  WireReader inner(LongString());
  json::object object;
  json::array array;
  while (depth < kDepth && inner.ok_ && !inner.at_end()) {
    const std::string_view name = type == 'F' ? inner.ShortString() : std::string_view();
    const json::value value = AsJson(inner.Field(depth + 1));
    if (type == 'F') {
      object[IsUtf8(name) ? name : "?"] = value;
    } else {
      array.push_back(value);
    }
  }
  ok_ = ok_ && inner.ok_ && depth < kDepth;
  return Shown(type == 'F' ? json::serialize(object) : json::serialize(array), true);
}

HeaderValue WireReader::Field(int depth) {
  const auto number = [](int64_t value) {
    return HeaderValue{.bytes = std::to_string(value), .number = value, .is_json = false};
  };
  const char type = static_cast<char>(Octet());
  switch (type) {
    case 'V':
      return {};
    case 't':
      return Shown(Octet() != 0 ? "true" : "false", true);
    case 'b':
      return number(static_cast<int8_t>(Octet()));
    case 'B':
      return number(Octet());
    case 's':
      return number(static_cast<int16_t>(Short()));
    case 'u':
      return number(Short());
    case 'I':
      return number(static_cast<int32_t>(Long()));
    case 'i':
      return number(Long());
    case 'l':
    case 'L':
      return number(static_cast<int64_t>(LongLong()));
    case 'T':
      return Shown(std::to_string(LongLong()));
    case 'f':
      return Shown(fmt::format("{}", std::bit_cast<float>(Long())));
    case 'd':
      return Shown(fmt::format("{}", std::bit_cast<double>(LongLong())));
    case 'D': {
      const uint8_t scale = Octet();
      std::string digits = std::to_string(static_cast<int32_t>(Long()));
      const bool negative = digits.starts_with('-');
      if (negative) digits.erase(0, 1);
      if (scale == 0) return Shown((negative ? "-" : "") + digits);
      if (digits.size() <= scale) digits.insert(0, scale + 1U - digits.size(), '0');
      digits.insert(digits.size() - scale, ".");
      return Shown((negative ? "-" : "") + digits);
    }
    case 'S':
    case 'x':
      return Shown(std::string(LongString()));
    case 'A':
    case 'F':
      return Nested(type, depth);
    default:
      ok_ = false;
      return {};
  }
}

Result<Properties> DecodeProperties(WireReader& reader) {
  Properties out;
  const uint16_t flags = reader.Short();
  if ((flags & 1U) != 0) return ProtocolError("property flags that go on");
  for (size_t i = 0; i < kProperties.size(); ++i) {
    if ((flags & Flag(i)) == 0) continue;
    if (i == kHeaders) {
      out.headers = reader.Table();
    } else if (i == kDeliveryMode) {
      out.delivery_mode = reader.Octet();
    } else if (i == kPriority) {
      out.priority = reader.Octet();
    } else if (i == kTimestamp) {
      out.timestamp = reader.LongLong();
    } else {
      out.texts.emplace_back(kProperties[i], reader.ShortString());
    }
  }
  if (!reader.ok()) return ProtocolError("the properties of a message are cut off");
  return out;
}

Result<std::string> EncodeProperties(const Properties& properties) {
  uint16_t flags = 0;
  WireWriter values;
  const auto too_long = [](std::string_view name) {
    return InvalidArgument("stream.invalid_header",
                           fmt::format("the header or property '{}' can't be sent: names and "
                                       "properties have at most 255 bytes",
                                       name.substr(0, 40)))
        .WithStage("query")
        .WithConnector("rabbitmq");
  };
  for (const auto& [name, text] : properties.texts) {
    if (name.empty() || std::ranges::find(kProperties, name) == kProperties.end() ||
        text.size() > kShortStringMax) {
      return too_long(name);
    }
  }
  for (size_t i = 0; i < kProperties.size(); ++i) {
    if (i == kHeaders && !properties.headers.empty()) {
      WireWriter table;
      for (const auto& [name, value] : properties.headers) {
        if (name.size() > kShortStringMax) return too_long(name);
        table.ShortString(name);
        table.Octet(value.number ? 'l' : value.bytes ? 'S' : 'V');
        if (value.number) {
          table.LongLong(static_cast<uint64_t>(*value.number));
        } else if (value.bytes) {
          table.LongString(*value.bytes);
        }
      }
      values.LongString(table.bytes());
    } else if (i == kDeliveryMode && properties.delivery_mode) {
      values.Octet(*properties.delivery_mode);
    } else if (i == kPriority && properties.priority) {
      values.Octet(*properties.priority);
    } else if (i == kTimestamp && properties.timestamp) {
      values.LongLong(*properties.timestamp);
    } else {
      const auto found = std::ranges::find_if(
          properties.texts, [&](const auto& text) { return text.first == kProperties[i]; });
      if (kProperties[i].empty() || found == properties.texts.end()) continue;
      values.ShortString(found->second);
    }
    flags |= Flag(i);
  }
  WireWriter out;
  out.Short(flags);
  return out.Take() + values.bytes();
}

}  // namespace nstarx::connectors::rabbitmq
