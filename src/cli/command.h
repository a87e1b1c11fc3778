#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace nstarx::cli {

class Session;

/// What the caller gave to one command, by option name without dashes ("limit", "ref").
class Arguments {
 public:
  void Add(std::string_view name, std::string value) {
    values_[std::string(name)].push_back(std::move(value));
  }
  bool Has(std::string_view name) const { return values_.contains(name); }
  /// The last value given, or `fallback`.
  std::string Text(std::string_view name, std::string_view fallback = {}) const;
  const std::vector<std::string>& All(std::string_view name) const;
  /// The value as a whole number, or `fallback` when it was not given.
  int64_t Integer(std::string_view name, int64_t fallback) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

enum class OptionKind { kText, kInteger, kFlag, kList };

/// One option or positional of a command.
struct Option {
  std::string name;   ///< "limit"; a positional has no dashes in `flags`
  std::string flags;  ///< "-o,--format" or empty for a positional
  std::string value;  ///< placeholder in the help: N, FILE, KEY=VALUE
  std::string help;   ///< one sentence
  OptionKind kind = OptionKind::kText;
  std::vector<std::string> choices;
  std::string default_value;  ///< shown and used when not given
  bool required = false;      ///< of a positional
  int64_t minimum = INT64_MIN;
  int64_t maximum = INT64_MAX;
  std::string completes;  ///< "connections", "types", "files" or empty: what a shell offers
};

/// One command; the table of all is what parsing, help, documentation and shell completion read.
struct Command {
  std::string path;     ///< "api-keys create"
  std::string group;    ///< heading in the help
  std::string summary;  ///< one line
  std::string description;
  std::vector<Option> options;
  std::vector<std::string> examples;
  /// Does it and returns the exit code; an error is printed by the caller.
  std::function<Result<int>(Session&, const Arguments&)> run;
};

using CommandTable = std::vector<Command>;

/// Exit code of a command that ran and whose answer is no: a failed test, a broken journal.
inline constexpr int kExitNo = 1;
/// Exit code of a command whose reader went away (as if by SIGPIPE).
inline constexpr int kExitPipe = 141;

/// `-o,--format` with the formats that a command has; the first is the default.
Option FormatOption(std::vector<std::string> formats = {"table", "json", "csv"});
Option RefArgument();

// The groups of the table.
void AddServerCommands(CommandTable& table);
void AddConnectionCommands(CommandTable& table);
void AddCreationCommands(CommandTable& table);
void AddTemplateCommands(CommandTable& table);
void AddDriverCommands(CommandTable& table);
void AddDataCommands(CommandTable& table);
void AddStreamCommands(CommandTable& table);
void AddMetadataCommands(CommandTable& table);
void AddObjectCommands(CommandTable& table);
void AddAdministrationCommands(CommandTable& table);
void AddExchangeCommands(CommandTable& table);

/// Every command but those that need the table itself (help, completion).
CommandTable AllCommands();
/// AllCommands and those: the table that the program has.
CommandTable WholeTable();

}  // namespace nstarx::cli
