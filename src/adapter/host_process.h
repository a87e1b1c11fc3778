#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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
  /// The same with another program, which finds the socket as its standard input, and `file` as
  /// descriptor kHostSocket.
  static Result<std::unique_ptr<HostProcess>> StartProgram(const std::string& program,
                                                           std::vector<std::string> arguments,
                                                           int file);
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
  /// The code with which the process has left by itself; -1 else.
  int exit_code() const;

 private:
  static Result<std::unique_ptr<HostProcess>> Spawn(const std::string& program,
                                                    std::vector<std::string> arguments, int file);
  HostProcess(pid_t pid, std::unique_ptr<net::Channel> channel)
      : pid_(pid), channel_(std::move(channel)) {}
  Error Crashed(const Error& lost);
  /// Waits at most so long; true when it has ended.
  bool Reap(std::chrono::milliseconds patience);

  const pid_t pid_;
  const std::unique_ptr<net::Channel> channel_;
  bool reaped_ = false;
  int exit_status_ = 0;
  std::atomic<bool> gone_ = false;
};

}  // namespace nstarx::adapter
