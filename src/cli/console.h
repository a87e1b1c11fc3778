#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/status.h"

namespace nstarx::cli {

enum class Tone { kPlain, kBold, kDim, kGood, kBad, kWarn };

/// Where a command reads and writes: the process's terminal, or a script in tests.
class Console {
 public:
  virtual ~Console() = default;
  /// Writes to standard output; client.output_closed when its reader has gone.
  virtual Status Out(std::string_view text) = 0;
  virtual void Err(std::string_view text) = 0;
  /// A line without its end; client.input_ended at the end of input.
  virtual Result<std::string> ReadLine(std::string_view prompt) = 0;
  /// The same without showing what is typed.
  virtual Result<Secret> ReadSecret(std::string_view prompt) = 0;
  /// All of standard input, at most `limit` bytes.
  virtual Result<std::string> ReadAll(size_t limit) = 0;

  virtual bool input_is_terminal() const = 0;
  virtual bool output_is_terminal() const = 0;
  virtual bool error_is_terminal() const = 0;
  /// Columns of the terminal.
  virtual int width() const = 0;

  /// `text` in the tone, when standard output (or error) is a terminal and NO_COLOR is not set.
  std::string Paint(Tone tone, std::string_view text, bool on_error = false) const;

 protected:
  virtual bool colours() const = 0;
};

/// Of the process. At most one at a time, because echo belongs to the terminal.
std::unique_ptr<Console> MakeProcessConsole();

}  // namespace nstarx::cli
