#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::pulsar {

/// Where a message is: an entry of a ledger, and its place in the entry when that is a batch.
struct MessageId {
  int64_t ledger = -1;
  int64_t entry = -1;
  int32_t partition = -1;  ///< -1: of a topic without partitions
  int32_t batch = -1;      ///< -1: the entry is no batch
  int32_t batch_size = 0;  ///< 0: not known

  /// "ledger:entry:partition:batch".
  std::string ToString() const;
  /// Reads that, or "ledger:entry" or "ledger:entry:partition"; nothing for all else.
  static std::optional<MessageId> Parse(std::string_view text);
  /// As the protocol has it (MessageIdData).
  std::string Encode() const;
  /// Hostile bytes: nothing when they are no MessageIdData.
  static std::optional<MessageId> Decode(std::string_view bytes);

  /// By ledger and entry only.
  bool EntryBefore(const MessageId& other) const;
  /// By the place in the entry, too.
  bool ComesBefore(const MessageId& other) const {
    return EntryBefore(other) || (SameEntry(other) && batch < other.batch);
  }
  bool SameEntry(const MessageId& other) const {
    return ledger == other.ledger && entry == other.entry;
  }
  bool IsLastOfEntry() const { return batch < 0 || batch_size <= 0 || batch + 1 >= batch_size; }
  /// A place before this one: a reader that begins behind it gets this message, though perhaps
  /// others of its own or the previous entry first.
  MessageId Before() const;
  /// The first place of the next entry of the ledger.
  MessageId NextEntry() const;
};

}  // namespace nstarx::connectors::pulsar
