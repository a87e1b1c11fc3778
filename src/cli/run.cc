#include "cli/run.h"

#include <csignal>

#include "base/error_table.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/parser.h"
#include "cli/session.h"

namespace nstarx::cli {
namespace {

std::string VersionText() { return "nstarx " NSTARX_VERSION "\n"; }

int ExitCodeOf(const Error& error) {
  if (error.code() == "client.output_closed") return kExitPipe;
  return RowOf(error.kind()).exit_code;
}

Result<std::string> HelpText(const CommandTable& table, const Arguments& arguments) {
  if (arguments.Has("markdown")) return HelpMarkdown(table);
  std::string topic;
  for (const std::string& word : arguments.All("topic")) topic += (topic.empty() ? "" : " ") + word;
  if (topic.empty()) return HelpOverview(table);
  if (topic == "exit-codes") return HelpExitCodes();
  bool group = false;
  std::vector<std::string> names;
  for (const Command& command : table) {
    if (command.path == topic) return HelpOf(command);
    group = group || command.path.starts_with(topic + " ");
    names.push_back(command.path);
  }
  if (group) return HelpOfGroup(table, topic);
  Error error = NotFound("usage.unknown_command", "there is no command '" + topic + "'");
  if (const auto close = ClosestWord(topic, names); !close.empty()) {
    error.WithHint("Did you mean '" + std::string(close) + "'?");
  }
  return error;
}

int Print(Console& console, const std::string& text) {
  const auto printed = console.Out(text);
  return printed ? 0 : ExitCodeOf(printed.error());
}

int RunParsed(Console& console, const CommandTable& table, const Parsed& parsed,
              const ServeCommand& serve) {
  if (parsed.version) return Print(console, VersionText());
  if (parsed.command == nullptr) {
    const std::string text =
        parsed.group.empty() ? HelpOverview(table) : HelpOfGroup(table, parsed.group);
    if (parsed.help) return Print(console, text);
    console.Err(text);
    return RowOf(ErrorKind::kInvalidArgument).exit_code;
  }
  if (parsed.help) return Print(console, HelpOf(*parsed.command));
  Session session(console, parsed.globals, serve);
  session.set_quiet(parsed.arguments.Text("format") == "json");
  const std::string& path = parsed.command->path;
  if (path == "version") return Print(console, VersionText());
  if (path == "completion") {
    return Print(console, CompletionScript(table, parsed.arguments.Text("shell")));
  }
  Result<int> code = 0;
  if (path == "help") {
    auto text = HelpText(table, parsed.arguments);
    if (text) return Print(console, *text);
    code = std::move(text).error();
  } else {
    code = parsed.command->run(session, parsed.arguments);
  }
  if (code) return *code;
  session.PrintError(code.error(), parsed.arguments.Text("format") == "json");
  return ExitCodeOf(code.error());
}

}  // namespace

CommandTable WholeTable() {
  CommandTable table = AllCommands();
  table.push_back({.path = "completion",
                   .group = "Help",
                   .summary = "Print a completion script for a shell",
                   .options = {{.name = "shell",
                                .value = "SHELL",
                                .help = "Which shell.",
                                .choices = {"bash", "zsh", "fish"},
                                .required = true}},
                   .examples = {"source <(nstarx completion bash)"},
                   .run = nullptr});
  table.push_back({.path = "help",
                   .group = "Help",
                   .summary = "Explain a command, or the exit codes",
                   .options = {{.name = "topic",
                                .value = "TOPIC",
                                .help = "A command's name, or exit-codes.",
                                .kind = OptionKind::kList},
                               {.name = "markdown",
                                .flags = "--markdown",
                                .help = "Print the reference of all commands.",
                                .kind = OptionKind::kFlag}},
                   .run = nullptr});
  table.push_back({.path = "version",
                   .group = "Help",
                   .summary = "Print the program's version",
                   .run = nullptr});
  return table;
}

int Run(int argc, char** argv, const ServeCommand& serve) {
  const auto console = MakeProcessConsole();
  // A reader that goes away shows as EPIPE, also inside libcurl's calls.
  std::signal(SIGPIPE, SIG_IGN);
  const CommandTable table = WholeTable();
  auto parsed = ParseCommandLine(table, {argv + 1, argv + argc});
  if (parsed) return RunParsed(*console, table, *parsed, serve);
  const Arguments none;
  Session(*console, none, serve).PrintError(parsed.error(), false);
  return ExitCodeOf(parsed.error());
}

}  // namespace nstarx::cli
