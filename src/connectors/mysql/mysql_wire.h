#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "connectors/mysql/mysql_client.h"

namespace nstarx::connectors::mysql {

/// Bytes of one packet; valid until the next one is read.
struct Packet {
  const uint8_t* data = nullptr;
  size_t size = 0;
  bool IsError() const { return size > 0 && data[0] == 0xFF; }
  /// MariaDB reports the progress of long statements as errors number 65535.
  bool IsProgress() const {
    return size > 2 && data[0] == 0xFF && data[1] == 0xFF && data[2] == 0xFF;
  }
  bool IsEof() const { return size > 0 && size < 9 && data[0] == 0xFE; }
};

/// Reads what a packet holds, checking every length. A failed read makes ok() false and gives zero.
class PacketReader {
 public:
  explicit PacketReader(Packet packet) : at_(packet.data), end_(packet.data + packet.size) {}
  uint64_t Fixed(int bytes);
  uint64_t Length();  ///< a length-encoded integer
  std::string_view Bytes(size_t count);
  std::string_view Text() { return Bytes(Length()); }
  std::string_view Rest() { return Bytes(static_cast<size_t>(end_ - at_)); }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  bool ok() const { return ok_; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
  bool ok_ = true;
};

void AppendFixed(std::string& out, uint64_t value, int bytes);
void AppendLength(std::string& out, uint64_t value);

/// What ends a wait: the context of the call that waits, and a flag that another thread may raise.
struct Patience {
  const Context* context = nullptr;
  const std::atomic<bool>* abort = nullptr;
  Status Check() const;
};

/// The MySQL packet layer over a logged-in client's socket. Packets are read in place out of one
/// large buffer, without a copy. Not thread-safe.
class Wire {
 public:
  explicit Wire(std::unique_ptr<Client> client);

  void set_patience(Patience patience) { patience_ = patience; }
  Client& client() { return *client_; }
  /// False after a broken conversation; nothing more can be read or written.
  bool usable() const { return !broken_; }
  void Break() {
    broken_ = true;
    client_->Abandon();
  }

  /// Begins a new exchange: command byte and its argument.
  Status Send(uint8_t command, std::string_view argument);
  /// Goes on with the running exchange (LOAD DATA's content).
  Status SendMore(std::string_view content);

  /// The next packet. connection.lost when the line is dead, the patience's error when it ends.
  Result<Packet> Receive();

  /// The next packet if all of it has arrived already.
  bool TryReceive(Packet* out) {
    const size_t have = end_ - begin_;
    if (have < 4) return false;
    const uint8_t* header = buffer_.get() + begin_;
    const size_t length = header[0] | header[1] << 8 | header[2] << 16;
    if (length == kJoined || have < length + 4) return false;
    sequence_ = static_cast<uint8_t>(header[3] + 1);
    begin_ += length + 4;
    *out = {header + 4, length};
    return !out->IsProgress() || TryReceive(out);
  }

 private:
  static constexpr size_t kJoined = 0xFFFFFF;  ///< a packet of this length goes on in the next one
  static constexpr size_t kBuffer = 1 << 19;
  static constexpr size_t kPacketMax = 512u << 20;
  Status Write(std::string_view bytes);
  Status Need(size_t count);
  Status Wait(short events);

  std::unique_ptr<Client> client_;
  Patience patience_;
  std::unique_ptr<uint8_t[]> buffer_;
  size_t capacity_ = kBuffer;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint8_t sequence_ = 0;
  bool broken_ = false;
  std::vector<uint8_t> joined_;
};

}  // namespace nstarx::connectors::mysql
