#include "adapter/frames.h"

#include "net/channel.h"

namespace nstarx::adapter {

std::string FrameHeader(Frame kind, size_t size) {
  std::string out(kHeaderSize, '\0');
  out[0] = static_cast<char>(kind);
  for (size_t i = 0; i < 4; ++i) out[1 + i] = static_cast<char>((size >> (8 * i)) & 0xFF);
  return out;
}

Result<size_t> ReadHeader(std::string_view header, Frame* kind) {
  constexpr std::string_view kKinds = "QDECRX";
  size_t size = 0;
  for (size_t i = 0; i < 4; ++i) {
    size |= static_cast<size_t>(static_cast<unsigned char>(header[1 + i])) << (8 * i);
  }
  if (kKinds.find(header[0]) == std::string_view::npos || size > kMaxFrame) {
    return Error(ErrorKind::kInternal, "adapter.protocol",
                 "the driver's process sent what is no frame")
        .WithStage("query");
  }
  *kind = static_cast<Frame>(header[0]);
  return size;
}

Status SendFrame(const Context& context, net::Channel& channel, Frame kind,
                 std::string_view payload) {
  NSTARX_RETURN_IF_ERROR(channel.Write(context, FrameHeader(kind, payload.size())));
  return channel.Write(context, payload);
}

Result<Message> ReceiveFrame(const Context& context, net::Channel& channel) {
  char header[kHeaderSize];
  NSTARX_RETURN_IF_ERROR(channel.ReadExactly(context, header));
  Message out;
  NSTARX_TRY(const size_t size, ReadHeader({header, kHeaderSize}, &out.kind));
  out.payload.resize(size);
  NSTARX_RETURN_IF_ERROR(channel.ReadExactly(context, out.payload));
  return out;
}

}  // namespace nstarx::adapter
