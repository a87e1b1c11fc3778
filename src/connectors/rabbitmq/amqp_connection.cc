#include "connectors/rabbitmq/amqp_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "connectors/rabbitmq/rabbitmq_errors.h"

namespace nstarx::connectors::rabbitmq {
namespace {

constexpr uint8_t kFrameMethod = 1;
constexpr uint8_t kFrameHeader = 2;
constexpr uint8_t kFrameBody = 3;
constexpr uint8_t kFrameHeartbeat = 8;
constexpr char kFrameEnd = '\xCE';
constexpr size_t kFrameHead = 7;
constexpr size_t kReadSize = 65'536;
constexpr uint64_t kBodyMax = 512U << 20U;
constexpr auto kGoodbye = std::chrono::milliseconds(200);
constexpr auto kCloseWait = std::chrono::seconds(3);

void AppendFrame(std::string& out, uint8_t type, uint16_t channel, std::string_view payload) {
  WireWriter head;
  head.Octet(type);
  head.Short(channel);
  head.Long(static_cast<uint32_t>(payload.size()));
  out += head.bytes();
  out += payload;
  out += kFrameEnd;
}

std::string MethodFrame(uint16_t channel, Method method, std::string_view arguments) {
  WireWriter payload;
  payload.Long(static_cast<uint32_t>(method));
  std::string out;
  AppendFrame(out, kFrameMethod, channel, payload.Take() + std::string(arguments));
  return out;
}

bool HasContent(Method method) {
  return method == Method::kBasicDeliver || method == Method::kBasicReturn;
}

/// Reply code and text of connection.close and channel.close.
Error CloseReason(const Incoming& incoming) {
  WireReader reader(incoming.arguments);
  const uint16_t code = reader.Short();
  return MapReply(code, reader.ShortString());
}

}  // namespace

Result<Delivery> DecodeDelivery(Incoming incoming) {
  WireReader arguments(incoming.arguments);
  Delivery out;
  if (incoming.method == Method::kBasicDeliver) {
    arguments.ShortString();  // consumer tag
    out.tag = arguments.LongLong();
    out.redelivered = arguments.Octet() != 0;
    out.exchange = arguments.ShortString();
    out.routing_key = arguments.ShortString();
  }
  if (!arguments.ok()) return ProtocolError("a delivery is cut off");
  WireReader properties(incoming.properties);
  NSTARX_TRY(out.properties, DecodeProperties(properties));
  out.body = std::move(incoming.body);
  return out;
}

Result<std::unique_ptr<Connection>> Connection::Open(const Context& context, const Login& login) {
  net::ChannelOptions options;
  if (!login.client_certificate.empty()) {
    options.identity = net::ClientIdentity{
        .certificate = std::string(login.client_certificate.Reveal()), .key = &login.client_key};
  }
  NSTARX_TRY(auto channel, net::Channel::Open(context, login.endpoint, login.ssl, options));
  std::unique_ptr<Connection> out(new Connection(std::move(channel)));
  NSTARX_RETURN_IF_ERROR(out->Handshake(context, login));
  return out;
}

Connection::~Connection() {
  if (broken_) return;
  WireWriter arguments;
  arguments.Short(200);
  arguments.ShortString("done");
  arguments.Long(0);
  // Best effort: the socket is closed either way.
  static_cast<void>(
      Send(Context().WithTimeout(kGoodbye), 0, Method::kConnectionClose, arguments.bytes()));
}

Status Connection::Write(const Context& context, std::string_view bytes) {
  Status written = channel_->Write(context, bytes);
  if (!written) broken_ = true;  // a frame may be out in part
  return written;
}

Status Connection::Send(const Context& context, uint16_t channel, Method method,
                        std::string_view arguments) {
  return Write(context, MethodFrame(channel, method, arguments));
}

Status Connection::Publish(const Context& context, uint16_t channel, std::string_view exchange,
                           std::string_view routing_key, std::string_view properties,
                           std::string_view body) {
  WireWriter publish;
  publish.Short(0);
  publish.ShortString(exchange);
  publish.ShortString(routing_key);
  publish.Octet(1);  // mandatory: what no queue takes comes back
  std::string out = MethodFrame(channel, Method::kBasicPublish, publish.bytes());
  WireWriter header;
  header.Short(60);
  header.Short(0);
  header.LongLong(body.size());
  const std::string head = header.Take() + std::string(properties);
  if (head.size() + kFrameHead + 1 > frame_max_) {
    return InvalidArgument("stream.invalid_header",
                           fmt::format("the headers of a message have {} bytes, more than the "
                                       "server's frame of {}",
                                       head.size(), frame_max_))
        .WithStage("query")
        .WithConnector("rabbitmq");
  }
  AppendFrame(out, kFrameHeader, channel, head);
  while (!body.empty()) {
    const std::string_view part = body.substr(0, frame_max_ - kFrameHead - 1);
    AppendFrame(out, kFrameBody, channel, part);
    body.remove_prefix(part.size());
  }
  return Write(context, out);
}

Result<Connection::Frame> Connection::ReadFrame(const Context& context) {
  while (true) {
    const size_t have = buffer_.size() - begin_;
    size_t need = kFrameHead;
    if (have >= kFrameHead) {
      WireReader reader(std::string_view(buffer_).substr(begin_));
      Frame frame{};
      frame.type = reader.Octet();
      frame.channel = reader.Short();
      const size_t size = reader.Long();
      if (frame.type == 'A' || size + kFrameHead + 1 > frame_max_) {
        broken_ = true;
        return ProtocolError("not a frame of AMQP 0-9-1");
      }
      need = kFrameHead + size + 1;
      if (have >= need) {
        frame.payload = std::string_view(buffer_).substr(begin_ + kFrameHead, size);
        const char end = buffer_[begin_ + need - 1];
        begin_ += need;
        if (end != kFrameEnd) {
          broken_ = true;
          return ProtocolError("a frame without its end");
        }
        return frame;
      }
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    buffer_.resize(have + std::max(kReadSize, need - have));
    auto got = channel_->Read(context, std::span(buffer_).subspan(have));
    buffer_.resize(have + (got ? *got : 0));
    if (got && *got > 0) continue;
    if (got || got.error().code() == "connection.lost") broken_ = true;
    if (!got) return got.error();
    return Unavailable("connection.lost", "the server has closed the connection")
        .WithStage("query")
        .WithConnector("rabbitmq")
        .WithAction(Action::kRetry);
  }
}

Result<bool> Connection::Take(const Frame& frame) {
  WireReader reader(frame.payload);
  if (frame.type == kFrameMethod) {
    if (pending_ || frame.payload.size() < 4) {
      broken_ = true;
      return ProtocolError("a method where a message goes on");
    }
    pending_.emplace();
    pending_->channel = frame.channel;
    pending_->method = static_cast<Method>(reader.Long());
    pending_->arguments = frame.payload.substr(4);
    header_seen_ = false;
    return !HasContent(pending_->method);
  }
  if (!pending_ || frame.channel != pending_->channel ||
      (frame.type == kFrameBody) != header_seen_) {
    broken_ = true;
    return ProtocolError("a part of a message that was not begun");
  }
  if (frame.type == kFrameHeader) {
    header_seen_ = true;
    reader.Short();
    reader.Short();
    body_size_ = reader.LongLong();
    if (!reader.ok() || body_size_ > kBodyMax) {
      broken_ = true;
      return ProtocolError(fmt::format("a message of {} bytes", body_size_));
    }
    pending_->properties = frame.payload.substr(12);
  } else {
    pending_->body += frame.payload;
  }
  if (pending_->body.size() > body_size_) {
    broken_ = true;
    return ProtocolError("a message longer than it said");
  }
  return pending_->body.size() == body_size_;
}

Status Connection::Handle(const Context& context, const Incoming& incoming) {
  switch (incoming.method) {
    case Method::kConnectionClose:
      broken_ = true;
      static_cast<void>(
          Send(context.WithTimeout(kGoodbye), 0, Method::kConnectionCloseOk, std::string_view()));
      return CloseReason(incoming);
    case Method::kChannelClose:
      open_.erase(incoming.channel);
      NSTARX_RETURN_IF_ERROR(
          Send(context, incoming.channel, Method::kChannelCloseOk, std::string_view()));
      return CloseReason(incoming);
    case Method::kConnectionBlocked:
      blocked_ = true;
      return {};
    case Method::kConnectionUnblocked:
      blocked_ = false;
      return {};
    default:
      return {};
  }
}

Result<Incoming> Connection::Next(const Context& context) {
  while (true) {
    NSTARX_TRY(const Frame frame, ReadFrame(context));
    if (frame.type == kFrameHeartbeat) continue;
    NSTARX_TRY(const bool complete, Take(frame));
    if (!complete) continue;
    Incoming out = std::move(*pending_);
    pending_.reset();
    NSTARX_RETURN_IF_ERROR(Handle(context, out));
    if (out.method == Method::kConnectionBlocked || out.method == Method::kConnectionUnblocked) {
      continue;
    }
    return out;
  }
}

Result<Incoming> Connection::Expect(const Context& context, uint16_t channel, Method method) {
  while (true) {
    NSTARX_TRY(Incoming incoming, Next(context));
    if (incoming.channel == channel && incoming.method == method) return incoming;
  }
}

Result<Incoming> Connection::Call(const Context& context, uint16_t channel, Method method,
                                  std::string_view arguments, Method answer) {
  NSTARX_RETURN_IF_ERROR(Send(context, channel, method, arguments));
  return Expect(context, channel, answer);
}

Result<uint16_t> Connection::OpenChannel(const Context& context) {
  last_channel_ = last_channel_ >= channel_max_ ? 1 : last_channel_ + 1;
  while (open_.contains(last_channel_)) ++last_channel_;
  open_.insert(last_channel_);
  auto opened = Call(context, last_channel_, Method::kChannelOpen, std::string_view("\0", 1),
                     Method::kChannelOpenOk);
  if (!opened) {
    broken_ = true;  // whether it is open nobody knows
    return opened.error();
  }
  return last_channel_;
}

void Connection::CloseChannel(uint16_t channel) {
  if (broken_ || !open_.contains(channel)) return;
  WireWriter arguments;
  arguments.Short(200);
  arguments.ShortString("done");
  arguments.Long(0);
  const Context context = Context().WithTimeout(kCloseWait);
  const auto answer =
      Call(context, channel, Method::kChannelClose, arguments.bytes(), Method::kChannelCloseOk);
  // A channel of which we know nothing is given back by ending the connection.
  if (!answer && open_.contains(channel)) broken_ = true;
  open_.erase(channel);
}

Status Connection::StartOk(const Context& context, const Login& login, const Incoming& start) {
  WireReader reader(start.arguments);
  reader.Short();
  for (auto& [name, value] : reader.Table()) {
    if (name == "product" && value.bytes && IsUtf8(*value.bytes)) product_ = *value.bytes;
    if (name == "version" && value.bytes && IsUtf8(*value.bytes)) version_ = *value.bytes;
  }
  const std::string mechanisms = fmt::format(" {} ", reader.LongString());
  if (!reader.ok()) return ProtocolError("connection.start is cut off");
  const std::string_view mechanism = login.external ? "EXTERNAL" : "PLAIN";
  if (mechanisms.find(fmt::format(" {} ", mechanism)) == std::string::npos) {
    return InvalidArgument("login.mechanism_unsupported",
                           fmt::format("the server does not offer the login {}", mechanism))
        .WithStage("login")
        .WithConnector("rabbitmq");
  }
  WireWriter capabilities;
  for (const std::string_view name : {"publisher_confirms", "basic.nack", "consumer_cancel_notify",
                                      "connection.blocked", "authentication_failure_close"}) {
    capabilities.ShortString(name);
    capabilities.Octet('t');
    capabilities.Octet(1);
  }
  WireWriter properties;
  for (const auto& [name, text] :
       {std::pair<std::string_view, std::string_view>{"product", "nstarx"},
        {"connection_name", login.client_name}}) {
    properties.ShortString(name);
    properties.Octet('S');
    properties.LongString(text);
  }
  properties.ShortString("capabilities");
  properties.Octet('F');
  properties.LongString(capabilities.bytes());
  WireWriter answer;
  answer.LongString(properties.bytes());
  answer.ShortString(mechanism);
  std::string proof;
  if (!login.external) {
    proof = '\0' + login.user + '\0';
    proof += login.password.Reveal();
  }
  answer.LongString(proof);
  WipeString(proof);
  answer.ShortString("en_US");
  std::string bytes = answer.Take();
  const Status sent = Send(context, 0, Method::kConnectionStartOk, bytes);
  WipeString(bytes);
  return sent;
}

Status Connection::Handshake(const Context& context, const Login& login) {
  NSTARX_RETURN_IF_ERROR(Write(context, std::string_view("AMQP\0\0\x09\x01", 8)));
  NSTARX_TRY(const Incoming start, Expect(context, 0, Method::kConnectionStart));
  NSTARX_RETURN_IF_ERROR(StartOk(context, login, start));
  NSTARX_TRY(const Incoming tune, Expect(context, 0, Method::kConnectionTune));
  WireReader reader(tune.arguments);
  if (const uint16_t channels = reader.Short(); channels != 0) {
    channel_max_ = std::min(channel_max_, channels);
  }
  if (const uint32_t frame = reader.Long(); frame >= 4096) {
    frame_max_ = std::min<size_t>(frame_max_, frame);
  }
  WireWriter tune_ok;
  tune_ok.Short(channel_max_);
  tune_ok.Long(static_cast<uint32_t>(frame_max_));
  // No heartbeats: a session that waits in the pool has no thread that could send them.
  tune_ok.Short(0);
  NSTARX_RETURN_IF_ERROR(Send(context, 0, Method::kConnectionTuneOk, tune_ok.bytes()));
  WireWriter open;
  open.ShortString(login.virtual_host);
  open.Short(0);
  NSTARX_RETURN_IF_ERROR(
      Call(context, 0, Method::kConnectionOpen, open.bytes(), Method::kConnectionOpenOk));
  return {};
}

}  // namespace nstarx::connectors::rabbitmq
