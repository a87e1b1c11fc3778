#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "adapter/frames.h"
#include "base/context.h"
#include "base/status.h"
#include "net/channel.h"

namespace nstarx::adapter {

/// A child process that runs one driver: this very program in another mode. What the driver does to
/// its process (crash, leak, signal handlers) stays there. Used by one thread at a time, except
/// SendCancel() and gone().
class HostProcess {
 public:
  /// Starts it, with nothing of our environment but paths and the locale.
  static Result<std::unique_ptr<HostProcess>> Start();
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;
  /// Hangs up, gives it a moment to leave by itself, then kills it.
  ~HostProcess();

  Status Send(const Context& context, Frame kind, std::string_view payload);
  /// adapter.crashed names how the process ended, when it has.
  Result<Message> Receive(const Context& context);
  /// After this nothing works any more.
  void Kill();
  bool gone() const { return gone_ || channel_->PeerGone(); }
  pid_t pid() const { return pid_; }

 private:
  HostProcess(pid_t pid, std::unique_ptr<net::Channel> channel)
      : pid_(pid), channel_(std::move(channel)) {}
  Error Crashed(Error lost);
  /// Waits at most so long; true when it has ended.
  bool Reap(std::chrono::milliseconds patience);

  const pid_t pid_;
  const std::unique_ptr<net::Channel> channel_;
  bool reaped_ = false;
  int exit_status_ = 0;
  std::atomic<bool> gone_ = false;
};

}  // namespace nstarx::adapter
