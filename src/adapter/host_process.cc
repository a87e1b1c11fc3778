#include "adapter/host_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "adapter/host_main.h"

namespace nstarx::adapter {
namespace {

constexpr std::chrono::milliseconds kLeaveGrace{300};
constexpr std::chrono::milliseconds kReapStep{5};

/// What a driver may need of our environment: never secrets or settings of ours.
std::vector<std::string> ChildEnvironment() {
  std::vector<std::string> out;
  for (const char* name : {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH",
                           "SSL_CERT_FILE", "SSL_CERT_DIR", "ADBC_DRIVER_PATH"}) {
    if (const char* value = std::getenv(name); value != nullptr) {
      out.push_back(std::string(name) + "=" + value);
    }
  }
  // Others reserve address space, which the memory cap counts.
  out.emplace_back("ARROW_DEFAULT_MEMORY_POOL=system");
  return out;
}

Error StartFailed(int code) {
  return Unavailable("adapter.start_failed",
                     fmt::format("the driver's process can't be started: {}", std::strerror(code)))
      .WithStage("login")
      .WithHint("Check the machine's limits on processes and memory.");
}

}  // namespace

Result<std::unique_ptr<HostProcess>> HostProcess::Start() {
  return Spawn("/proc/self/exe", {"nstarx", std::string(kHostMode)}, -1);
}

Result<std::unique_ptr<HostProcess>> HostProcess::StartProgram(const std::string& program,
                                                               std::vector<std::string> arguments,
                                                               int file) {
  return Spawn(program, std::move(arguments), file);
}

Result<std::unique_ptr<HostProcess>> HostProcess::Spawn(const std::string& program,
                                                        std::vector<std::string> arguments,
                                                        int file) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return StartFailed(errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (file < 0) {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  } else {
    posix_spawn_file_actions_adddup2(&actions, sockets[1], 0);
  }
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  // A driver's last words may hold what it was given.
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, file < 0 ? sockets[1] : file, kHostSocket);
  posix_spawn_file_actions_addclosefrom_np(&actions, kHostSocket + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  // A group of its own: Ctrl-C at the terminal is for the server.
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> environment = ChildEnvironment();
  std::vector<char*> variables;
  variables.reserve(environment.size() + 1);
  for (auto& row : environment) variables.push_back(row.data());
  variables.push_back(nullptr);
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (auto& word : arguments) words.push_back(word.data());
  words.push_back(nullptr);
  pid_t pid = 0;
  const int code =
      posix_spawn(&pid, program.c_str(), &actions, &attributes, words.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(sockets[1]);
  if (code != 0) {
    ::close(sockets[0]);
    return StartFailed(code);
  }
  return std::unique_ptr<HostProcess>(new HostProcess(pid, net::Channel::Adopt(sockets[0])));
}

HostProcess::~HostProcess() {
  if (!reaped_) {
    // The host ends when its socket does; the channel closes only after us, so it is told.
    const Context brief = Context().WithTimeout(kReapStep);
    if (!gone_) {
      const auto ignored = SendFrame(brief, *channel_, Frame::kRequest, R"({"op":"leave"})");
    }
    if (!Reap(kLeaveGrace)) Kill();
  }
}

Status HostProcess::Send(const Context& context, Frame kind, std::string_view payload) {
  Status sent = SendFrame(context, *channel_, kind, payload);
  if (!sent && sent.error().code() == "connection.lost") return Crashed(sent.error());
  return sent;
}

Result<Message> HostProcess::Receive(const Context& context) {
  auto message = ReceiveFrame(context, *channel_);
  if (!message && message.error().code() == "connection.lost") return Crashed(message.error());
  return message;
}

Error HostProcess::Crashed(const Error& lost) {
  gone_ = true;
  std::string how = "it ended by itself";
  if (!Reap(std::chrono::milliseconds(1000))) {
    Kill();
    how = "it hung up";
  } else if (WIFSIGNALED(exit_status_)) {
    how =
        fmt::format("signal {} ({})", WTERMSIG(exit_status_), sigabbrev_np(WTERMSIG(exit_status_)));
  } else if (WIFEXITED(exit_status_)) {
    how = fmt::format("exit code {}", WEXITSTATUS(exit_status_));
  }
  return Unavailable("adapter.crashed", fmt::format("the driver's process is gone: {}", how))
      .WithStage(lost.stage())
      .WithAction(Action::kRetry)
      .WithHint("Run it again: a new process starts by itself.")
      .WithHint("If it happens each time, the driver is at fault, or needs more driver.memory_mb.");
}

bool HostProcess::Reap(std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!reaped_) {
    const pid_t ended = waitpid(pid_, &exit_status_, WNOHANG);
    reaped_ = ended == pid_ || (ended < 0 && errno == ECHILD);
    if (reaped_ || std::chrono::steady_clock::now() >= until) break;
    std::this_thread::sleep_for(kReapStep);
  }
  if (reaped_) gone_ = true;
  return reaped_;
}

int HostProcess::exit_code() const {
  return reaped_ && WIFEXITED(exit_status_) ? WEXITSTATUS(exit_status_) : -1;
}

void HostProcess::Kill() {
  gone_ = true;
  if (reaped_) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, &exit_status_, 0);
  reaped_ = true;
}

}  // namespace nstarx::adapter
