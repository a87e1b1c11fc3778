#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"

namespace nstarx::http {

class Application;
struct Services;

/// Limits of the edge. Every one is a bound on what a hostile or slow client can hold.
struct ServerOptions {
  std::string address = "127.0.0.1";  ///< IP address or `localhost`
  int port = 8480;                    ///< 0: any free one
  std::string tls_certificate_file;   ///< PEM chain; with it the server speaks TLS only
  std::string tls_key_file;
  bool allow_plain_remote = false;  ///< a non-loopback address without TLS is refused otherwise
  size_t io_threads = 1;
  size_t worker_threads = 64;
  size_t worker_queue = 1024;
  size_t connections_max = 4096;
  size_t header_bytes_max = 32 * 1024;
  size_t target_bytes_max = 16 * 1024;
  std::chrono::milliseconds header_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(75);
  /// Longest silence of a sender in mid-body.
  std::chrono::milliseconds body_timeout = std::chrono::seconds(30);
  /// Longest time that a reader takes nothing of an answer before it counts as gone.
  std::chrono::milliseconds write_timeout = std::chrono::minutes(5);
};

/// An asynchronous HTTP/1.1 server: a few I/O threads run the connections as coroutines, handlers
/// run on a bounded pool of workers. Streams are pulled at the reader's pace, one chunk ahead; a
/// client that hangs up stops its request. Thread-safe.
class Server {
 public:
  /// Listens and serves until Stop or destruction. `application` must outlive the server.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, Application& application);
  /// The same with the REST interface over these rooms, which must outlive the server.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, const Services& services);
  virtual ~Server() = default;

  virtual int port() const = 0;
  /// "http://127.0.0.1:8480"
  virtual std::string url() const = 0;
  /// Accepts no more, lets running requests finish for at most `grace`, stops the rest and returns
  /// when all have ended. Further calls do nothing.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace nstarx::http
