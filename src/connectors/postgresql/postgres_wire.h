#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "connectors/postgresql/postgres_client.h"
#include "connectors/postgresql/postgres_errors.h"

namespace nstarx::connectors::postgresql {

/// A value in network order at `at`.
inline uint16_t LoadBig16(const char* at) {
  uint16_t value;
  __builtin_memcpy(&value, at, sizeof(value));
  return __builtin_bswap16(value);
}
inline uint32_t LoadBig32(const char* at) {
  uint32_t value;
  __builtin_memcpy(&value, at, sizeof(value));
  return __builtin_bswap32(value);
}
inline uint64_t LoadBig64(const char* at) {
  uint64_t value;
  __builtin_memcpy(&value, at, sizeof(value));
  return __builtin_bswap64(value);
}

/// One message of the server. The body is valid until the next read.
struct Message {
  char type = 0;
  std::string_view body;
};

/// Rows of one result, found in the receive buffer: where each cell begins (its length word),
/// column by column. Valid until the next read.
struct RowBlock {
  const char* base = nullptr;
  size_t rows = 0;
  size_t bytes = 0;             ///< of the rows' messages
  std::vector<uint32_t> cells;  ///< [column * kRowsMax + row], offsets from base
  static constexpr size_t kRowsMax = 512;
  const uint32_t* column(size_t index) const { return cells.data() + index * kRowsMax; }
};

/// Finds up to RowBlock::kRowsMax DataRow messages of `columns` cells at the start of `bytes`.
/// Returns how many bytes they take; `*other` tells that a message of another kind follows.
/// connection.protocol_violation for a row whose cells do not fill it exactly. At least 16 bytes
/// behind `bytes` must be readable.
Result<size_t> IndexRows(std::string_view bytes, size_t columns, RowBlock& block, bool* other);

/// Version 3 of PostgreSQL's protocol after the login, both directions. Requests collect in a
/// buffer until Send, so that several of them make one round trip. Used by one thread at a time,
/// except Cancel() and broken().
class Wire {
 public:
  explicit Wire(std::unique_ptr<Client> client);

  void Parse(std::string_view name, std::string_view sql);
  /// `parameters` are in text form, null pointers are NULL; `binary` has one flag a column, or is
  /// empty for all text, or has one flag for all columns.
  void Bind(std::string_view portal, std::string_view statement,
            const std::vector<const std::string*>& parameters, const std::vector<bool>& binary);
  void DescribeStatement(std::string_view name) { Named('D', 'S', name); }
  void DescribePortal(std::string_view name) { Named('D', 'P', name); }
  void CloseStatement(std::string_view name) { Named('C', 'S', name); }
  void ClosePortal(std::string_view name) { Named('C', 'P', name); }
  void Execute(std::string_view portal, int32_t rows_max);
  void Sync() { Begin('S'), End(), ++syncs_expected_; }
  void Flush() { Begin('H'), End(); }
  void CopyData(std::string_view bytes);
  void CopyDone() { Begin('c'), End(); }
  void CopyFail(std::string_view why);
  /// Sends what has collected.
  Status Send(const Context& context);

  /// The next message; notices, notifications and parameter changes are passed over. Must not
  /// follow a ReadRows whose block is still in use.
  Result<Message> Receive(const Context& context);
  /// The type of the next message, without taking it; may be one that Receive passes over.
  Result<char> Peek(const Context& context);
  /// The rows that are in the buffer, or a first part of them, waiting for the first; none when a
  /// message of another kind comes next.
  Status ReadRows(const Context& context, size_t columns, RowBlock& block);
  /// True when a read would not wait.
  bool Buffered() const { return begin_ < end_; }
  bool Readable(std::chrono::milliseconds wait) { return Buffered() || client_->Readable(wait); }
  /// While on, reads may wait a little for a lot: a big result is coming.
  void ExpectMuch(bool on);

  /// Reads until every Sync is answered; rows are thrown away. Errors of statements are not errors
  /// here; the first of them is put into `failure` if given.
  Status Drain(const Context& context, ServerError* failure = nullptr);

  void Cancel() { client_->Cancel(); }
  /// After a failed read or write nothing more can be said on it.
  bool broken() const { return broken_.load(std::memory_order_relaxed); }
  /// True when nothing is asked and the server has gone; from any thread.
  bool gone() const { return idle_.load(std::memory_order_acquire) && client_->PeerGone(); }
  void MarkBroken() { broken_.store(true, std::memory_order_relaxed); }
  /// 'I' idle, 'T' in a transaction, 'E' in a failed one: as of the last ReadyForQuery.
  char transaction() const { return transaction_; }
  int syncs_expected() const { return syncs_expected_; }
  const Client& client() const { return *client_; }

 private:
  void Begin(char type);
  void End();
  void Named(char type, char kind, std::string_view name);
  void Put16(uint16_t value);
  void Put32(uint32_t value);
  void PutText(std::string_view text);
  /// Reads more behind what is there; makes room.
  Status Fill(const Context& context);
  void MakeRoom(size_t needed);
  size_t Pending() const { return end_ - begin_; }

  std::unique_ptr<Client> client_;
  std::string out_;
  size_t message_start_ = 0;
  std::vector<char> in_;
  size_t begin_ = 0;
  size_t end_ = 0;
  int syncs_expected_ = 0;
  char transaction_ = 'I';
  std::atomic<bool> broken_ = false;
  std::atomic<bool> idle_ = true;  ///< every request is answered
};

}  // namespace nstarx::connectors::postgresql
