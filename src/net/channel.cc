#include "net/channel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/tls_client.h"
#include "net/waker.h"

namespace nstarx::net {

Error ConnectionLost(std::string_view why) {
  return Unavailable("connection.lost",
                     fmt::format("the connection to the server is gone: {}", why))
      .WithStage("query")
      .WithAction(Action::kRetry);
}

Result<short> Await(const Context& context, int socket, short events, const Waker& waker) {
  const std::stop_callback on_stop(context.stop_token(), [&waker] { waker.Wake(); });
  for (;;) {
    if (auto status = context.Check(); !status) {
      waker.Clear();
      return status.error();
    }
    pollfd fds[2] = {{socket, events, 0}, {waker.fd(), POLLIN, 0}};
    const auto left = context.remaining().count() + 1;
    const int ready = poll(fds, 2, static_cast<int>(std::min<int64_t>(left, 3'600'000)));
    if (ready < 0 && errno != EINTR) return ConnectionLost(std::strerror(errno));
    if (ready > 0 && fds[0].revents != 0) return fds[0].revents;
    if (ready > 0 && fds[1].revents != 0) waker.Clear();
  }
}

Status Channel::ReadExactly(const Context& context, std::span<char> into) {
  while (!into.empty()) {
    NSTARX_TRY(const size_t got, Read(context, into));
    if (got == 0) return ConnectionLost("the server closed it");
    into = into.subspan(got);
  }
  return {};
}

namespace {

/// Closes its socket.
class OwnedSocket {
 public:
  explicit OwnedSocket(int socket) : socket_(socket) {}
  OwnedSocket(OwnedSocket&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  OwnedSocket& operator=(OwnedSocket&&) = delete;
  ~OwnedSocket() {
    if (socket_ >= 0) ::close(socket_);
  }
  operator int() const { return socket_; }

 private:
  int socket_;
};

class SocketChannel : public Channel {
 public:
  explicit SocketChannel(OwnedSocket socket) : socket_(std::move(socket)) {}

  Result<size_t> Read(const Context& context, std::span<char> into) override {
    for (;;) {
      const ssize_t got = ::recv(socket_, into.data(), into.size(), 0);
      if (got >= 0) return static_cast<size_t>(got);
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return ConnectionLost(std::strerror(errno));
      NSTARX_RETURN_IF_ERROR(Await(context, socket_, POLLIN, waker_));
    }
  }

  Status Write(const Context& context, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<size_t>(sent));
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return ConnectionLost(std::strerror(errno));
      NSTARX_RETURN_IF_ERROR(Await(context, socket_, POLLOUT, waker_));
    }
    return {};
  }

  bool PeerGone() const override {
    char first = 0;
    const ssize_t got = ::recv(socket_, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  }

  const TlsFacts* tls() const override { return nullptr; }

 protected:
  int socket() const { return socket_; }
  const Waker& waker() const { return waker_; }

 private:
  const OwnedSocket socket_;
  const Waker waker_;
};

class TlsChannel final : public SocketChannel {
 public:
  TlsChannel(OwnedSocket socket, SslHandle tls)
      : SocketChannel(std::move(socket)), tls_(std::move(tls)), facts_(FactsOf(tls_.get())) {
    SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }

  Result<size_t> Read(const Context& context, std::span<char> into) override {
    for (;;) {
      size_t got = 0;
      ERR_clear_error();  // SSL_get_error also reads what other connections left on the thread.
      if (SSL_read_ex(tls_.get(), into.data(), into.size(), &got) == 1) return got;
      const int reason = SSL_get_error(tls_.get(), 0);
      if (reason == SSL_ERROR_ZERO_RETURN) return size_t{0};
      NSTARX_RETURN_IF_ERROR(Wait(context, reason));
    }
  }

  Status Write(const Context& context, std::string_view bytes) override {
    while (!bytes.empty()) {
      size_t sent = 0;
      ERR_clear_error();
      if (SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &sent) == 1) {
        bytes.remove_prefix(sent);
        continue;
      }
      NSTARX_RETURN_IF_ERROR(Wait(context, SSL_get_error(tls_.get(), 0)));
    }
    return {};
  }

  bool PeerGone() const override {
    // TLS 1.3 tickets come unasked; reading is what tells them from a farewell.
    char first = 0;
    size_t got = 0;
    ERR_clear_error();
    if (SSL_peek_ex(tls_.get(), &first, 1, &got) == 1) return true;
    const int reason = SSL_get_error(tls_.get(), 0);
    return reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE;
  }

  const TlsFacts* tls() const override { return &facts_; }

 private:
  Status Wait(const Context& context, int reason) const {
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
      const short events = reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
      NSTARX_RETURN_IF_ERROR(Await(context, socket(), events, waker()));
      return {};
    }
    if (reason == SSL_ERROR_ZERO_RETURN) return ConnectionLost("the server closed it");
    const unsigned long code = ERR_peek_last_error();
    if (code == 0) return ConnectionLost("the server closed it without a TLS farewell");
    char text[256];
    ERR_error_string_n(code, text, sizeof text);
    return ConnectionLost(text);
  }

  const SslHandle tls_;
  const TlsFacts facts_;
};

}  // namespace

std::unique_ptr<Channel> Channel::Adopt(int socket) {
  const int flags = ::fcntl(socket, F_GETFL);
  ::fcntl(socket, F_SETFL, flags | O_NONBLOCK);
  return std::make_unique<SocketChannel>(OwnedSocket(socket));
}

Result<std::unique_ptr<Channel>> Channel::Open(const Context& context,
                                               const model::Endpoint& endpoint,
                                               const model::Ssl& ssl,
                                               const ChannelOptions& options) {
  NSTARX_TRY(const auto addresses, Resolve(context, endpoint.host));
  NSTARX_TRY(const int connected, ConnectTcp(context, addresses, endpoint.port));
  OwnedSocket socket(connected);
  if (!ssl.enabled) return std::make_unique<SocketChannel>(std::move(socket));
  if (options.preface) NSTARX_RETURN_IF_ERROR(options.preface(socket, context));
  const ClientIdentity* identity = options.identity ? &*options.identity : nullptr;
  NSTARX_TRY(SslHandle tls, ConnectTls(context, socket, endpoint, ssl, identity));
  return std::make_unique<TlsChannel>(std::move(socket), std::move(tls));
}

}  // namespace nstarx::net
