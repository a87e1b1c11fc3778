#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "cli/command.h"

namespace nstarx::cli {

/// Flags that every command takes.
const std::vector<Option>& GlobalOptions();

struct Parsed {
  const Command* command = nullptr;  ///< null: none was named
  std::string group;                 ///< words that begin several commands, e.g. "objects"
  Arguments arguments;
  Arguments globals;
  bool help = false;
  bool version = false;
};

/// Reads a command line (without the program's name). Errors: usage.* with a 'did you mean'.
Result<Parsed> ParseCommandLine(const CommandTable& table, std::vector<std::string> words);

}  // namespace nstarx::cli
