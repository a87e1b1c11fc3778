#include "connectors/cassandra/cql_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "connectors/cassandra/cassandra_errors.h"
#include "net/channel.h"

namespace nstarx::connectors::cassandra {
namespace {

constexpr size_t kBufferBytes = 128 << 10;
constexpr size_t kQueuedBytes = 64 << 10;
constexpr size_t kBodyStep = 1 << 20;
constexpr std::chrono::milliseconds kQuiesceTimeout{2000};
constexpr uint16_t kConsistencyOne = 1;
constexpr uint8_t kFlagCompressed = 0x01;
constexpr uint8_t kFlagTracing = 0x02;
constexpr uint8_t kFlagPayload = 0x04;
constexpr uint8_t kFlagWarning = 0x08;

/// Where the body begins behind what the flags announce.
std::optional<size_t> BodyBegin(std::string_view body, uint8_t flags) {
  BodyReader reader(body);
  if ((flags & kFlagTracing) != 0) reader.Take(16);
  if ((flags & kFlagWarning) != 0) {
    for (int count = reader.Short(); count > 0 && reader.ok(); --count) reader.String();
  }
  if ((flags & kFlagPayload) != 0) {
    for (int count = reader.Short(); count > 0 && reader.ok(); --count) {
      reader.String();
      reader.Bytes();
    }
  }
  if (!reader.ok()) return std::nullopt;
  return body.size() - reader.left();
}

Error AtLogin(Error error) {
  const std::string stage = error.stage();
  if (stage.empty() || stage == "query") error.WithStage("login");
  return Named(std::move(error), "login");
}

}  // namespace

Request QueryRequest(std::string_view text) {
  BodyWriter head;
  head.LongString(text);
  return {.opcode = Opcode::kQuery, .head = std::move(head.text())};
}

std::string BodyOf(const Request& request, const PageOptions& options) {
  constexpr uint8_t kValues = 0x01;
  constexpr uint8_t kPageSize = 0x04;
  constexpr uint8_t kPagingState = 0x08;
  BodyWriter body;
  body.Raw(request.head);
  body.Short(options.consistency);
  uint8_t flags = 0;
  if (!request.values.empty()) flags |= kValues;
  if (options.page_size > 0) flags |= kPageSize;
  if (!options.paging_state.empty()) flags |= kPagingState;
  body.Byte(flags);
  body.Raw(request.values);
  if (options.page_size > 0) body.Int(options.page_size);
  if (!options.paging_state.empty()) body.Bytes(options.paging_state);
  return std::move(body.text());
}

Result<ResultHead> ParseResult(std::string_view body) {
  BodyReader reader(body);
  ResultHead head;
  head.kind = static_cast<ResultHead::Kind>(reader.Int());
  switch (head.kind) {
    case ResultHead::Kind::kRows:
      head.metadata = ReadMetadata(reader, false);
      head.row_count = reader.Int();
      if (head.row_count < 0 || (head.row_count > 0 && head.metadata.columns.empty())) {
        reader.Fail();
      }
      break;
    case ResultHead::Kind::kPrepared:
      head.prepared_id = reader.ShortBytes();
      head.metadata = ReadMetadata(reader, true);
      break;
    case ResultHead::Kind::kVoid:
    case ResultHead::Kind::kKeyspace:
    case ResultHead::Kind::kSchemaChange:
      break;
    default:
      reader.Fail();
  }
  if (!reader.ok()) return ProtocolError("a result that can't be read");
  head.rows_at = body.size() - reader.left();
  return head;
}

CqlClient::CqlClient(std::unique_ptr<net::Channel> channel)
    : channel_(std::move(channel)), buffer_(kBufferBytes, '\0'), used_streams_(kInFlightMax) {
  for (int16_t stream = kInFlightMax - 1; stream >= 0; --stream) free_streams_.push_back(stream);
}

CqlClient::~CqlClient() = default;

bool CqlClient::PeerGone() const { return channel_->PeerGone(); }

Status CqlClient::Fill(const Context& context, char* into, size_t count) {
  while (count > 0) {
    if (buffer_begin_ == buffer_end_) {
      if (count >= buffer_.size()) return channel_->ReadExactly(context, {into, count});
      NSTARX_TRY(const size_t got, channel_->Read(context, {buffer_.data(), buffer_.size()}));
      if (got == 0) {
        return Unavailable("connection.lost", "The server closed the connection")
            .WithAction(Action::kRetry);
      }
      buffer_begin_ = 0;
      buffer_end_ = got;
    }
    const size_t taken = std::min(count, buffer_end_ - buffer_begin_);
    std::memcpy(into, buffer_.data() + buffer_begin_, taken);
    buffer_begin_ += taken;
    into += taken;
    count -= taken;
  }
  return {};
}

Result<Answer> CqlClient::ReceiveFrame(const Context& context) {
  for (;;) {
    char bytes[kHeaderBytes];
    NSTARX_RETURN_IF_ERROR(Fill(context, bytes, sizeof bytes));
    const FrameHeader header = ParseHeader(bytes);
    if ((header.version & kResponseBit) == 0 || (header.version & ~kResponseBit) > 6 ||
        (header.version & ~kResponseBit) < 3) {
      return ProtocolError("it is not the native protocol");
    }
    if (header.length < 0 || header.length > kFrameBytesMax) {
      return ProtocolError("a frame of impossible length");
    }
    if ((header.flags & kFlagCompressed) != 0) return ProtocolError("a compressed frame");
    Answer answer{.stream = header.stream, .opcode = header.opcode, .body = {}};
    // Memory follows what has come, not what the header says will come.
    const auto length = static_cast<size_t>(header.length);
    while (answer.body.size() < length) {
      const size_t have = answer.body.size();
      const size_t step = std::min(length - have, std::max(kBodyStep, have));
      answer.body.resize(have + step);
      NSTARX_RETURN_IF_ERROR(Fill(context, answer.body.data() + have, step));
    }
    heard_ = true;
    const auto begin = BodyBegin(answer.body, header.flags);
    if (!begin) return ProtocolError("a frame that ends too early");
    answer.body.erase(0, *begin);
    if (answer.stream >= 0) return answer;  // Else an event that nobody asked for.
  }
}

Status CqlClient::Flush(const Context& context) {
  if (queued_.empty()) return {};
  Status sent = channel_->Write(context, queued_);
  WipeString(queued_);  // It may have been the password.
  queued_.clear();
  if (sent) return {};
  Break();
  return Named(std::move(sent).error(), "query");
}

Result<int16_t> CqlClient::Queue(const Context& context, Opcode opcode, std::string_view body) {
  if (broken_) return Unavailable("connection.lost", "The connection is closed");
  if (body.size() > static_cast<size_t>(kFrameBytesMax)) {
    return Refuse("query.too_large", "The statement is larger than a frame may be");
  }
  NSTARX_CHECK(!free_streams_.empty());
  const int16_t stream = free_streams_.back();
  AppendRequestFrame(stream, opcode, body, &queued_);
  if (queued_.size() >= kQueuedBytes) NSTARX_RETURN_IF_ERROR(Flush(context));
  free_streams_.pop_back();
  used_streams_[static_cast<size_t>(stream)] = true;
  ++in_flight_;
  return stream;
}

Result<int16_t> CqlClient::Send(const Context& context, Opcode opcode, std::string_view body) {
  NSTARX_TRY(const int16_t stream, Queue(context, opcode, body));
  NSTARX_RETURN_IF_ERROR(Flush(context));
  return stream;
}

Result<Answer> CqlClient::Receive(const Context& context) {
  if (broken_) return Unavailable("connection.lost", "The connection is closed");
  NSTARX_RETURN_IF_ERROR(Flush(context));
  auto answer = ReceiveFrame(context);
  if (answer &&
      (answer->stream >= kInFlightMax || !used_streams_[static_cast<size_t>(answer->stream)])) {
    answer = ProtocolError("an answer that nobody asked for");
  }
  if (!answer) {
    Break();
    return Named(std::move(answer).error(), "query");
  }
  used_streams_[static_cast<size_t>(answer->stream)] = false;
  free_streams_.push_back(answer->stream);
  --in_flight_;
  return answer;
}

Result<Answer> CqlClient::Call(const Context& context, Opcode opcode, std::string_view body,
                               std::string_view statement) {
  NSTARX_TRY(const int16_t stream, Send(context, opcode, body));
  NSTARX_TRY(Answer answer, Receive(context));
  if (answer.stream != stream) {
    Break();
    return ProtocolError("an answer out of turn");
  }
  if (answer.opcode == Opcode::kError) return ServerError(answer.body, statement);
  return answer;
}

Result<std::vector<std::vector<std::optional<std::string>>>> CqlClient::Rows(const Context& context,
                                                                             const Request& request,
                                                                             uint16_t consistency) {
  constexpr int32_t kPage = 5000;
  std::vector<std::vector<std::optional<std::string>>> rows;
  std::string state;
  do {
    const PageOptions options{
        .consistency = consistency, .page_size = kPage, .paging_state = state};
    NSTARX_TRY(const Answer answer, Call(context, request.opcode, BodyOf(request, options), {}));
    if (answer.opcode != Opcode::kResult) return ProtocolError("no result");
    NSTARX_TRY(const ResultHead head, ParseResult(answer.body));
    BodyReader reader(std::string_view(answer.body).substr(head.rows_at));
    for (int32_t i = 0; i < head.row_count && reader.ok(); ++i) {
      auto& row = rows.emplace_back();
      for (size_t column = 0; column < head.metadata.columns.size(); ++column) {
        row.emplace_back(reader.Bytes());
      }
    }
    if (!reader.ok()) return ProtocolError("a row ends too early");
    state = head.metadata.paging_state.value_or("");
  } while (!state.empty());
  return rows;
}

void CqlClient::Quiesce() {
  const Context patience = Context().WithTimeout(kQuiesceTimeout);
  while (in_flight_ > 0 && usable()) {
    if (!Receive(patience)) return;
  }
}

Status CqlClient::Authenticate(const Context& context, const LoginOptions& options,
                               std::string_view authenticator) {
  if (options.user.empty()) {
    return Error(ErrorKind::kUnauthenticated, "login.password_required",
                 fmt::format("The server asks for user and password ({})",
                             authenticator.substr(authenticator.rfind('.') + 1)))
        .WithStage("login");
  }
  std::string token;
  token += '\0';
  token += options.user;
  token += '\0';
  token += options.password.Reveal();
  BodyWriter body;
  body.Bytes(token);
  WipeString(token);
  auto answer = [&]() -> Result<Answer> {
    NSTARX_TRY(const int16_t stream, Send(context, Opcode::kAuthResponse, body.text()));
    (void)stream;
    return Receive(context);
  }();
  WipeString(body.text());
  if (!answer) return std::move(answer).error();
  if (answer->opcode == Opcode::kError) return LoginError(answer->body);
  if (answer->opcode == Opcode::kAuthSuccess) return {};
  return Error(ErrorKind::kUnauthenticated, "login.plugin_unsupported",
               "The server wants another way to log in than SASL PLAIN")
      .WithStage("login");
}

Status CqlClient::LogIn(const Context& context, const LoginOptions& options) {
  BodyWriter body;
  const std::pair<std::string_view, std::string_view> startup[] = {
      {"CQL_VERSION", "3.0.0"},
      {"DRIVER_NAME", "nstarx"},
      {"DRIVER_VERSION", NSTARX_VERSION},
      {"APPLICATION_NAME", options.program_name},
  };
  body.Short(std::size(startup));
  for (const auto& [name, value] : startup) {
    body.String(name);
    body.String(value);
  }
  auto answer = [&]() -> Result<Answer> {
    NSTARX_TRY(const int16_t stream, Send(context, Opcode::kStartup, body.text()));
    (void)stream;
    return Receive(context);
  }();
  if (!answer) {
    Error error = std::move(answer).error();
    if (error.code() == "connection.lost" && !heard_) {
      return Unavailable("login.closed_by_server",
                         fmt::format("The server closed the connection before it said anything; it"
                                     " may {}: {}",
                                     options.ssl.enabled ? "want another client certificate"
                                                         : "take clients over TLS only",
                                     error.message()))
          .WithStage("login");
    }
    if (error.code() == "connection.protocol") {
      return Unavailable("login.protocol_unsupported", error.message()).WithStage("login");
    }
    return error;
  }
  if (answer->opcode == Opcode::kError) return LoginError(answer->body);
  if (answer->opcode == Opcode::kAuthenticate) {
    BodyReader reader(answer->body);
    return Authenticate(context, options, reader.String());
  }
  if (answer->opcode != Opcode::kReady) return ProtocolError("no answer to STARTUP");
  return {};
}

Status CqlClient::LearnAboutNode(const Context& context, const LoginOptions& options) {
  NSTARX_TRY(const auto rows,
             Rows(context,
                  QueryRequest("SELECT release_version, cluster_name, data_center, rack,"
                               " partitioner FROM system.local"),
                  kConsistencyOne));
  if (rows.size() != 1 || rows[0].size() != 5) return ProtocolError("system.local has no row");
  const auto& node = rows[0];
  facts_["server_version"] = node[0].value_or("");
  facts_["cluster"] = node[1].value_or("");
  facts_["datacenter"] = node[2].value_or("");
  facts_["rack"] = node[3].value_or("");
  facts_["user"] = options.user;
  facts_["database"] = options.keyspace;
  facts_["address"] = fmt::format("{}:{}", options.endpoint.host, options.endpoint.port);
  facts_["protocol"] = fmt::format("v{}", kProtocolVersion);
  if (const net::TlsFacts* tls = channel_->tls()) {
    facts_["tls"] = json::object{{"version", tls->version}, {"cipher", tls->cipher}};
  }
  murmur3_ = node[4].value_or("").ends_with("Murmur3Partitioner");
  if (!options.datacenter.empty() && node[2].value_or("") != options.datacenter) {
    return InvalidArgument("login.wrong_datacenter",
                           fmt::format("The node belongs to datacenter '{}', not to '{}'",
                                       node[2].value_or(""), options.datacenter))
        .WithStage("login");
  }
  if (options.keyspace.empty()) return {};
  std::string use = "USE \"";
  for (const char letter : options.keyspace) use.append(letter == '"' ? 2 : 1, letter);
  use += '"';
  NSTARX_TRY(
      const int16_t stream,
      Send(context, Opcode::kQuery, BodyOf(QueryRequest(use), {.consistency = kConsistencyOne})));
  (void)stream;
  NSTARX_TRY(const Answer answer, Receive(context));
  if (answer.opcode == Opcode::kError) return LoginError(answer.body);
  return {};
}

Result<std::unique_ptr<CqlClient>> CqlClient::Connect(const Context& context,
                                                      const LoginOptions& options) {
  const Context limited = context.WithTimeout(options.connect_timeout);
  net::ChannelOptions how;
  if (!options.client_certificate.empty()) {
    how.identity =
        net::ClientIdentity{.certificate = options.client_certificate, .key = &options.client_key};
  }
  auto channel = net::Channel::Open(limited, options.endpoint, options.ssl, how);
  if (!channel) return Named(std::move(channel).error(), "tcp");
  std::unique_ptr<CqlClient> client(new CqlClient(std::move(*channel)));
  if (Status status = client->LogIn(limited, options); !status) {
    return AtLogin(std::move(status).error());
  }
  if (Status status = client->LearnAboutNode(limited, options); !status) {
    return AtLogin(std::move(status).error());
  }
  return client;
}

}  // namespace nstarx::connectors::cassandra
