#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/application.h"
#include "http/body_channel.h"
#include "http/server.h"
#include "http/transport.h"
#include "http/worker_pool.h"

namespace nstarx::http {

class Connection;

/// A flag that one coroutine waits for. Used on one I/O thread only.
class Event {
 public:
  void Set();
  void Reset() { set_ = false; }
  bool is_set() const { return set_; }
  asio::awaitable<void> Wait();

 private:
  bool set_ = false;
  std::move_only_function<void()> waiter_;
};

/// Buffers still to be written, in order.
class Gather {
 public:
  void Add(std::string_view bytes) {
    if (!bytes.empty()) parts_.emplace_back(bytes.data(), bytes.size());
  }
  bool empty() const { return first_ == parts_.size(); }
  std::span<const asio::const_buffer> front(size_t count) const {
    return std::span(parts_).subspan(first_, std::min(count, parts_.size() - first_));
  }
  void Consume(size_t bytes);
  void Clear() {
    parts_.clear();
    first_ = 0;
  }

 private:
  std::vector<asio::const_buffer> parts_;
  size_t first_ = 0;
};

/// What all connections of a server share. Outlives them.
struct Core {
  Core(ServerOptions options_in, Application& application_in)
      : options(std::move(options_in)),
        application(application_in),
        workers(options.worker_threads, options.worker_queue),
        stoppers(kStoppers, 0) {}

  ServerOptions options;
  Application& application;
  static constexpr size_t kStoppers = 8;
  WorkerPool workers;
  WorkerPool stoppers;  ///< tell requests to stop: who listens may take a second to cancel
  std::atomic<bool> stopping = false;
  std::mutex lock;
  std::condition_variable all_gone;
  /// The open ones, for the watch; a connection leaves before it closes its socket.
  std::unordered_map<Connection*, std::weak_ptr<Connection>> open NSTARX_GUARDED_BY(lock);
};

/// One client's connection: reads a request, has it answered, writes the answer, again. All on one
/// I/O thread, but for what the watch calls.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Core& core, std::unique_ptr<Transport> transport);

  /// The connection's whole life.
  asio::awaitable<void> Serve();

  // For the watch, on its thread, under core.lock.
  using Nanoseconds = int64_t;
  static Nanoseconds Now();
  /// Ends a read or write that is past its deadline.
  void ExpireIfLate(Nanoseconds now);
  /// Running an answer since before `since`.
  bool BusySince(Nanoseconds since) const;
  bool idle() const { return phase_.load() == Phase::kIdle; }
  int socket_handle() const { return handle_; }
  /// Tells the present request to stop, on a thread of its own; once a request.
  void StopRequest();
  void CloseNow();

 private:
  enum class Phase { kIdle, kReading, kRunning, kWriting };
  enum class Next { kGoOn, kClose, kLinger, kAbort };
  using BodySink = std::function<void(std::string_view)>;
  struct Exchange;

  asio::awaitable<void> ServeRequests();
  asio::awaitable<bool> ReadHead(size_t& head_size);
  asio::awaitable<Next> Handle(size_t head_size);
  asio::awaitable<bool> ReadWholeBody(Exchange& exchange);
  asio::awaitable<void> FeedBody(Exchange& exchange);
  /// Reads more of the body and parses it; false when the client has gone or sent nonsense.
  asio::awaitable<bool> PullBody(Exchange& exchange, size_t limit, const BodySink& sink);
  asio::awaitable<void> Release(Exchange& exchange, bool written);
  void KeepPipelined();
  asio::awaitable<void> Run(Exchange& exchange);
  void RunOnWorker(Exchange& exchange);
  asio::awaitable<bool> Stream(Exchange& exchange);
  asio::awaitable<bool> WriteAll(Gather& gather);
  asio::awaitable<void> RefuseEarly(const Error& error);
  asio::awaitable<void> Linger();
  void SendDirectly(Gather& gather) const;
  std::string HeadOf(const Exchange& exchange, bool chunked, std::optional<int64_t> length) const;
  void EnterPhase(Phase phase, std::chrono::milliseconds limit);

  Core& core_;
  std::unique_ptr<Transport> transport_;
  const int handle_;
  std::string remote_address_;
  bool loopback_ = false;
  std::string input_;           ///< head of the request, and what came with it
  size_t filled_ = 0;           ///< bytes of `input_` that were read
  std::vector<char> body_raw_;  ///< body bytes that came after the head
  size_t body_filled_ = 0;
  std::atomic<Phase> phase_ = Phase::kIdle;
  std::atomic<Nanoseconds> deadline_ = 0;    ///< of the present read or write; 0: none
  std::atomic<Nanoseconds> busy_since_ = 0;  ///< 0: no answer is being made
  std::atomic<bool> expired_ = false;
  std::mutex stop_lock_;
  std::stop_source stop_ NSTARX_GUARDED_BY(stop_lock_);
  bool stop_sent_ NSTARX_GUARDED_BY(stop_lock_) = true;
};

}  // namespace nstarx::http
