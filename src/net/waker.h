#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stop_token>

#include "base/context.h"
#include "base/status.h"

namespace nstarx::net {

/// Wakes a poll() when the context is stopped.
class Waker {
 public:
  Waker() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;
  ~Waker() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  void Wake() const {
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = write(fd_, &one, sizeof(one));
  }
  void Clear() const {
    uint64_t count = 0;
    [[maybe_unused]] ssize_t got = read(fd_, &count, sizeof(count));
  }

 private:
  int fd_;
};

/// connection.lost, of an established connection.
Error ConnectionLost(std::string_view why);

/// Waits for poll() `events` on `socket` until the context ends (query.timeout, query.cancelled).
/// Returns the events that came.
Result<short> Await(const Context& context, int socket, short events, const Waker& waker);

}  // namespace nstarx::net
