#pragma once

#include <chrono>
#include <stop_token>

#include "http/message.h"

namespace nstarx::http {

/// What the server serves: the routes as one object. Thread-safe.
class Application {
 public:
  virtual ~Application() = default;

  /// Called on an I/O thread as soon as the head is there: fills the request's route and says how
  /// to take the body. Must not block.
  virtual BodyPlan Plan(Request& request) = 0;
  /// Called on a worker; may block. `stop` fires when the client has gone or the server stops.
  virtual Response Answer(Request& request, std::stop_token stop) = 0;
  /// An error before or after Answer as this application's document: a refused body, no worker
  /// free, a stream that failed before its first byte. Must not block.
  virtual Response Refuse(const Request& request, const Error& error) = 0;
  /// Called once a request is answered, on any thread: metrics and log. Must not block.
  virtual void Finished(const Request& request, int status, std::chrono::nanoseconds took) = 0;
};

}  // namespace nstarx::http
