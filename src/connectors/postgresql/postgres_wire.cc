#include "connectors/postgresql/postgres_wire.h"

#include <fmt/format.h>

#include <cstring>

namespace nstarx::connectors::postgresql {
namespace {

constexpr size_t kFirstBuffer = size_t{16} << 10;
constexpr size_t kBigBuffer = size_t{512} << 10;
/// PostgreSQL itself allows no field beyond 1 GiB.
constexpr size_t kMessageMax = (size_t{1} << 30) + (size_t{64} << 20);
constexpr size_t kHeader = 5;
/// Decoders may read so many bytes behind the last cell.
constexpr size_t kPadding = 64;

Error Violation(std::string_view what) {
  return Error(ErrorKind::kDataLoss, "connection.protocol_violation",
               fmt::format("the server broke the protocol: {}", what))
      .WithConnector("postgresql");
}

}  // namespace

Result<size_t> IndexRows(std::string_view bytes, size_t columns, RowBlock& block, bool* other) {
  block.base = bytes.data();
  block.rows = 0;
  block.cells.resize(columns * RowBlock::kRowsMax);
  *other = false;
  uint32_t* cells = block.cells.data();
  size_t at = 0;
  while (block.rows < RowBlock::kRowsMax && bytes.size() - at >= kHeader) {
    const char* message = bytes.data() + at;
    if (*message != 'D') {
      *other = true;
      break;
    }
    size_t length = LoadBig32(message + 1);
    if (length < 6 || length > kMessageMax) return Violation("a row of impossible length");
    if (bytes.size() - at < 1 + length) break;
    if (LoadBig16(message + kHeader) != columns) return Violation("a row of the wrong width");
    size_t cell = at + kHeader + 2;
    const size_t end = at + 1 + length;
    for (size_t column = 0; column < columns; ++column) {
      if (end - cell < 4) return Violation("a row that ends too early");
      cells[column * RowBlock::kRowsMax + block.rows] = static_cast<uint32_t>(cell);
      auto size = static_cast<int32_t>(LoadBig32(bytes.data() + cell));
      cell += 4;
      if (size > 0) {
        if (end - cell < static_cast<size_t>(size)) return Violation("a cell that leaves its row");
        cell += static_cast<size_t>(size);
      } else if (size < -1) {
        return Violation("a cell of negative length");
      }
    }
    if (cell != end) return Violation("a row with bytes left over");
    at = end;
    ++block.rows;
  }
  block.bytes = at;
  return at;
}

Wire::Wire(std::unique_ptr<Client> client)
    : client_(std::move(client)), in_(kFirstBuffer + kPadding) {}

void Wire::Begin(char type) {
  out_ += type;
  message_start_ = out_.size();
  out_.append(4, '\0');
}

void Wire::End() {
  uint32_t length = __builtin_bswap32(static_cast<uint32_t>(out_.size() - message_start_));
  std::memcpy(out_.data() + message_start_, &length, sizeof(length));
}

void Wire::Put16(uint16_t value) {
  value = __builtin_bswap16(value);
  out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void Wire::Put32(uint32_t value) {
  value = __builtin_bswap32(value);
  out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void Wire::PutText(std::string_view text) {
  out_ += text;
  out_ += '\0';
}

void Wire::Named(char type, char kind, std::string_view name) {
  Begin(type);
  out_ += kind;
  PutText(name);
  End();
}

void Wire::Parse(std::string_view name, std::string_view sql) {
  Begin('P');
  PutText(name);
  PutText(sql);
  Put16(0);
  End();
}

void Wire::Bind(std::string_view portal, std::string_view statement,
                const std::vector<const std::string*>& parameters,
                const std::vector<bool>& binary) {
  Begin('B');
  PutText(portal);
  PutText(statement);
  Put16(0);
  Put16(static_cast<uint16_t>(parameters.size()));
  for (const std::string* parameter : parameters) {
    if (parameter == nullptr) {
      Put32(0xFFFFFFFF);
      continue;
    }
    Put32(static_cast<uint32_t>(parameter->size()));
    out_ += *parameter;
  }
  Put16(static_cast<uint16_t>(binary.size()));
  for (bool flag : binary) Put16(flag ? 1 : 0);
  End();
}

void Wire::Execute(std::string_view portal, int32_t rows_max) {
  Begin('E');
  PutText(portal);
  Put32(static_cast<uint32_t>(rows_max));
  End();
}

void Wire::CopyData(std::string_view bytes) {
  Begin('d');
  out_ += bytes;
  End();
}

void Wire::CopyFail(std::string_view why) {
  Begin('f');
  PutText(why);
  End();
}

Status Wire::Send(const Context& context) {
  idle_.store(false, std::memory_order_release);
  std::string_view left = out_;
  while (!left.empty()) {
    auto sent = client_->Write(context, left);
    if (!sent) {
      MarkBroken();  // half a message may have gone out
      return sent.error();
    }
    left.remove_prefix(*sent);
    if (*sent > 0) continue;
    // The server wants to be read before it reads on.
    MakeRoom(4096);
    auto got = client_->ReadAvailable({in_.data() + end_, in_.size() - kPadding - end_});
    if (!got) {
      MarkBroken();
      return got.error();
    }
    end_ += *got;
  }
  out_.clear();
  if (out_.capacity() > (size_t{1} << 20)) out_.shrink_to_fit();
  return {};
}

void Wire::ExpectMuch(bool on) {
  client_->ExpectMuch(on);
  if (on && in_.size() < kBigBuffer) in_.resize(kBigBuffer + kPadding);
  if (!on && in_.size() > kFirstBuffer + kPadding && Pending() == 0) {
    begin_ = end_ = 0;
    in_ = std::vector<char>(kFirstBuffer + kPadding);  // an idle session holds little
  }
}

void Wire::MakeRoom(size_t needed) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (in_.size() - kPadding - end_ >= needed) return;
  if (begin_ > 0) {
    std::memmove(in_.data(), in_.data() + begin_, Pending());
    end_ -= begin_;
    begin_ = 0;
  }
  if (in_.size() - kPadding - end_ >= needed) return;
  in_.resize(std::max(in_.size() * 2, end_ + needed + kPadding));
}

Status Wire::Fill(const Context& context) {
  MakeRoom(std::min(in_.size() / 2, kBigBuffer / 2));
  auto got = client_->Read(context, {in_.data() + end_, in_.size() - kPadding - end_});
  if (!got) {
    // A wait that was cut short leaves the stream whole; anything else does not.
    if (got.error().code() == "connection.lost") MarkBroken();
    return got.error();
  }
  end_ += *got;
  return {};
}

Result<Message> Wire::Receive(const Context& context) {
  for (;;) {
    while (Pending() < kHeader) NSTARX_RETURN_IF_ERROR(Fill(context));
    size_t length = LoadBig32(in_.data() + begin_ + 1);
    if (length < 4 || length > kMessageMax) {
      MarkBroken();
      return Violation("a message of impossible length");
    }
    while (Pending() < 1 + length) {
      MakeRoom(std::min(1 + length - Pending(), in_.size()));
      NSTARX_RETURN_IF_ERROR(Fill(context));
    }
    Message message{in_[begin_], {in_.data() + begin_ + kHeader, length - 4}};
    begin_ += 1 + length;
    if (message.type == 'N' || message.type == 'A' || message.type == 'S') continue;
    if (message.type == 'Z') {
      if (message.body.size() != 1 || syncs_expected_ == 0) {
        MarkBroken();
        return Violation("an unexpected ReadyForQuery");
      }
      --syncs_expected_;
      transaction_ = message.body[0];
      if (syncs_expected_ == 0) idle_.store(true, std::memory_order_release);
    }
    return message;
  }
}

Result<char> Wire::Peek(const Context& context) {
  while (Pending() < kHeader) NSTARX_RETURN_IF_ERROR(Fill(context));
  return in_[begin_];
}

Status Wire::ReadRows(const Context& context, size_t columns, RowBlock& block) {
  for (;;) {
    bool other = false;
    auto used = IndexRows({in_.data() + begin_, Pending()}, columns, block, &other);
    if (!used) {
      MarkBroken();
      return used.error();
    }
    begin_ += *used;
    if (block.rows > 0 || other) return {};
    if (Pending() >= kHeader) {
      size_t length = LoadBig32(in_.data() + begin_ + 1);  // IndexRows has checked it
      MakeRoom(std::min(1 + length - Pending(), in_.size()));
    }
    NSTARX_RETURN_IF_ERROR(Fill(context));
  }
}

Status Wire::Drain(const Context& context, ServerError* failure) {
  bool failed = false;
  while (syncs_expected_ > 0) {
    NSTARX_TRY(Message message, Receive(context));
    if (message.type == 'E' && failure != nullptr && !failed) {
      *failure = ParseServerError(message.body);
      failed = true;
    }
    if (message.type == 'G') {  // a COPY FROM STDIN that nobody feeds
      CopyFail("no data");
      Begin('S');  // the one that was sent before is passed over while the server copies
      End();
      NSTARX_RETURN_IF_ERROR(Send(context));
    }
  }
  return {};
}

}  // namespace nstarx::connectors::postgresql
