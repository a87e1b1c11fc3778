#include "connectors/hive_metastore/metastore_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "connectors/hive_metastore/hive_metastore_errors.h"

namespace nstarx::connectors::hive_metastore {
namespace {

/// Statuses of Thrift's SASL negotiation.
constexpr char kStart = 1;
constexpr char kOk = 2;
constexpr char kBad = 3;
constexpr char kError = 4;
constexpr char kComplete = 5;
constexpr uint32_t kNegotiationMax = 64 << 10;
constexpr uint32_t kFrameMax = 256U << 20;
constexpr size_t kBuffer = 64 << 10;

uint32_t Big(const char* bytes) {
  uint32_t out = 0;
  for (int i = 0; i < 4; ++i) out = (out << 8) | static_cast<uint8_t>(bytes[i]);
  return out;
}

void AppendLength(std::string& out, size_t length) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += static_cast<char>((static_cast<uint32_t>(length) >> shift) & 0xff);
  }
}

std::string Negotiation(char status, std::string_view payload) {
  std::string out;
  out.reserve(payload.size() + 5);  // One buffer, so that a password is in one place.
  out += status;
  AppendLength(out, payload.size());
  out += payload;
  return out;
}

Error LoginError(ErrorKind kind, std::string code, std::string message) {
  return Error(kind, std::move(code), std::move(message))
      .WithStage("login")
      .WithConnector("hive_metastore");
}

Error LoginTimeout() {
  return LoginError(ErrorKind::kUnavailable, "login.timeout",
                    "the server accepted the connection and does not answer");
}

/// What a server that is no metastore, or wants another login, answers with.
Error NameAnswer(const Login& login, Error error) {
  // Metastores say nothing to a login of the wrong kind: they hang up.
  if (error.code() == "connection.lost" && login.with_password) {
    return LoginError(ErrorKind::kUnauthenticated, "login.password_not_taken",
                      "the server hung up when it was sent a user and a password, as a metastore "
                      "does that takes none");
  }
  if (error.code() == "connection.lost") {
    return LoginError(ErrorKind::kUnauthenticated, "login.sasl_required",
                      "the server hung up at the first call, as a metastore does that wants a "
                      "login with SASL");
  }
  if (error.code() != "protocol.malformed") return error;
  const json::value* begin = error.details().if_contains("begin");
  const int64_t head = begin != nullptr && begin->is_number() ? begin->to_number<int64_t>() : 0;
  const int64_t first = (head >> 24) & 0xff;
  if (first == kBad || first == kError) {
    return LoginError(ErrorKind::kUnauthenticated, "login.sasl_required",
                      "the metastore wants a login with SASL");
  }
  if (first == 0x15) {
    return LoginError(ErrorKind::kUnavailable, "tls.required_by_server",
                      "the server speaks TLS on this port, and TLS is off for this connection")
        .WithStage("tls");
  }
  return LoginError(ErrorKind::kUnavailable, "login.not_a_metastore",
                    "what answers on this port is no metastore");
}

}  // namespace

Result<std::unique_ptr<MetastoreClient>> MetastoreClient::Open(const Context& context,
                                                               const Login& login) {
  const Context limited = context.WithTimeout(login.timeout);
  NSTARX_TRY(auto channel, net::Channel::Open(limited, login.endpoint, login.ssl));
  std::unique_ptr<MetastoreClient> client(new MetastoreClient(std::move(channel)));
  const Status done = client->LogIn(limited, login);
  if (done) return client;
  Error error = done.error();
  if (error.code() == "query.timeout") return LoginTimeout();
  return NameAnswer(login, std::move(error));
}

Status MetastoreClient::LogIn(const Context& context, const Login& login) {
  if (login.with_password) {
    std::string plain;
    plain.reserve(login.user.size() + login.password.size() + 2);
    plain += '\0';
    plain += login.user;
    plain += '\0';
    plain += login.password.Reveal();
    std::string second = Negotiation(kOk, plain);
    Status sent = channel_->Write(context, Negotiation(kStart, "PLAIN"));
    if (sent) sent = channel_->Write(context, second);
    WipeString(plain);
    WipeString(second);
    NSTARX_RETURN_IF_ERROR(sent);
    char head[5];
    NSTARX_RETURN_IF_ERROR(channel_->ReadExactly(context, head));
    const uint32_t length = Big(head + 1);
    const bool negotiates = head[0] >= kStart && head[0] <= kComplete;
    if (!negotiates || length > kNegotiationMax) {
      return Unavailable("protocol.malformed", "the server's answer is no SASL negotiation")
          .WithDetail("begin", static_cast<int64_t>(Big(head)));
    }
    std::string message(length, '\0');
    NSTARX_RETURN_IF_ERROR(channel_->ReadExactly(context, message));
    if (head[0] == kBad || head[0] == kError) return FromRefusal(message);
    if (head[0] != kComplete) {
      return LoginError(ErrorKind::kInvalidArgument, "login.mechanism_unsupported",
                        "the metastore wants more than a user and a password");
    }
    framed_ = true;
  } else if (!login.user.empty()) {
    ThriftValue arguments = ThriftValue::Struct();
    arguments.Set(1, ThriftValue::Text(login.user));
    arguments.Set(2, ThriftValue::List(ThriftType::kString));
    NSTARX_RETURN_IF_ERROR(Call(context, "set_ugi", arguments, {"MetaException"}));
    return {};
  }
  NSTARX_RETURN_IF_ERROR(Call(context, "getVersion", ThriftValue::Struct(), {}));
  return {};
}

Status MetastoreClient::FillBuffer(const Context& context) {
  buffer_.resize(kBuffer);
  buffer_at_ = 0;
  auto got = channel_->Read(context, buffer_);
  buffer_.resize(got ? *got : 0);
  if (!got) return std::move(got).error();
  if (*got > 0) return {};
  return Unavailable("connection.lost", "the connection to the server is gone: it closed it")
      .WithStage("query")
      .WithAction(Action::kRetry);
}

Status MetastoreClient::Read(const Context& context, std::span<char> into) {
  while (!into.empty()) {
    if (framed_ && frame_left_ == 0) {
      framed_ = false;  // The length itself is in no frame.
      char head[4];
      const Status read = Read(context, head);
      framed_ = true;
      NSTARX_RETURN_IF_ERROR(read);
      frame_left_ = Big(head);
      if (frame_left_ > kFrameMax) {
        return Unavailable("protocol.malformed", "the server sent a frame of an absurd length")
            .WithStage("query");
      }
      continue;
    }
    if (buffer_at_ == buffer_.size()) NSTARX_RETURN_IF_ERROR(FillBuffer(context));
    size_t count = std::min(into.size(), buffer_.size() - buffer_at_);
    if (framed_) count = std::min<size_t>(count, frame_left_);
    std::memcpy(into.data(), buffer_.data() + buffer_at_, count);
    buffer_at_ += count;
    if (framed_) frame_left_ -= static_cast<uint32_t>(count);
    into = into.subspan(count);
  }
  return {};
}

Result<ThriftAnswer> MetastoreClient::Exchange(const Context& context, const std::string& call) {
  std::string frame;
  if (framed_) AppendLength(frame, call.size());
  NSTARX_RETURN_IF_ERROR(channel_->Write(context, frame + call));
  return ReadThriftAnswer([&](std::span<char> into) -> Status { return Read(context, into); });
}

Result<ThriftValue> MetastoreClient::Call(const Context& context, std::string_view method,
                                          const ThriftValue& arguments,
                                          std::vector<std::string_view> exceptions) {
  const int32_t sequence = ++sequence_;
  auto answer = Exchange(context, ThriftCall(method, sequence, arguments));
  if (!answer) {
    healthy_ = false;  // What is on the wire now belongs to nobody.
    return std::move(answer).error().WithConnector("hive_metastore");
  }
  if (answer->sequence != sequence) {
    healthy_ = false;
    return Unavailable("protocol.malformed", "the server answered another call").WithStage("query");
  }
  if (answer->kind == ThriftMessage::kException) {
    return FromApplicationException(answer->body.NumberAt(2, 0), answer->body.TextAt(1));
  }
  for (ThriftField& field : answer->body.fields) {
    if (field.id == 0) return std::move(field.value);
    const auto index = static_cast<size_t>(field.id) - 1;
    if (field.id > 0 && field.value.type == ThriftType::kStruct) {
      return FromException(index < exceptions.size() ? exceptions[index] : "an exception",
                           field.value.TextAt(1));
    }
  }
  return ThriftValue();
}

}  // namespace nstarx::connectors::hive_metastore
