#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error_table.h"
#include "cli/parser.h"

namespace nstarx::cli {
namespace {

std::string Placeholder(const Option& option) {
  if (option.kind == OptionKind::kFlag) return "";
  if (!option.choices.empty() && option.value.empty()) {
    return fmt::format("{}", fmt::join(option.choices, "|"));
  }
  return option.value.empty() ? "TEXT" : option.value;
}

std::string UsageLine(const Command& command) {
  std::string line = "nstarx " + command.path;
  bool flags = false;
  for (const Option& option : command.options) {
    if (!option.flags.empty()) {
      flags = true;
      continue;
    }
    const std::string shown = Placeholder(option) + (option.kind == OptionKind::kList ? "…" : "");
    line += option.required ? " " + shown : " [" + shown + "]";
  }
  return line + (flags ? " [OPTIONS]" : "");
}

std::string Left(const Option& option) {
  std::string left = option.flags.empty() ? "" : option.flags;
  std::ranges::replace(left, ',', ' ');
  const std::string placeholder = Placeholder(option);
  if (!placeholder.empty()) left += (left.empty() ? "" : " ") + placeholder;
  return left;
}

std::string Right(const Option& option) {
  std::string right = option.help;
  if (!option.choices.empty() && !option.value.empty()) {
    right += fmt::format(" One of {}.", fmt::join(option.choices, ", "));
  }
  if (!option.default_value.empty()) right += fmt::format(" Default: {}.", option.default_value);
  if (option.kind == OptionKind::kList && !option.flags.empty()) right += " May be repeated.";
  return right;
}

// Two columns; the right one is wrapped at 100.
std::string Aligned(const std::vector<std::pair<std::string, std::string>>& rows) {
  size_t width = 0;
  for (const auto& [left, right] : rows) width = std::max(width, std::min<size_t>(left.size(), 32));
  std::string text;
  for (const auto& [left, right] : rows) {
    std::string line = fmt::format("  {:<{}}  ", left, width);
    if (left.size() > width) {
      text += line + "\n";
      line = std::string(width + 4, ' ');
    }
    size_t used = line.size();
    std::string_view rest = right;
    while (!rest.empty()) {
      const size_t space = rest.find(' ');
      const std::string_view word = rest.substr(0, space);
      if (used + word.size() > 100 && used > width + 4) {
        line.pop_back();
        line += "\n" + std::string(width + 4, ' ');
        used = width + 4;
      }
      line += word;
      line += ' ';
      used += word.size() + 1;
      rest.remove_prefix(space == rest.npos ? rest.size() : space + 1);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string OptionsText(const std::vector<Option>& options) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Option& option : options) rows.emplace_back(Left(option), Right(option));
  return Aligned(rows);
}

std::vector<std::string> GroupsOf(const CommandTable& table) {
  std::vector<std::string> groups;
  for (const Command& command : table) {
    if (std::ranges::find(groups, command.group) == groups.end()) groups.push_back(command.group);
  }
  return groups;
}

struct ExitRow {
  int code;
  std::string meaning;
};

std::vector<ExitRow> ExitRows() {
  std::vector<ExitRow> rows = {
      {0, "It worked."},
      {kExitNo, "It ran and the answer is no: a failed test, a damaged journal, a failed check."}};
  for (const ErrorRow& row : ErrorTable()) {
    rows.push_back({row.exit_code, fmt::format("{} ({}).", row.title, ToString(row.kind))});
  }
  rows.push_back({kExitPipe, "The reader of the output went away."});
  return rows;
}

std::string Cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.insert(at, "\\");
  return text;
}

}  // namespace

std::string HelpOverview(const CommandTable& table) {
  std::string text =
      "nstarx: one door to every data source.\n\nUsage: nstarx COMMAND [ARGUMENTS] [OPTIONS]\n";
  for (const std::string& group : GroupsOf(table)) {
    std::vector<std::pair<std::string, std::string>> rows;
    for (const Command& command : table) {
      if (command.group == group) rows.emplace_back(command.path, command.summary);
    }
    text += "\n" + group + "\n" + Aligned(rows);
  }
  text += "\nOptions of every command\n" + OptionsText(GlobalOptions());
  return text + "\nMore: nstarx COMMAND --help, nstarx help exit-codes\n";
}

std::string HelpOf(const Command& command) {
  std::string text = command.summary + "\n\nUsage: " + UsageLine(command) + "\n";
  if (!command.description.empty()) text += "\n" + command.description + "\n";
  if (!command.options.empty()) text += "\nOptions\n" + OptionsText(command.options);
  text += "\nOptions of every command\n" + OptionsText(GlobalOptions());
  if (!command.examples.empty()) {
    text += "\nExamples\n";
    for (const std::string& example : command.examples) text += "  " + example + "\n";
  }
  return text;
}

std::string HelpOfGroup(const CommandTable& table, std::string_view group) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Command& command : table) {
    if (command.path.starts_with(std::string(group) + " ")) {
      rows.emplace_back(command.path, command.summary);
    }
  }
  return fmt::format("Usage: nstarx {} COMMAND\n\nCommands\n{}", group, Aligned(rows));
}

std::string HelpExitCodes() {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const ExitRow& row : ExitRows()) rows.emplace_back(std::to_string(row.code), row.meaning);
  return "Exit codes\n" + Aligned(rows);
}

std::string HelpMarkdown(const CommandTable& table) {
  std::string text =
      "# nstarx on the command line\n\nGenerated by `nstarx help --markdown`; do not edit.\n\n"
      "Results go to standard output, notes and errors to standard error. Errors show their code, "
      "sentence, stage\nand hints; with `-o json` they are problem documents. Colours appear on "
      "terminals only and never with `NO_COLOR`.\n\n## Options of every command\n\n"
      "| option | meaning |\n| --- | --- |\n";
  const auto add_options = [&](const std::vector<Option>& options) {
    for (const Option& option : options) {
      text += fmt::format("| `{}` | {} |\n", Cell(Left(option)), Cell(Right(option)));
    }
  };
  add_options(GlobalOptions());
  for (const std::string& group : GroupsOf(table)) {
    text += "\n## " + group + "\n";
    for (const Command& command : table) {
      if (command.group != group) continue;
      text += fmt::format("\n### nstarx {}\n\n{}\n\n```\n{}\n```\n", command.path, command.summary,
                          UsageLine(command));
      if (!command.description.empty()) text += "\n" + command.description + "\n";
      if (!command.options.empty()) {
        text += "\n| option | meaning |\n| --- | --- |\n";
        add_options(command.options);
      }
      if (!command.examples.empty()) {
        text += "\n```\n";
        for (const std::string& example : command.examples) text += example + "\n";
        text += "```\n";
      }
    }
  }
  text += "\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n";
  for (const ExitRow& row : ExitRows()) text += fmt::format("| {} | {} |\n", row.code, row.meaning);
  return text;
}

}  // namespace nstarx::cli
