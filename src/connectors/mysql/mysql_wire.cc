#include "connectors/mysql/mysql_wire.h"

#include <poll.h>

#include <cstring>

#include "connectors/mysql/mysql_errors.h"

namespace nstarx::connectors::mysql {
namespace {

constexpr int kPollSliceMs = 50;

}  // namespace

uint64_t PacketReader::Fixed(int bytes) {
  if (left() < static_cast<size_t>(bytes)) {
    ok_ = false;
    at_ = end_;
    return 0;
  }
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= static_cast<uint64_t>(at_[i]) << (8 * i);
  at_ += bytes;
  return value;
}

uint64_t PacketReader::Length() {
  const uint64_t first = Fixed(1);
  if (first < 0xFB) return first;
  if (first == 0xFC) return Fixed(2);
  if (first == 0xFD) return Fixed(3);
  if (first == 0xFE) return Fixed(8);
  ok_ = false;
  return 0;
}

std::string_view PacketReader::Bytes(size_t count) {
  if (left() < count) {
    ok_ = false;
    at_ = end_;
    return {};
  }
  const std::string_view out(reinterpret_cast<const char*>(at_), count);
  at_ += count;
  return out;
}

void AppendFixed(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

void AppendLength(std::string& out, uint64_t value) {
  if (value < 0xFB) {
    AppendFixed(out, value, 1);
  } else if (value <= 0xFFFF) {
    out += '\xFC';
    AppendFixed(out, value, 2);
  } else if (value <= 0xFFFFFF) {
    out += '\xFD';
    AppendFixed(out, value, 3);
  } else {
    out += '\xFE';
    AppendFixed(out, value, 8);
  }
}

Status Patience::Check() const {
  if (abort != nullptr && abort->load(std::memory_order_relaxed)) {
    return Cancelled("The reader gave up").WithStage("query").WithConnector("mysql");
  }
  if (context == nullptr) return {};
  Status status = context->Check();
  if (!status) return Error(std::move(status).error()).WithStage("query").WithConnector("mysql");
  return {};
}

Wire::Wire(std::unique_ptr<Client> client)
    : client_(std::move(client)), buffer_(std::make_unique_for_overwrite<uint8_t[]>(kBuffer)) {}

Status Wire::Wait(short events) {
  for (;;) {
    NSTARX_RETURN_IF_ERROR(patience_.Check());
    pollfd row{.fd = client_->socket(), .events = events, .revents = 0};
    int slice = kPollSliceMs;
    if (patience_.context != nullptr) {
      slice =
          static_cast<int>(std::min<int64_t>(slice, patience_.context->remaining().count() + 1));
    }
    if (::poll(&row, 1, slice) != 0) return {};
  }
}

Status Wire::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ptrdiff_t put = client_->Write(bytes.data(), bytes.size());
    if (put > 0) {
      bytes.remove_prefix(static_cast<size_t>(put));
    } else if (put == Client::kNotYet) {
      NSTARX_RETURN_IF_ERROR(Wait(POLLOUT));
    } else {
      Break();
      return ConnectionLost();
    }
  }
  return {};
}

Status Wire::Send(uint8_t command, std::string_view argument) {
  if (broken_) return ConnectionLost();
  sequence_ = 0;
  begin_ = end_ = 0;
  std::string content;
  content.reserve(argument.size() + 1);
  content += static_cast<char>(command);
  content += argument;
  return SendMore(content);
}

Status Wire::SendMore(std::string_view content) {
  for (;;) {
    const size_t length = std::min(content.size(), kJoined);
    std::string packet;
    packet.reserve(length + 4);
    AppendFixed(packet, length, 3);
    packet += static_cast<char>(sequence_++);
    packet += content.substr(0, length);
    // Half a packet on the line can't be taken back.
    if (Status status = Write(packet); !status) {
      Break();
      return status;
    }
    content.remove_prefix(length);
    if (length < kJoined) return {};
  }
}

Status Wire::Need(size_t count) {
  if (broken_) return ConnectionLost();
  if (begin_ + count > capacity_ || begin_ == end_) {
    if (count > capacity_) {
      const size_t larger = std::max(count, capacity_ * 2);
      auto grown = std::make_unique_for_overwrite<uint8_t[]>(larger);
      std::memcpy(grown.get(), buffer_.get() + begin_, end_ - begin_);
      buffer_ = std::move(grown);
      capacity_ = larger;
    } else {
      std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    }
    end_ -= begin_;
    begin_ = 0;
  }
  while (end_ - begin_ < count) {
    const ptrdiff_t got = client_->Read(buffer_.get() + end_, capacity_ - end_);
    if (got > 0) {
      end_ += static_cast<size_t>(got);
    } else if (got == Client::kNotYet) {
      NSTARX_RETURN_IF_ERROR(Wait(POLLIN));
    } else {
      Break();
      return ConnectionLost();
    }
  }
  return {};
}

Result<Packet> Wire::Receive() {
  Packet packet;
  if (TryReceive(&packet)) return packet;
  joined_.clear();
  for (;;) {
    Status status = Need(4);
    const uint8_t* header = buffer_.get() + begin_;
    size_t length = 0;
    if (status) {
      length = header[0] | header[1] << 8 | header[2] << 16;
      status = Need(length + 4);
      header = buffer_.get() + begin_;
    }
    if (!status) {
      // What is half read stays in the buffer for the next call; the parts joined so far do not.
      if (!joined_.empty()) Break();
      return std::move(status).error();
    }
    sequence_ = static_cast<uint8_t>(header[3] + 1);
    begin_ += length + 4;
    if (length < kJoined && joined_.empty()) {
      packet = {header + 4, length};
      if (packet.IsProgress()) continue;
      return packet;
    }
    if (joined_.size() + length > kPacketMax) {
      Break();
      return Error(ErrorKind::kResourceExhausted, "query.row_too_large",
                   "A row is larger than 512 MiB")
          .WithStage("query")
          .WithConnector("mysql");
    }
    joined_.insert(joined_.end(), header + 4, header + 4 + length);
    if (length < kJoined) return Packet{joined_.data(), joined_.size()};
  }
}

}  // namespace nstarx::connectors::mysql
