#include <fmt/format.h>

#include <map>
#include <set>

#include "cli/help.h"
#include "cli/parser.h"

namespace nstarx::cli {
namespace {

/// What a shell may offer after the words of `path`.
struct Offer {
  std::set<std::string> words;                ///< further words of commands
  std::set<std::string> flags;                ///< long options
  std::string completes;                      ///< of the first positional
  std::map<std::string, std::string> values;  ///< flag → choices, or @files, @connections, @types
};

void AddFlags(Offer& offer, const std::vector<Option>& options) {
  for (const Option& option : options) {
    if (option.flags.empty()) {
      if (offer.completes.empty()) offer.completes = option.completes;
      continue;
    }
    std::string value;
    if (!option.choices.empty()) value = fmt::format("{}", fmt::join(option.choices, " "));
    if (!option.completes.empty()) value = "@" + option.completes;
    std::string_view flags = option.flags;
    while (!flags.empty()) {
      const size_t comma = flags.find(',');
      const std::string flag(flags.substr(0, comma));
      if (flag.starts_with("--")) offer.flags.insert(flag);
      if (!value.empty()) offer.values[flag] = value;
      flags.remove_prefix(comma == flags.npos ? flags.size() : comma + 1);
    }
  }
}

std::map<std::string, Offer> Offers(const CommandTable& table) {
  std::map<std::string, Offer> offers;
  for (const Command& command : table) {
    for (size_t at = 0;;) {
      const size_t space = command.path.find(' ', at);
      const std::string before = at == 0 ? "" : command.path.substr(0, at - 1);
      offers[before].words.insert(command.path.substr(at, space - at));
      if (space == std::string::npos) break;
      at = space + 1;
    }
    AddFlags(offers[command.path], command.options);
  }
  for (auto& [path, offer] : offers) AddFlags(offer, GlobalOptions());
  return offers;
}

std::string Join(const std::set<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

constexpr std::string_view kBashHead =
    R"bash(# bash completion of nstarx; load it with: source <(nstarx completion bash)
_nstarx_dynamic() {
  case $1 in
    @connections) nstarx list --names 2>/dev/null ;;
    @types) nstarx types --names 2>/dev/null ;;
  esac
}
# Offers the lines of standard input that begin with the current word, blanks escaped.
_nstarx_lines() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    [[ $line == "$1"* ]] && COMPREPLY+=("$(printf '%q' "$line")")
  done
}
_nstarx_offer() {
  case $1 in
    @files) COMPREPLY=($(compgen -f -- "$2")) ;;
    @*) _nstarx_lines "$2" < <(_nstarx_dynamic "$1") ;;
    *) COMPREPLY=($(compgen -W "$1" -- "$2")) ;;
  esac
}
_nstarx() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path='' word i found
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    [[ $word == -* ]] && continue
    [[ " $(_nstarx_words "$path") " == *" $word "* ]] || break
    path="${path:+$path }$word"
  done
  COMPREPLY=()
  found=$(_nstarx_values "$path" "$previous")
  [[ -z $found && $current == -* ]] && found="$(_nstarx_flags "$path") --help"
  [[ -z $found ]] && found=$(_nstarx_words "$path")
  [[ -z $found ]] && found=$(_nstarx_positional "$path")
  [[ -n $found ]] && _nstarx_offer "$found" "$current"
}
)bash";

std::string Bash(const std::map<std::string, Offer>& offers) {
  std::string words = "_nstarx_words() {\n  case $1 in\n";
  std::string flags = "_nstarx_flags() {\n  case $1 in\n";
  std::string positional = "_nstarx_positional() {\n  case $1 in\n";
  std::string values = "_nstarx_values() {\n  case \"$1:$2\" in\n";
  for (const auto& [path, offer] : offers) {
    if (!offer.words.empty())
      words += fmt::format("    '{}') echo '{}' ;;\n", path, Join(offer.words));
    flags += fmt::format("    '{}') echo '{}' ;;\n", path, Join(offer.flags));
    if (!offer.completes.empty()) {
      positional += fmt::format("    '{}') echo '@{}' ;;\n", path, offer.completes);
    }
    for (const auto& [flag, offered] : offer.values) {
      values += fmt::format("    '{}:{}') echo '{}' ;;\n", path, flag, offered);
    }
  }
  const std::string end = "  esac\n}\n";
  return std::string(kBashHead) + words + end + flags + end + positional + end + values + end +
         "complete -F _nstarx nstarx\n";
}

std::string Zsh(const std::map<std::string, Offer>& offers) {
  // zsh runs bash's script through its own emulation, which keeps one truth.
  return "#compdef nstarx\n# zsh completion of nstarx; load it with: source <(nstarx "
         "completion zsh)\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         Bash(offers);
}

std::string Fish(const std::map<std::string, Offer>& offers, const CommandTable& table) {
  std::string text =
      "# fish completion of nstarx; load it with: nstarx completion fish | source\n"
      "function __nstarx_at\n"
      "  set -l words (commandline -opc)[2..-1]\n"
      "  set -l plain (string match -v -- '-*' $words)\n"
      "  test \"$plain[1..(math min\\((count $argv),(count $plain)\\))]\" = \"$argv\"\n"
      "end\n"
      "function __nstarx_top\n"
      "  test (count (string match -v -- '-*' (commandline -opc)[2..-1])) -eq 0\n"
      "end\n"
      "complete -c nstarx -f\n";
  for (const Command& command : table) {
    const size_t space = command.path.rfind(' ');
    const std::string before = space == std::string::npos ? "" : command.path.substr(0, space);
    const std::string word = command.path.substr(space == std::string::npos ? 0 : space + 1);
    std::string summary = command.summary;
    std::erase(summary, '\'');
    text += fmt::format("complete -c nstarx -n '{}' -a '{}' -d '{}'\n",
                        before.empty() ? "__nstarx_top" : "__nstarx_at " + before, word, summary);
  }
  for (const auto& [path, offer] : offers) {
    const std::string condition = path.empty() ? "" : fmt::format(" -n '__nstarx_at {}'", path);
    for (const std::string& flag : offer.flags) {
      std::string rest;
      if (const auto value = offer.values.find(flag); value != offer.values.end()) {
        if (value->second == "@files") {
          rest = " -r -F";
        } else if (value->second.starts_with('@')) {
          rest = fmt::format(" -x -a '(nstarx {} --names 2>/dev/null)'",
                             value->second == "@types" ? "types" : "list");
        } else {
          rest = fmt::format(" -x -a '{}'", value->second);
        }
      }
      text += fmt::format("complete -c nstarx{} -l {}{}\n", condition, flag.substr(2), rest);
    }
    if (offer.completes == "connections" || offer.completes == "types") {
      text += fmt::format("complete -c nstarx{} -a '(nstarx {} --names 2>/dev/null)'\n", condition,
                          offer.completes == "types" ? "types" : "list");
    }
  }
  return text;
}

}  // namespace

std::string CompletionScript(const CommandTable& table, std::string_view shell) {
  const auto offers = Offers(table);
  if (shell == "fish") return Fish(offers, table);
  return shell == "zsh" ? Zsh(offers) : Bash(offers);
}

}  // namespace nstarx::cli
