#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"

namespace nstarx::cli {

/// What `nstarx help` prints: every command by group.
std::string HelpOverview(const CommandTable& table);
/// What `nstarx COMMAND --help` prints.
std::string HelpOf(const Command& command);
/// The commands that begin with the words of `group`, e.g. "objects".
std::string HelpOfGroup(const CommandTable& table, std::string_view group);
/// The table of exit codes.
std::string HelpExitCodes();
/// docs/cli.md, whole.
std::string HelpMarkdown(const CommandTable& table);

/// A completion script for bash, zsh or fish.
std::string CompletionScript(const CommandTable& table, std::string_view shell);

}  // namespace nstarx::cli
