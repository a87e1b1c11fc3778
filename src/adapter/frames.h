#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/status.h"

namespace nstarx::net {
class Channel;
}

namespace nstarx::adapter {

/// What goes over the socket between the server and an adapter host. A frame is one byte of kind,
/// four bytes of length (little endian) and the payload.
enum class Frame : char {
  kRequest = 'Q',  ///< to the host: JSON
  kData = 'D',     ///< either way: a piece of an Arrow IPC stream
  kEnd = 'E',      ///< to the host: the stream of an ingest is complete
  kCancel = 'C',   ///< to the host: stop what runs
  kReply = 'R',    ///< to the server: JSON; the request is done
  kError = 'X',    ///< to the server: JSON; the request has failed
};

struct Message {
  Frame kind = Frame::kReply;
  std::string payload;
};

constexpr size_t kHeaderSize = 5;
/// Longer frames are refused: what is larger goes in several of kData.
constexpr size_t kMaxFrame = 16 << 20;
constexpr size_t kDataPiece = 1 << 20;

/// The header of a frame, ready to send.
std::string FrameHeader(Frame kind, size_t size);
/// The length that a header says; adapter.protocol when it is none.
Result<size_t> ReadHeader(std::string_view header, Frame* kind);

Status SendFrame(const Context& context, net::Channel& channel, Frame kind,
                 std::string_view payload);
Result<Message> ReceiveFrame(const Context& context, net::Channel& channel);

}  // namespace nstarx::adapter
