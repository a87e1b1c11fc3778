#include <fmt/format.h>

#include "base/percent.h"
#include "cli/draft.h"
#include "cli/session.h"

namespace nstarx::cli {
namespace {

constexpr const char* kGroup = "Templates";

std::string TemplatePath(const Arguments& arguments) {
  return "/templates/" + PercentEncode(arguments.Text("template"));
}

Result<int> List(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object page, api->Get("/templates", {{"type", arguments.Text("type")}}));
  std::vector<std::vector<std::string>> rows;
  for (const json::value& item : Items(page)) {
    const json::object& row = item.get_object();
    const json::value* sharing = row.if_contains("sharing");
    const bool built_in = CellAt(row, "built_in") == "true";
    rows.push_back({CellAt(row, "name"), CellAt(row, "type"), CellAt(row, "title"),
                    built_in ? "(the type)" : CellAt(row, "owner"),
                    built_in ? "everyone"
                    : sharing != nullptr && sharing->is_object()
                        ? CellAt(sharing->get_object(), "scope")
                        : "private"});
  }
  NSTARX_RETURN_IF_ERROR(
      session.PrintRows(arguments, page, {"NAME", "TYPE", "TITLE", "OWNER", "SHARED"}, rows));
  return 0;
}

/// A line for each value, with the part it is in.
void AddRows(const json::object& found, std::vector<std::vector<std::string>>& rows) {
  for (const auto& [key, value] : found) {
    if (!value.is_object()) {
      rows.push_back({key, CellOf(value)});
      continue;
    }
    for (const auto& [name, inner] : value.get_object()) {
      rows.push_back({fmt::format("{}.{}", std::string(key), std::string(name)), CellOf(inner)});
    }
  }
}

Result<int> Print(Session& session, const Arguments& arguments, const json::object& found) {
  std::vector<std::vector<std::string>> rows;
  AddRows(found, rows);
  NSTARX_RETURN_IF_ERROR(session.PrintRows(arguments, found, {"FIELD", "VALUE"}, rows));
  return 0;
}

Result<int> Show(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object found, api->Get(TemplatePath(arguments)));
  return Print(session, arguments, found);
}

Status ApplyOwnFlags(Session& session, Api& api, const Arguments& arguments, std::string_view type,
                     json::object& body) {
  NSTARX_TRY(const Form form, FetchForm(api, type));
  NSTARX_RETURN_IF_ERROR(ApplyFlags(session, arguments, form, body));
  // A template has tags and a description of its own, not in metadata.
  if (const json::value* metadata = body.if_contains("metadata")) {
    const json::object moved = metadata->as_object();
    body.erase("metadata");
    for (const auto& [key, value] : moved) body[key] = value;
  }
  if (arguments.Has("title")) body["title"] = arguments.Text("title");
  if (arguments.Has("hint")) {
    json::array hints;
    for (const std::string& hint : arguments.All("hint")) hints.emplace_back(hint);
    body["hints"] = std::move(hints);
  }
  return {};
}

Result<int> Create(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  json::object body{{"name", arguments.Text("name")}};
  std::string type = arguments.Text("type");
  if (arguments.Has("from")) {
    const std::string from = arguments.Text("from");
    NSTARX_TRY(const json::object model, api->Get("/connections/" + PercentEncode(from)));
    body["connection"] = from;
    if (type.empty()) type = CellAt(model, "type");
  }
  if (type.empty()) {
    return InvalidArgument("usage.missing_argument", "say of which type the template is")
        .WithHint("nstarx templates create NAME --type postgresql --set host='<team>.db' …")
        .WithHint("nstarx templates create NAME --from CONNECTION");
  }
  body["type"] = type;
  NSTARX_RETURN_IF_ERROR(ApplyOwnFlags(session, *api, arguments, type, body));
  NSTARX_TRY(const json::value made, api->Call("POST", "/templates", body));
  if (arguments.Text("format") == "json") return Print(session, arguments, made.as_object());
  session.Note(
      fmt::format("{0} is saved. Use it: nstarx add --template {0}", arguments.Text("name")));
  return 0;
}

Result<int> Update(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object current, api->Get(TemplatePath(arguments)));
  json::object patch;
  NSTARX_RETURN_IF_ERROR(ApplyOwnFlags(session, *api, arguments, CellAt(current, "type"), patch));
  if (arguments.Has("rename")) patch["name"] = arguments.Text("rename");
  for (const std::string& field : arguments.All("unset")) {
    json::value& part = patch["configuration"];
    if (!part.is_object()) part = json::object();
    part.get_object()[field] = nullptr;
  }
  if (patch.empty()) {
    return InvalidArgument("usage.missing_argument", "say what to change")
        .WithHint("For example: nstarx templates update NAME --set port=5433");
  }
  NSTARX_TRY(const json::value changed, api->Call("PATCH", TemplatePath(arguments), patch));
  if (arguments.Text("format") == "json") return Print(session, arguments, changed.as_object());
  session.Note(fmt::format("{} is now at version {}.", CellAt(changed.as_object(), "name"),
                           CellAt(changed.as_object(), "version")));
  return 0;
}

Result<int> Delete(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  const auto gone = api->Call("DELETE", TemplatePath(arguments));
  if (!gone) return gone.error();
  session.Note(fmt::format("{} is deleted.", arguments.Text("template")));
  return 0;
}

std::vector<Option> With(std::vector<Option> options) {
  options.push_back(
      {.name = "title", .flags = "--title", .value = "TEXT", .help = "Shown in lists."});
  options.push_back({.name = "hint",
                     .flags = "--hint",
                     .value = "TEXT",
                     .help = "Shown to who makes a connection from it.",
                     .kind = OptionKind::kList});
  for (Option& option : DraftOptions()) options.push_back(std::move(option));
  options.push_back(FormatOption({"table", "json"}));
  return options;
}

Option NameArgument() {
  return {.name = "template", .value = "TEMPLATE", .help = "Its name or id.", .required = true};
}

}  // namespace

void AddTemplateCommands(CommandTable& table) {
  table.push_back({.path = "templates list",
                   .group = kGroup,
                   .summary = "List the variants of the types and the templates that you may use",
                   .options = {{.name = "type",
                                .flags = "--type",
                                .value = "TYPE",
                                .help = "Only for this type.",
                                .completes = "types"},
                               FormatOption({"table", "json"})},
                   .examples = {"nstarx templates list --type postgresql"},
                   .run = List});
  table.push_back({.path = "templates show",
                   .group = kGroup,
                   .summary = "Show a template",
                   .options = {NameArgument(), FormatOption({"table", "json"})},
                   .examples = {"nstarx templates show postgresql/rds"},
                   .run = Show});
  table.push_back(
      {.path = "templates create",
       .group = kGroup,
       .summary = "Keep a part of a connection under a name, for connections to come",
       .description =
           "It holds no secret. A value like '<team>.db.example.com' shows its shape and "
           "must be given when a connection is made.",
       .options = With({{.name = "name", .value = "NAME", .help = "Its name.", .required = true},
                        {.name = "type",
                         .flags = "--type",
                         .value = "TYPE",
                         .help = "For this type.",
                         .completes = "types"},
                        {.name = "from",
                         .flags = "--from",
                         .value = "CONNECTION",
                         .help = "Begin with what this connection shows of itself.",
                         .completes = "connections"}}),
       .examples = {"nstarx templates create corp-pg --type postgresql --set "
                    "'host=<team>.db.example.com' --set port=6432 --ssl-mode verify-full --scope "
                    "organization",
                    "nstarx templates create like-sales --from sales"},
       .run = Create});
  table.push_back(
      {.path = "templates update",
       .group = kGroup,
       .summary = "Change a template; connections that were made from it stay",
       .options =
           With({NameArgument(),
                 {.name = "unset",
                  .flags = "--unset",
                  .value = "FIELD",
                  .help = "Take a field of the configuration out.",
                  .kind = OptionKind::kList},
                 {.name = "rename", .flags = "--rename", .value = "NAME", .help = "A new name."}}),
       .examples = {"nstarx templates update corp-pg --set port=5432"},
       .run = Update});
  table.push_back({.path = "templates delete",
                   .group = kGroup,
                   .summary = "Delete a template; connections that were made from it stay",
                   .options = {NameArgument()},
                   .examples = {"nstarx templates delete corp-pg"},
                   .run = Delete});
}

}  // namespace nstarx::cli
