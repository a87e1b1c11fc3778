#include "cli/command.h"

#include <charconv>

namespace nstarx::cli {

std::string Arguments::Text(std::string_view name, std::string_view fallback) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string(fallback) : found->second.back();
}

const std::vector<std::string>& Arguments::All(std::string_view name) const {
  static const std::vector<std::string> none;
  const auto found = values_.find(name);
  return found == values_.end() ? none : found->second;
}

int64_t Arguments::Integer(std::string_view name, int64_t fallback) const {
  const std::string text = Text(name);
  int64_t number = fallback;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Option FormatOption(std::vector<std::string> formats) {
  return {.name = "format",
          .flags = "-o,--format",
          .value = "FORMAT",
          .help = "How the answer is printed.",
          .choices = formats,
          .default_value = formats.front()};
}

Option RefArgument() {
  return {.name = "ref",
          .value = "CONNECTION",
          .help = "Name or id of the connection.",
          .required = true,
          .completes = "connections"};
}

CommandTable AllCommands() {
  CommandTable table;
  AddConnectionCommands(table);
  AddCreationCommands(table);
  AddTemplateCommands(table);
  AddDriverCommands(table);
  AddDataCommands(table);
  AddStreamCommands(table);
  AddMetadataCommands(table);
  AddObjectCommands(table);
  AddExchangeCommands(table);
  AddAdministrationCommands(table);
  AddServerCommands(table);
  return table;
}

}  // namespace nstarx::cli
