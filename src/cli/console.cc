#include "cli/console.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace nstarx::cli {
namespace {

// The terminal's state to go back to when a signal ends the process while echo is off; plain data,
// because a signal handler reads it.
termios saved_state;                      // NOLINT(*-avoid-non-const-global-variables)
volatile std::sig_atomic_t echo_off = 0;  // NOLINT(*-avoid-non-const-global-variables)

extern "C" void RestoreEchoAndDie(int signal_number) {
  if (echo_off != 0) tcsetattr(STDIN_FILENO, TCSANOW, &saved_state);
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}

/// Turns echo off while it lives.
class NoEcho {
 public:
  NoEcho() {
    if (tcgetattr(STDIN_FILENO, &saved_state) != 0) return;
    for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
      std::signal(signal_number, RestoreEchoAndDie);
    }
    echo_off = 1;
    termios quiet = saved_state;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ECHONL;
    tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
  }
  ~NoEcho() {
    if (echo_off == 0) return;
    tcsetattr(STDIN_FILENO, TCSANOW, &saved_state);
    echo_off = 0;
    for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal_number, SIG_DFL);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
};

bool WriteAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      pollfd ready{descriptor, POLLOUT, 0};
      ::poll(&ready, 1, 1000);
      continue;
    }
    if (count <= 0) return false;
    text.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

class ProcessConsole : public Console {
 public:
  ProcessConsole()
      : input_terminal_(::isatty(STDIN_FILENO) != 0),
        output_terminal_(::isatty(STDOUT_FILENO) != 0),
        error_terminal_(::isatty(STDERR_FILENO) != 0) {
    const char* no_color = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    colours_ = (no_color == nullptr || *no_color == '\0') &&
               (terminal == nullptr || std::strcmp(terminal, "dumb") != 0);
  }

  Status Out(std::string_view text) override {
    if (WriteAll(STDOUT_FILENO, text)) return {};
    if (errno == EPIPE) {
      return Error(ErrorKind::kCancelled, "client.output_closed", "the output was closed");
    }
    return Unavailable("client.output_failed",
                       std::string("cannot write the output: ") + std::strerror(errno));
  }
  void Err(std::string_view text) override { WriteAll(STDERR_FILENO, text); }

  Result<std::string> ReadLine(std::string_view prompt) override {
    WriteAll(input_terminal_ ? STDOUT_FILENO : STDERR_FILENO, prompt);
    std::string line;
    while (true) {
      char c = 0;
      const ssize_t count = ::read(STDIN_FILENO, &c, 1);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        if (!line.empty()) return line;
        return Error(ErrorKind::kCancelled, "client.input_ended", "the input ended");
      }
      if (c == '\n') return line;
      if (c != '\r' && line.size() < 65536) line += c;
    }
  }

  Result<Secret> ReadSecret(std::string_view prompt) override {
    const NoEcho quiet;
    NSTARX_TRY(std::string line, ReadLine(prompt));
    return Secret::FromString(std::move(line));
  }

  Result<std::string> ReadAll(size_t limit) override {
    std::string all;
    char piece[65536];
    while (true) {
      const ssize_t count = ::read(STDIN_FILENO, piece, sizeof piece);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return all;
      all.append(piece, static_cast<size_t>(count));
      if (all.size() > limit) {
        return InvalidArgument("client.input_too_large", "standard input is too large here");
      }
    }
  }

  bool input_is_terminal() const override { return input_terminal_; }
  bool output_is_terminal() const override { return output_terminal_; }
  bool error_is_terminal() const override { return error_terminal_; }
  int width() const override {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
  }

 private:
  bool colours() const override { return colours_; }

  bool input_terminal_;
  bool output_terminal_;
  bool error_terminal_;
  bool colours_ = false;
};

std::string_view CodeOf(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "";
    case Tone::kBold:
      return "\033[1m";
    case Tone::kDim:
      return "\033[2m";
    case Tone::kGood:
      return "\033[32m";
    case Tone::kBad:
      return "\033[31m";
    case Tone::kWarn:
      return "\033[33m";
  }
  return "";
}

}  // namespace

std::string Console::Paint(Tone tone, std::string_view text, bool on_error) const {
  const bool terminal = on_error ? error_is_terminal() : output_is_terminal();
  if (!terminal || !colours() || tone == Tone::kPlain) return std::string(text);
  return std::string(CodeOf(tone)) + std::string(text) + "\033[0m";
}

std::unique_ptr<Console> MakeProcessConsole() { return std::make_unique<ProcessConsole>(); }

}  // namespace nstarx::cli
