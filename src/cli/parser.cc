#include "cli/parser.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <deque>

#include "base/json.h"

namespace nstarx::cli {
namespace {

/// Where CLI11 puts the values of one option of one (sub)command.
struct Slot {
  const Option* option;
  CLI::Option* parsed;
  std::vector<std::string> values;
};

struct Node {
  CLI::App* app = nullptr;
  const Command* command = nullptr;
  std::deque<Slot> slots;
};

Error Usage(std::string_view what, std::string message) {
  return InvalidArgument("usage." + std::string(what), std::move(message));
}

void AddOption(Node& node, const Option& option) {
  Slot& slot = node.slots.emplace_back(Slot{&option, nullptr, {}});
  const std::string names = option.flags.empty() ? option.name : option.flags;
  if (option.kind == OptionKind::kFlag) {
    slot.parsed = node.app->add_flag(names);
    return;
  }
  slot.parsed = node.app->add_option(names, slot.values);
  const bool list = option.kind == OptionKind::kList;
  slot.parsed->multi_option_policy(list ? CLI::MultiOptionPolicy::TakeAll
                                        : CLI::MultiOptionPolicy::TakeLast);
  if (list && option.flags.empty()) {
    slot.parsed->expected(-1);
  } else {
    slot.parsed->expected(1);
  }
  slot.parsed->allow_extra_args(list && option.flags.empty());
}

/// CLI11's picture of the table, made for one parse.
class Tree {
 public:
  explicit Tree(const CommandTable& table) : root_("", "nstarx") {
    Prepare(root_);
    Node& top = nodes_.emplace_back();
    top.app = &root_;
    for (const Option& option : GlobalOptions()) AddOption(top, option);
    root_.add_flag("-h,--help", help_);
    root_.add_flag("-V,--version", version_);
    for (const Command& command : table) AddCommand(command);
  }

  Result<Parsed> Parse(std::vector<std::string> words) {
    try {
      std::ranges::reverse(words);
      root_.parse(words);
    } catch (const CLI::ParseError& error) {
      if (!help_ && !version_) return Explain(error);
    }
    Parsed parsed;
    parsed.help = help_;
    parsed.version = version_;
    NSTARX_RETURN_IF_ERROR(Collect(nodes_.front(), parsed.globals));
    const CLI::App* app = &root_;
    while (!app->get_subcommands().empty()) {
      app = app->get_subcommands().front();
      if (!parsed.group.empty()) parsed.group += ' ';
      parsed.group += app->get_name();
    }
    for (const Node& node : nodes_) {
      if (node.app != app || node.command == nullptr) continue;
      parsed.command = node.command;
      if (!help_) NSTARX_RETURN_IF_ERROR(Collect(node, parsed.arguments));
    }
    if (parsed.command == nullptr && !root_.remaining().empty() && !help_ && !version_) {
      return UnknownCommand(&root_, root_.remaining().front());
    }
    return parsed;
  }

 private:
  static void Prepare(CLI::App& app) {
    app.set_help_flag();
    app.require_subcommand(0, 1);
    app.fallthrough();
  }

  void AddCommand(const Command& command) {
    CLI::App* app = &root_;
    std::string_view path = command.path;
    while (!path.empty()) {
      const size_t space = path.find(' ');
      const std::string word(path.substr(0, space));
      path.remove_prefix(space == path.npos ? path.size() : space + 1);
      CLI::App* next = nullptr;
      for (CLI::App* known : app->get_subcommands({})) {
        if (known->get_name() == word) next = known;
      }
      if (next == nullptr) {
        next = app->add_subcommand(word);
        Prepare(*next);
      }
      app = next;
    }
    Node& node = nodes_.emplace_back();
    node.app = app;
    node.command = &command;
    for (const Option& option : command.options) AddOption(node, option);
  }

  static Status Collect(const Node& node, Arguments& into) {
    for (const Slot& slot : node.slots) {
      const Option& option = *slot.option;
      if (option.kind == OptionKind::kFlag) {
        if (slot.parsed->count() > 0) into.Add(option.name, "true");
        continue;
      }
      for (const std::string& value : slot.values) {
        NSTARX_RETURN_IF_ERROR(CheckValue(option, value));
        into.Add(option.name, value);
      }
      if (!slot.values.empty()) continue;
      if (option.required) {
        return Usage(
                   "missing_argument",
                   fmt::format("{} is missing", option.flags.empty() ? option.value : option.flags))
            .WithHint(fmt::format("See: nstarx {} --help",
                                  node.command == nullptr ? "" : node.command->path));
      }
      if (!option.default_value.empty()) into.Add(option.name, option.default_value);
    }
    return {};
  }

  static Status CheckValue(const Option& option, const std::string& value) {
    const std::string& shown = option.flags.empty() ? option.value : option.flags;
    if (!option.choices.empty() &&
        std::ranges::find(option.choices, value) == option.choices.end()) {
      Error error = Usage("wrong_value", fmt::format("{} takes one of {}, not '{}'", shown,
                                                     fmt::join(option.choices, ", "), value));
      const std::string_view close = ClosestWord(value, option.choices);
      if (!close.empty()) error.WithHint(fmt::format("Did you mean '{}'?", close));
      return error;
    }
    if (option.kind != OptionKind::kInteger) return {};
    int64_t number = 0;
    const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (problem != std::errc() || end != value.data() + value.size() || number < option.minimum ||
        number > option.maximum) {
      return Usage("wrong_value", fmt::format("{} takes a whole number, not '{}'", shown, value));
    }
    return {};
  }

  static Error UnknownCommand(CLI::App* app, const std::string& word) {
    std::vector<std::string> names;
    for (const CLI::App* command : app->get_subcommands({})) names.push_back(command->get_name());
    Error error = Usage("unknown_command", fmt::format("there is no command '{}'", word));
    const std::string_view close = ClosestWord(word, names);
    if (!close.empty()) error.WithHint(fmt::format("Did you mean '{}'?", close));
    return error.WithHint("See all commands with: nstarx help");
  }

  Error Explain(const CLI::ParseError& problem) {
    CLI::App* app = &root_;
    while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
    const std::vector<std::string> extras = root_.remaining(true);
    if (dynamic_cast<const CLI::ExtrasError*>(&problem) != nullptr && !extras.empty()) {
      const std::string word = extras.front();
      if (!word.starts_with('-') && app->get_subcommands({}).size() > 0) {
        return UnknownCommand(app, word);
      }
      Error error = Usage("unknown_argument", fmt::format("'{}' was not expected here", word));
      std::vector<std::string> flags;
      for (const CLI::App* level = app; level != nullptr; level = level->get_parent()) {
        for (const CLI::Option* option : level->get_options()) {
          for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
        }
      }
      const std::string_view close = ClosestWord(word.substr(0, word.find('=')), flags);
      if (!close.empty()) error.WithHint(fmt::format("Did you mean '{}'?", close));
      return error.WithHint(HelpOf(*app));
    }
    return Usage("malformed", problem.what()).WithHint(HelpOf(*app));
  }

  static std::string HelpOf(const CLI::App& app) {
    std::string words;
    for (const CLI::App* level = &app; level != nullptr; level = level->get_parent()) {
      words.insert(0, level->get_name() + " ");
    }
    return "See: " + words + "--help";
  }

  CLI::App root_;
  std::deque<Node> nodes_;
  bool help_ = false;
  bool version_ = false;
};

}  // namespace

const std::vector<Option>& GlobalOptions() {
  static const std::vector<Option> options = {
      {.name = "url",
       .flags = "--url",
       .value = "URL",
       .help = "The server's address (NSTARX_URL; else of credentials.json)."},
      {.name = "api-key",
       .flags = "--api-key",
       .value = "KEY",
       .help = "The key to show (NSTARX_API_KEY; else of credentials.json)."},
      {.name = "data",
       .flags = "--data",
       .value = "DIR",
       .help = "Data directory; clients read its credentials.json.",
       .completes = "files"},
      {.name = "ca-file",
       .flags = "--ca-file",
       .value = "FILE",
       .help = "CAs that the server's certificate is checked against (NSTARX_CA_FILE).",
       .completes = "files"},
  };
  return options;
}

Result<Parsed> ParseCommandLine(const CommandTable& table, std::vector<std::string> words) {
  return Tree(table).Parse(std::move(words));
}

}  // namespace nstarx::cli
