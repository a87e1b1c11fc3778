#include "http/server.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "base/log.h"
#include "http/connection.h"
#include "http/services.h"

namespace nstarx::http {
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kWatchStep = std::chrono::milliseconds(50);
constexpr auto kStopGrace = std::chrono::seconds(3);

/// One I/O thread with its event loop.
struct Loop {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread;
};

class AsioServer final : public Server {
 public:
  AsioServer(ServerOptions options, Application& application)
      : core_(std::move(options), application) {}
  AsioServer(ServerOptions options, std::unique_ptr<Application> application)
      : owned_(std::move(application)), core_(std::move(options), *owned_) {}
  ~AsioServer() override { Stop(std::chrono::milliseconds(0)); }

  Status Listen();
  int port() const override { return port_; }
  std::string url() const override {
    const auto address = endpoint_.address();
    return fmt::format("{}://{}:{}", tls_ ? "https" : "http",
                       address.is_v6() ? "[" + address.to_string() + "]" : address.to_string(),
                       port_);
  }
  void Stop(std::chrono::milliseconds grace) override;

 private:
  asio::awaitable<void> Accept();
  void Adopt(Tcp::socket socket, Loop& loop);
  void Watch();
  bool WaitUntilEmpty(std::chrono::milliseconds limit);
  void StopAll();

  std::unique_ptr<Application> owned_;
  Core core_;
  std::unique_ptr<TlsIdentity> tls_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::unique_ptr<Tcp::acceptor> acceptor_;
  Tcp::endpoint endpoint_;
  int port_ = 0;
  size_t next_loop_ = 0;
  std::thread watch_;
  std::mutex watch_lock_;
  std::condition_variable watch_wake_;
  bool watch_ends_ NSTARX_GUARDED_BY(watch_lock_) = false;
  std::once_flag stopped_;
};

Status AsioServer::Listen() {
  const ServerOptions& options = core_.options;
  boost::system::error_code error;
  const std::string host = options.address == "localhost" ? "127.0.0.1" : options.address;
  const auto address = asio::ip::make_address(host, error);
  if (error || options.port < 0 || options.port > 65535) {
    return InvalidArgument("server.bad_address", fmt::format("'{}:{}' is no address to listen on",
                                                             options.address, options.port))
        .WithHint("Give an IP address and a port, e.g. 127.0.0.1:8480 or [::1]:8480.");
  }
  if (!options.tls_certificate_file.empty()) {
    NSTARX_TRY(tls_, TlsIdentity::Load(options.tls_certificate_file, options.tls_key_file));
  } else if (!address.is_loopback() && !options.allow_plain_remote) {
    return InvalidArgument("server.tls_required",
                           fmt::format("{} is no loopback address: it needs TLS", options.address))
        .WithHint("Give a certificate and its key, or listen on 127.0.0.1.");
  }
  for (size_t i = 0; i < std::max<size_t>(1, options.io_threads); ++i) {
    loops_.push_back(std::make_unique<Loop>());
  }
  endpoint_ = Tcp::endpoint(address, static_cast<uint16_t>(options.port));
  acceptor_ = std::make_unique<Tcp::acceptor>(loops_.front()->context);
  acceptor_->open(endpoint_.protocol(), error);
  if (!error) acceptor_->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_->bind(endpoint_, error);
  if (!error) acceptor_->listen(1024, error);
  if (error) {
    return Unavailable("server.cannot_listen",
                       fmt::format("cannot listen on {}:{}: {}", options.address, options.port,
                                   error.message()))
        .WithHint("Is another server running on that port? Port 0 picks a free one.");
  }
  port_ = acceptor_->local_endpoint().port();
  asio::co_spawn(loops_.front()->context, Accept(), asio::detached);
  for (auto& loop : loops_) {
    loop->thread = std::thread([&context = loop->context] { context.run(); });
    pthread_setname_np(loop->thread.native_handle(), "http-io");
  }
  watch_ = std::thread([this] { Watch(); });
  pthread_setname_np(watch_.native_handle(), "http-watch");
  return {};
}

asio::awaitable<void> AsioServer::Accept() {
  while (!core_.stopping) {
    Loop& loop = *loops_[next_loop_++ % loops_.size()];
    auto [error, socket] = co_await acceptor_->async_accept(loop.context, kAwait);
    if (core_.stopping) co_return;
    if (error) {  // Most likely no file descriptors: let some close.
      asio::steady_timer pause(loops_.front()->context, kWatchStep);
      co_await pause.async_wait(kAwait);
      continue;
    }
    Adopt(std::move(socket), loop);
  }
}

void AsioServer::Adopt(Tcp::socket socket, Loop& loop) {
  boost::system::error_code ignored;
  socket.set_option(Tcp::no_delay(true), ignored);
  auto transport = tls_ ? tls_->Wrap(std::move(socket)) : PlainTransport(std::move(socket));
  auto connection = std::make_shared<Connection>(core_, std::move(transport));
  {
    std::lock_guard guard(core_.lock);
    if (core_.stopping || core_.open.size() >= core_.options.connections_max) return;  // Closes.
    core_.open.emplace(connection.get(), connection);
  }
  asio::co_spawn(
      loop.context, [connection]() -> asio::awaitable<void> { co_await connection->Serve(); },
      asio::detached);
}

// Ends late reads and writes, and stops the requests of clients that have hung up. One thread and
// one poll(2) for all connections, so that a request costs nothing for it.
void AsioServer::Watch() {
  std::vector<std::shared_ptr<Connection>> busy;
  std::vector<pollfd> handles;
  std::unique_lock waiting(watch_lock_);
  while (!watch_wake_.wait_for(waiting, kWatchStep, [this] { return watch_ends_; })) {
    waiting.unlock();
    const int64_t now = Connection::Now();
    const int64_t since =
        now - std::chrono::duration_cast<std::chrono::nanoseconds>(kWatchStep).count();
    {
      std::lock_guard guard(core_.lock);
      for (auto& [connection, handle] : core_.open) {
        connection->ExpireIfLate(now);
        if (connection->BusySince(since)) {
          busy.push_back(handle.lock());
          handles.push_back({connection->socket_handle(), POLLRDHUP, 0});
        } else if (core_.stopping && connection->idle()) {
          connection->CloseNow();
        }
      }
      if (!handles.empty() && ::poll(handles.data(), handles.size(), 0) > 0) {
        for (size_t i = 0; i < handles.size(); ++i) {
          if ((handles[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0 && busy[i]) {
            busy[i]->StopRequest();
          }
        }
      }
    }
    busy.clear();
    handles.clear();
    waiting.lock();
  }
}

bool AsioServer::WaitUntilEmpty(std::chrono::milliseconds limit) {
  std::unique_lock lock(core_.lock);
  return core_.all_gone.wait_for(lock, limit, [this] { return core_.open.empty(); });
}

void AsioServer::StopAll() {
  std::lock_guard guard(core_.lock);
  for (auto& [connection, handle] : core_.open) connection->StopRequest();
}

void AsioServer::Stop(std::chrono::milliseconds grace) {
  std::call_once(stopped_, [&] {
    core_.stopping = true;
    if (!watch_.joinable()) return;  // It never listened.
    asio::post(loops_.front()->context, [this] {
      boost::system::error_code ignored;
      acceptor_->close(ignored);
    });
    if (!WaitUntilEmpty(std::max(grace, 2 * std::chrono::milliseconds(kWatchStep)))) {
      StopAll();
      if (!WaitUntilEmpty(kStopGrace)) {
        std::lock_guard guard(core_.lock);
        NSTARX_LOG(kWarning, "connections_cut", {{"count", core_.open.size()}});
        for (auto& [connection, handle] : core_.open) connection->CloseNow();
      }
      // A worker that is still busy refers to its connection: it ends when its system answers.
      while (!WaitUntilEmpty(std::chrono::seconds(10))) {
        NSTARX_LOG(kWarning, "waiting_for_requests", {});
      }
    }
    {
      std::lock_guard guard(watch_lock_);
      watch_ends_ = true;
    }
    watch_wake_.notify_all();
    watch_.join();
    for (auto& loop : loops_) {
      loop->work.reset();
      asio::post(loop->context, [&context = loop->context] { context.stop(); });
      loop->thread.join();
    }
  });
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, Application& application) {
  auto server = std::make_unique<AsioServer>(std::move(options), application);
  NSTARX_RETURN_IF_ERROR(server->Listen());
  return std::unique_ptr<Server>(std::move(server));
}

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, const Services& services) {
  auto server = std::make_unique<AsioServer>(std::move(options), MakeApi(services));
  NSTARX_RETURN_IF_ERROR(server->Listen());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace nstarx::http
