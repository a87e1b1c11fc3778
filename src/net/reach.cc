#include "net/reach.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

namespace nstarx::net {
namespace {

constexpr auto kPollSlice = std::chrono::milliseconds(100);

/// What the resolver thread leaves behind; shared because a caller whose deadline passes goes away
/// first.
struct Lookup {
  std::mutex mutex;
  std::condition_variable done_signal;
  bool done = false;
  int code = 0;
  std::vector<Address> addresses;
};

std::vector<Address> AddressesOf(const addrinfo* list) {
  std::vector<Address> out;
  for (const addrinfo* row = list; row != nullptr; row = row->ai_next) {
    char text[INET6_ADDRSTRLEN] = {};
    const void* raw =
        row->ai_family == AF_INET
            ? static_cast<const void*>(&reinterpret_cast<sockaddr_in*>(row->ai_addr)->sin_addr)
            : static_cast<const void*>(&reinterpret_cast<sockaddr_in6*>(row->ai_addr)->sin6_addr);
    if (inet_ntop(row->ai_family, raw, text, sizeof text) == nullptr) continue;
    out.push_back({.ip = text, .family = row->ai_family});
  }
  return out;
}

Error NotFoundHost(const std::string& host, int code) {
  return Unavailable("dns.not_found", fmt::format("the host name '{}' does not resolve: {}", host,
                                                  gai_strerror(code)))
      .WithStage("resolve")
      .WithAction(Action::kFixInput)
      .WithHint("Check the spelling of the host.")
      .WithHint(
          "If it is an internal name, the server's resolver or VPN must know it: try `getent "
          "hosts " +
          host + "` on the machine that runs nstarx.");
}

/// Waits until the socket is ready, the deadline passes or the caller stops. 1 ready, 0 deadline,
/// -1 stopped.
int WaitFor(const Context& context, int socket, short events) {
  while (true) {
    if (context.stop_requested()) return -1;
    const auto left = context.remaining();
    if (left.count() == 0) return 0;
    pollfd row{.fd = socket, .events = events, .revents = 0};
    const int ready = poll(&row, 1, static_cast<int>(std::min(left, kPollSlice).count()));
    if (ready > 0) return 1;
  }
}

Error Refused(const std::string& ip, int port) {
  return Unavailable("tcp.refused", fmt::format("{} port {} refused the connection", ip, port))
      .WithStage("tcp")
      .WithAction(Action::kFixInput)
      .WithHint("Check the port: the host is up, but nothing listens there.")
      .WithHint(
          "Check that the system runs and listens on this address, not only on its own loopback.");
}

Error TimedOut(const std::string& ip, int port) {
  return Unavailable("tcp.timeout",
                     fmt::format("no answer from {} port {} before the deadline", ip, port))
      .WithStage("tcp")
      .WithHint(
          "A firewall or security group probably drops the packets: allow this server's address.")
      .WithHint("Check that the address is reachable from here (routing, VPN, private network).");
}

Error Unreachable(const std::string& ip, int port, int code) {
  return Unavailable("tcp.unreachable",
                     fmt::format("{} port {}: {}", ip, port, std::strerror(code)))
      .WithStage("tcp")
      .WithHint("There is no route to that address from here: check the network, VPN and address.");
}

/// One attempt; closes the socket itself on failure.
Result<int> ConnectOne(const Context& context, const Address& address, int port) {
  const int socket = ::socket(address.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return Unreachable(address.ip, port, errno);
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_storage storage{};
  socklen_t length = 0;
  if (address.family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(&storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, address.ip.c_str(), &in->sin_addr);
    length = sizeof *in;
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(&storage);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET6, address.ip.c_str(), &in->sin6_addr);
    length = sizeof *in;
  }
  int failure = 0;
  if (connect(socket, reinterpret_cast<sockaddr*>(&storage), length) != 0) {
    failure = errno;
    if (failure == EINPROGRESS) {
      const int ready = WaitFor(context, socket, POLLOUT);
      if (ready <= 0) {
        ::close(socket);
        if (ready < 0) return Cancelled("the caller went away");
        return TimedOut(address.ip, port);
      }
      socklen_t size = sizeof failure;
      getsockopt(socket, SOL_SOCKET, SO_ERROR, &failure, &size);
    }
  }
  if (failure == 0) return socket;
  ::close(socket);
  if (failure == ECONNREFUSED) return Refused(address.ip, port);
  if (failure == ETIMEDOUT) return TimedOut(address.ip, port);
  return Unreachable(address.ip, port, failure);
}

}  // namespace

Result<std::vector<Address>> Resolve(const Context& context, const std::string& host) {
  if (host.empty() || host.size() > 253) return NotFoundHost(host.substr(0, 253), EAI_NONAME);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* numeric = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &numeric) == 0) {
    auto out = AddressesOf(numeric);
    freeaddrinfo(numeric);
    return out;
  }
  auto lookup = std::make_shared<Lookup>();
  // getaddrinfo can't be interrupted: the thread owns its share of `lookup` and ends by itself, at
  // the resolver's own time limit at the latest. This is the one place that lets a thread go.
  std::thread([lookup, host] {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int code = getaddrinfo(host.c_str(), nullptr, &wanted, &list);
    const std::lock_guard lock(lookup->mutex);
    lookup->code = code;
    if (code == 0) lookup->addresses = AddressesOf(list);
    if (list != nullptr) freeaddrinfo(list);
    lookup->done = true;
    lookup->done_signal.notify_all();
  }).detach();
  std::unique_lock lock(lookup->mutex);
  while (!lookup->done) {
    if (context.stop_requested()) return Cancelled("the caller went away");
    const auto left = context.remaining();
    if (left.count() == 0) {
      return Unavailable("dns.timeout",
                         fmt::format("no answer from the resolver about '{}' in time", host))
          .WithStage("resolve")
          .WithHint(
              "The server's DNS resolver does not answer: check /etc/resolv.conf and the network.");
    }
    lookup->done_signal.wait_for(lock, std::min(left, kPollSlice));
  }
  if (lookup->code != 0 || lookup->addresses.empty()) return NotFoundHost(host, lookup->code);
  return lookup->addresses;
}

Result<int> ConnectTcp(const Context& context, const std::vector<Address>& addresses, int port) {
  if (addresses.empty()) return Unreachable("(no address)", port, EHOSTUNREACH);
  std::optional<Error> last;
  for (size_t i = 0; i < addresses.size(); ++i) {
    // Each address gets a fair share of what is left, so that a dead first one leaves time for the
    // next.
    const auto share = context.remaining() / static_cast<int64_t>(addresses.size() - i);
    auto socket = ConnectOne(context.WithTimeout(share), addresses[i], port);
    if (socket) return socket;
    last = socket.error();
    if (context.stop_requested()) break;
  }
  return *std::move(last);
}

Status SendAll(const Context& context, int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return Unavailable("connection.lost", std::strerror(errno));
    const int ready = WaitFor(context, socket, POLLOUT);
    if (ready < 0) return Cancelled("the caller went away");
    if (ready == 0) return DeadlineExceeded("query.timeout", "sending did not finish in time");
  }
  return {};
}

Result<std::string> ReceiveExactly(const Context& context, int socket, size_t count) {
  std::string out(count, '\0');
  size_t have = 0;
  while (have < count) {
    const ssize_t got = ::recv(socket, out.data() + have, count - have, 0);
    if (got > 0) {
      have += static_cast<size_t>(got);
      continue;
    }
    if (got == 0) return Unavailable("connection.lost", "the server closed the connection");
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Unavailable("connection.lost", std::strerror(errno));
    const int ready = WaitFor(context, socket, POLLIN);
    if (ready < 0) return Cancelled("the caller went away");
    if (ready == 0) return DeadlineExceeded("query.timeout", "nothing was received in time");
  }
  return out;
}

Error Diagnose(const Context& context, const model::Endpoint& endpoint, const model::Ssl& ssl,
               bool uses_tls, const connector::TlsPreface& preface, Error otherwise) {
  auto addresses = Resolve(context, endpoint.host);
  if (!addresses) return addresses.error();
  auto socket = ConnectTcp(context, *addresses, endpoint.port);
  if (!socket) return socket.error();
  ::close(*socket);
  if (uses_tls) {
    auto tls = ProbeTls(context, endpoint, ssl, preface);
    if (!tls) return tls.error();
  }
  return otherwise;
}

Result<PemFile> PemFile::Write(std::string_view pem) {
  const char* directory = std::getenv("TMPDIR");
  std::string path = std::string(directory != nullptr ? directory : "/tmp") + "/nstarx-pem-XXXXXX";
  const int file = mkostemp(path.data(), O_CLOEXEC);  // Mode 0600.
  if (file < 0)
    return Internal(fmt::format("can't make a temporary file: {}", std::strerror(errno)));
  PemFile out(path);
  while (!pem.empty()) {
    const ssize_t wrote = ::write(file, pem.data(), pem.size());
    if (wrote <= 0) {
      ::close(file);
      return Internal(fmt::format("can't write a temporary file: {}", std::strerror(errno)));
    }
    pem.remove_prefix(static_cast<size_t>(wrote));
  }
  ::close(file);
  return out;
}

PemFile::PemFile(PemFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
PemFile& PemFile::operator=(PemFile&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}
PemFile::~PemFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace nstarx::net
