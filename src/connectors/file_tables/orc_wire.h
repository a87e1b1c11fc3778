#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

/// What the engine and the process that decodes an ORC file say to each other: frames over a socket
/// pair. Both ends are on this machine and of this program.
namespace nstarx::connectors::file_tables::orc_wire {

enum class Kind : uint32_t {
  kFacts,    // decoder: rows, stripes and schema of the file
  kScan,     // engine: the first batch of a stripe, with so many rows and these columns
  kNext,     // engine: the next batch, please
  kBatch,    // decoder: a batch as Arrow IPC; empty at the stripe's end
  kRead,     // decoder: offset and length of a part of the file that it needs
  kBytes,    // engine: that part
  kFailure,  // either: it does not go on; the decoder says why
};

struct Header {
  Kind kind = Kind::kFailure;
  uint32_t reserved = 0;
  uint64_t length = 0;
};

struct Frame {
  Kind kind = Kind::kFailure;
  std::string payload;
};

/// No frame is longer: a file that wants more is broken or not for us.
inline constexpr uint64_t kPayloadMax = uint64_t{256} << 20;

/// Moves exactly `length` bytes; false when the other side is gone or `proceed()` says to stop,
/// which is asked ten times a second.
template <typename Proceed>
bool Move(int socket, bool out, char* bytes, size_t length, const Proceed& proceed) {
  while (length > 0) {
    pollfd wanted{
        .fd = socket, .events = static_cast<int16_t>(out ? POLLOUT : POLLIN), .revents = 0};
    const int ready = ::poll(&wanted, 1, 100);
    if (!proceed()) return false;
    if (ready < 0 && errno != EINTR) return false;
    if (ready <= 0) continue;
    const ssize_t moved = out ? ::send(socket, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT)
                              : ::recv(socket, bytes, length, MSG_DONTWAIT);
    if (moved < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (moved <= 0) return false;
    bytes += moved;
    length -= static_cast<size_t>(moved);
  }
  return true;
}

template <typename Proceed>
bool Send(int socket, Kind kind, std::string_view payload, const Proceed& proceed) {
  Header header{.kind = kind, .reserved = 0, .length = payload.size()};
  return payload.size() <= kPayloadMax &&
         Move(socket, true, reinterpret_cast<char*>(&header), sizeof header, proceed) &&
         Move(socket, true, const_cast<char*>(payload.data()), payload.size(), proceed);
}

template <typename Proceed>
bool Receive(int socket, Frame& frame, const Proceed& proceed) {
  Header header;
  if (!Move(socket, false, reinterpret_cast<char*>(&header), sizeof header, proceed) ||
      header.length > kPayloadMax) {
    return false;
  }
  frame.kind = header.kind;
  frame.payload.resize(header.length);
  return Move(socket, false, frame.payload.data(), frame.payload.size(), proceed);
}

/// Numbers as they are in memory, one after the other.
inline void Put(std::string& payload, int64_t number) {
  payload.append(reinterpret_cast<const char*>(&number), sizeof number);
}
inline bool Take(std::string_view& payload, int64_t& number) {
  if (payload.size() < sizeof number) return false;
  std::memcpy(&number, payload.data(), sizeof number);
  payload.remove_prefix(sizeof number);
  return true;
}

}  // namespace nstarx::connectors::file_tables::orc_wire
