#include "connectors/mongodb/mongodb_wire.h"

#include <mongoc/mongoc.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "net/channel.h"

namespace nstarx::connectors::mongodb {
namespace {

using std::chrono::milliseconds;

/// Beside the driver's own kinds of stream.
constexpr int kStreamType = 1000;
/// How long a read may take for which the driver wants to wait no time at all: it asks again.
constexpr milliseconds kGlance{20};

struct WireStream {
  mongoc_stream_t driver = {};  ///< first: the driver's pointer is this object's
  Wire* wire = nullptr;
  std::unique_ptr<net::Channel> channel;
  bool timed_out = false;
  bool again = false;
};

WireStream* Of(mongoc_stream_t* stream) { return reinterpret_cast<WireStream*>(stream); }

void Destroy(mongoc_stream_t* stream) {
  WireStream* own = Of(stream);
  if (own->wire->driver_stream() == own) own->wire->set_driver_stream(nullptr);
  delete own;
}

int Close(mongoc_stream_t* stream) {
  Of(stream)->channel.reset();
  return 0;
}

int Flush(mongoc_stream_t* /*stream*/) { return 0; }

/// -1 with errno; the wire keeps our own error unless the driver will ask again.
ssize_t Failed(WireStream* stream, Error error, int32_t timeout_ms) {
  const Context& context = stream->wire->context();
  const bool own_end = context.expired() || context.stop_requested();
  stream->again = false;
  stream->timed_out = error.kind() == ErrorKind::kDeadlineExceeded;
  if (stream->timed_out && timeout_ms == 0 && !own_end) {
    stream->again = true;
    errno = EAGAIN;
    return -1;
  }
  errno = stream->timed_out ? ETIMEDOUT : ECONNRESET;
  stream->wire->Note(std::move(error));
  return -1;
}

Context Limited(const WireStream& stream, int32_t timeout_ms) {
  if (timeout_ms < 0) return stream.wire->context();
  return stream.wire->context().WithTimeout(timeout_ms == 0 ? kGlance : milliseconds(timeout_ms));
}

Error Closed() {
  return Unavailable("connection.lost", "the connection to the server is gone: it was closed")
      .WithStage("query");
}

ssize_t Write(mongoc_stream_t* stream, mongoc_iovec_t* parts, size_t count, int32_t timeout_ms) {
  WireStream* own = Of(stream);
  if (own->channel == nullptr) return Failed(own, Closed(), timeout_ms);
  // A frame that is only half sent can't be asked for again, so a write is never hurried.
  const Context context = Limited(*own, timeout_ms == 0 ? -1 : timeout_ms);
  ssize_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    const std::string_view bytes(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    if (Status sent = own->channel->Write(context, bytes); !sent) {
      return Failed(own, std::move(sent).error(), -1);
    }
    total += static_cast<ssize_t>(bytes.size());
  }
  return total;
}

ssize_t Read(mongoc_stream_t* stream, mongoc_iovec_t* parts, size_t count, size_t least,
             int32_t timeout_ms) {
  WireStream* own = Of(stream);
  if (own->channel == nullptr) return Failed(own, Closed(), timeout_ms);
  const Context context = Limited(*own, timeout_ms);
  size_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    std::span<char> into(static_cast<char*>(parts[i].iov_base), parts[i].iov_len);
    while (!into.empty()) {
      if (total > 0 && total >= least) return static_cast<ssize_t>(total);
      auto got = own->channel->Read(context, into);
      if (!got) return Failed(own, std::move(got).error(), total == 0 ? timeout_ms : -1);
      if (*got == 0) return Failed(own, Closed(), -1);
      total += *got;
      into = into.subspan(*got);
    }
  }
  return static_cast<ssize_t>(total);
}

int SetOption(mongoc_stream_t* /*stream*/, int /*level*/, int /*name*/, void* /*value*/,
              mongoc_socklen_t /*length*/) {
  return 0;
}

bool IsClosed(mongoc_stream_t* stream) {
  const auto& channel = Of(stream)->channel;
  return channel == nullptr || channel->PeerGone();
}

/// All are ready: Read() itself waits for a moment.
ssize_t Poll(mongoc_stream_poll_t* streams, size_t count, int32_t /*timeout_ms*/) {
  for (size_t i = 0; i < count; ++i) streams[i].revents = streams[i].events;
  return static_cast<ssize_t>(count);
}

bool TimedOut(mongoc_stream_t* stream) { return Of(stream)->timed_out; }
bool ShouldRetry(mongoc_stream_t* stream) { return Of(stream)->again; }

mongoc_stream_t* Start(const mongoc_uri_t* /*uri*/, const mongoc_host_list_t* host, void* data,
                       bson_error_t* error) {
  auto* wire = static_cast<Wire*>(data);
  net::ChannelOptions options;
  if (const auto* identity = wire->identity()) options.identity = *identity;
  const model::Endpoint endpoint{.host = host->host, .port = host->port};
  auto channel = net::Channel::Open(wire->context().WithTimeout(wire->connect_timeout()), endpoint,
                                    wire->ssl(), options);
  if (!channel) {
    bson_set_error(error, MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_CONNECT, "%s",
                   channel.error().message().c_str());
    wire->Note(std::move(channel).error());
    return nullptr;
  }
  wire->NoteTls((*channel)->tls());
  auto* stream = new WireStream;
  stream->wire = wire;
  stream->channel = std::move(*channel);
  stream->driver.type = kStreamType;
  stream->driver.destroy = Destroy;
  stream->driver.close = Close;
  stream->driver.flush = Flush;
  stream->driver.writev = Write;
  stream->driver.readv = Read;
  stream->driver.setsockopt = SetOption;
  stream->driver.check_closed = IsClosed;
  stream->driver.poll = Poll;
  stream->driver.failed = Destroy;
  stream->driver.timed_out = TimedOut;
  stream->driver.should_retry = ShouldRetry;
  wire->set_driver_stream(stream);
  return &stream->driver;
}

}  // namespace

void Wire::Serve(mongoc_client_t* client) {
  mongoc_client_set_stream_initiator(client, Start, this);
}

void Wire::set_client_certificate(std::string certificate, Secret key) {
  key_ = std::move(key);
  identity_ = net::ClientIdentity{.certificate = std::move(certificate), .key = &key_};
}

void Wire::NoteTls(const net::TlsFacts* facts) {
  if (facts != nullptr) tls_ = *facts;
}

bool Wire::PeerGone() const {
  const auto* stream = static_cast<const WireStream*>(stream_);
  return stream != nullptr && (stream->channel == nullptr || stream->channel->PeerGone());
}

}  // namespace nstarx::connectors::mongodb
