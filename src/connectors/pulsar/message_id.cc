#include "connectors/pulsar/message_id.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <tuple>

#include "connectors/pulsar/protocol.h"

namespace nstarx::connectors::pulsar {

std::string MessageId::ToString() const {
  return fmt::format("{}:{}:{}:{}", ledger, entry, partition, batch);
}

std::optional<MessageId> MessageId::Parse(std::string_view text) {
  int64_t parts[4] = {-1, -1, -1, -1};
  size_t count = 0;
  while (count < 4) {
    const size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), parts[count]);
    if (error != std::errc() || end != part.data() + part.size() || parts[count] < -1) {
      return std::nullopt;
    }
    ++count;
    if (colon == std::string_view::npos) {
      text = {};
      break;
    }
    text.remove_prefix(colon + 1);
    if (count == 4 || text.empty()) return std::nullopt;
  }
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  if (count < 2 || parts[0] < 0 || parts[2] > kMax || parts[3] > kMax) return std::nullopt;
  return MessageId{.ledger = parts[0],
                   .entry = parts[1],
                   .partition = static_cast<int32_t>(parts[2]),
                   .batch = static_cast<int32_t>(parts[3])};
}

std::string MessageId::Encode() const {
  FieldWriter out;
  out.Varint(1, static_cast<uint64_t>(ledger));
  out.Varint(2, static_cast<uint64_t>(entry));
  if (partition >= 0) out.Varint(3, static_cast<uint64_t>(partition));
  if (batch >= 0) out.Varint(4, static_cast<uint64_t>(batch));
  return out.bytes();
}

std::optional<MessageId> MessageId::Decode(std::string_view bytes) {
  MessageId out;
  bool has_ledger = false;
  bool has_entry = false;
  FieldReader fields(bytes);
  while (const auto field = fields.Next()) {
    switch (field->number) {
      case 1:
        out.ledger = static_cast<int64_t>(field->varint);
        has_ledger = true;
        break;
      case 2:
        out.entry = static_cast<int64_t>(field->varint);
        has_entry = true;
        break;
      case 3:
        out.partition = static_cast<int32_t>(field->varint);
        break;
      case 4:
        out.batch = static_cast<int32_t>(field->varint);
        break;
      case 6:
        out.batch_size = static_cast<int32_t>(field->varint);
        break;
      default:
        break;
    }
  }
  if (fields.malformed() || !has_ledger || !has_entry) return std::nullopt;
  return out;
}

bool MessageId::EntryBefore(const MessageId& other) const {
  return std::tie(ledger, entry) < std::tie(other.ledger, other.entry);
}

MessageId MessageId::Before() const {
  MessageId out = *this;
  out.batch_size = 0;
  if (batch > 0) {
    out.batch = batch - 1;
  } else {
    out.batch = -1;
    out.entry = entry < 0 ? -1 : entry - 1;
  }
  return out;
}

MessageId MessageId::NextEntry() const {
  MessageId out = *this;
  out.batch = -1;
  out.batch_size = 0;
  if (out.entry < std::numeric_limits<int64_t>::max()) ++out.entry;
  return out;
}

}  // namespace nstarx::connectors::pulsar
