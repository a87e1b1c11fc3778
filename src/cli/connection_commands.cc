#include <fmt/format.h>

#include "base/percent.h"
#include "cli/draft.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/test_checklist.h"

namespace nstarx::cli {
namespace {

constexpr const char* kGroup = "Connections";

Result<int> ListTypes(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  if (arguments.Has("type")) {
    NSTARX_TRY(const json::object spec,
               api->Get("/connection-types/" + PercentEncode(arguments.Text("type"))));
    if (arguments.Text("format") == "json") {
      NSTARX_RETURN_IF_ERROR(session.PrintJson(spec));
      return 0;
    }
    const Form form = Form::FromSpec(spec);
    std::vector<std::vector<std::string>> rows;
    const auto add = [&](const std::string& part, const FormField& field) {
      rows.push_back({part, field.name, field.type, field.required ? "yes" : "",
                      CellOf(field.default_value), field.description});
    };
    for (const FormField& field : form.configuration) add("configuration", field);
    for (const FormMethod& method : form.methods) {
      for (const FormField& field : method.fields) add("auth " + method.type, field);
    }
    NSTARX_RETURN_IF_ERROR(session.PrintRows(
        arguments, spec, {"PART", "FIELD", "TYPE", "REQUIRED", "DEFAULT", "MEANING"}, rows));
    return 0;
  }
  NSTARX_TRY(const json::object page, api->Get("/connection-types"));
  std::vector<std::vector<std::string>> rows;
  std::string names;
  for (const json::value& item : Items(page)) {
    const json::object& type = item.get_object();
    names += CellAt(type, "type") + "\n";
    std::string methods;
    if (const json::value* list = type.if_contains("auth_methods"); list && list->is_array()) {
      for (const json::value& method : list->get_array()) {
        methods += (methods.empty() ? "" : ", ") + CellAt(method.get_object(), "type");
      }
    }
    rows.push_back({CellAt(type, "type"), CellAt(type, "title"), CellAt(type, "family"),
                    CellAt(type, "default_port"), methods, CellAt(type, "capabilities")});
  }
  if (arguments.Has("names")) {
    NSTARX_RETURN_IF_ERROR(session.console().Out(names));
    return 0;
  }
  NSTARX_RETURN_IF_ERROR(session.PrintRows(
      arguments, page, {"TYPE", "TITLE", "FAMILY", "PORT", "AUTHENTICATION", "CAPABILITIES"},
      rows));
  return 0;
}

Result<int> List(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  const int64_t limit = arguments.Integer("limit", 1000);
  json::array all;
  std::string cursor;
  do {
    const int64_t want = std::min<int64_t>(limit - static_cast<int64_t>(all.size()), 1000);
    NSTARX_TRY(json::object page,
               api->Get("/connections", {{"type", arguments.Text("type")},
                                         {"tag", arguments.Text("tag")},
                                         {"status", arguments.Text("status")},
                                         {"scope", arguments.Text("scope")},
                                         {"owner", arguments.Text("owner")},
                                         {"q", arguments.Text("search")},
                                         {"archived", arguments.Has("archived") ? "true" : ""},
                                         {"sort", arguments.Text("sort")},
                                         {"limit", std::to_string(want)},
                                         {"cursor", cursor}}));
    for (const json::value& item : Items(page)) all.push_back(item);
    cursor = GetString(page, "next");
  } while (!cursor.empty() && static_cast<int64_t>(all.size()) < limit);

  std::vector<std::vector<std::string>> rows;
  std::string names;
  for (const json::value& item : all) {
    const json::object& row = item.get_object();
    names += CellAt(row, "name") + "\n";
    rows.push_back({CellAt(row, "name"), CellAt(row, "type"), CellAt(row, "status"),
                    CellAt(row, "last_test.status"), CellAt(row, "sharing.scope"),
                    CellAt(row, "metadata.owner"), CellAt(row, "metadata.tags"),
                    CellAt(row, "metadata.modified"), CellAt(row, "metadata.description")});
  }
  if (arguments.Has("names")) {
    NSTARX_RETURN_IF_ERROR(session.console().Out(names));
    return 0;
  }
  const json::object document{{"items", std::move(all)},
                              {"next", cursor.empty() ? json::value() : json::value(cursor)}};
  NSTARX_RETURN_IF_ERROR(session.PrintRows(
      arguments, document,
      {"NAME", "TYPE", "STATUS", "TEST", "SCOPE", "OWNER", "TAGS", "MODIFIED", "DESCRIPTION"},
      rows));
  if (!cursor.empty()) session.Note(fmt::format("There are more than {}: raise --limit.", limit));
  return 0;
}

void AddDetails(const json::object& object, const std::string& prefix,
                std::vector<std::vector<std::string>>& rows) {
  for (const auto& [key, value] : object) {
    const std::string name = prefix.empty() ? std::string(key) : prefix + "." + std::string(key);
    if (value.is_object() && value.get_object().contains("configured")) {
      rows.push_back(
          {name, fmt::format("•••••• (version {}, set {})", CellAt(value.get_object(), "version"),
                             CellAt(value.get_object(), "rotated_at"))});
    } else if (value.is_object()) {
      AddDetails(value.get_object(), name, rows);
    } else if (!value.is_null()) {
      rows.push_back({name, CellOf(value)});
    }
  }
}

Result<int> PrintConnection(Session& session, const Arguments& arguments,
                            const json::value& value) {
  std::vector<std::vector<std::string>> rows;
  if (value.is_object()) AddDetails(value.get_object(), "", rows);
  NSTARX_RETURN_IF_ERROR(session.PrintRows(arguments, value, {"FIELD", "VALUE"}, rows));
  return 0;
}

Result<int> Show(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object shown, api->Get(ConnectionPath(arguments.Text("ref"))));
  return PrintConnection(session, arguments, shown);
}

Result<int> Test(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  const std::string ref = arguments.Text("ref");
  const bool unsaved =
      arguments.Has("type") || arguments.Has("template") || ref.find(':') != ref.npos;
  json::value report;
  if (unsaved) {
    Arguments draft_arguments = arguments;
    if (!arguments.Has("uri") && !ref.empty()) draft_arguments.Add("uri", ref);
    NSTARX_TRY(NamedDraft named, DraftFromArguments(session, *api, draft_arguments));
    if (!named.draft.contains("name")) named.draft["name"] = "unsaved";
    NSTARX_TRY(report, api->Call("POST", "/connections/test", named.draft));
  } else if (ref.empty()) {
    return InvalidArgument("usage.missing_argument", "CONNECTION is missing")
        .WithHint("nstarx test NAME, or nstarx test URI, or nstarx test --type TYPE --set …");
  } else {
    NSTARX_TRY(report, api->Call("POST", ConnectionPath(ref, "/test")));
  }
  if (!report.is_object()) return Internal("the server's test report is no object");
  if (arguments.Text("format") == "json") {
    NSTARX_RETURN_IF_ERROR(session.PrintJson(report));
  } else {
    NSTARX_RETURN_IF_ERROR(
        session.console().Out(TestChecklist(session.console(), report.get_object())));
  }
  return GetString(report.get_object(), "status") == "ok" ? 0 : kExitNo;
}

// Moves the fields of `keys` to null in the part of the patch that they belong to.
void Unset(const Form& form, const std::vector<std::string>& keys, json::object& patch) {
  for (const std::string& key : keys) {
    const bool authentication =
        form.FindConfiguration(key) == nullptr && form.FindAuthentication(key, "") != nullptr;
    json::value& part = patch[authentication ? "authentication" : "configuration"];
    if (!part.is_object()) part = json::object();
    part.get_object()[key] = nullptr;
  }
}

Result<int> Update(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  const std::string path = ConnectionPath(arguments.Text("ref"));
  NSTARX_TRY(const json::object current, api->Get(path));
  NSTARX_TRY(const Form form, FetchForm(*api, CellAt(current, "type")));
  json::object patch;
  NSTARX_RETURN_IF_ERROR(ApplyFlags(session, arguments, form, patch));
  Unset(form, arguments.All("unset"), patch);
  if (arguments.Has("rename")) patch["name"] = arguments.Text("rename");
  if (patch.empty()) {
    return InvalidArgument("usage.missing_argument", "say what to change")
        .WithHint("For example: nstarx update NAME --set port=5433 --tag nightly");
  }
  Request request{.method = "PATCH", .path = path, .body = json::serialize(patch)};
  request.content_type = "application/merge-patch+json";
  const int64_t version = arguments.Integer("if-version", GetInt(current, "version", 0));
  request.headers.emplace_back("If-Match", fmt::format("\"{}\"", version));
  NSTARX_TRY(const Answer answer, api->Send(request));
  NSTARX_TRY(const json::value changed, ParseJson(answer.body));
  if (arguments.Text("format") == "json") return PrintConnection(session, arguments, changed);
  session.Note(fmt::format("{} is now at version {}.", CellAt(changed.as_object(), "name"),
                           CellAt(changed.as_object(), "version")));
  return 0;
}

Result<int> Versions(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object page, api->Get(ConnectionPath(arguments.Text("ref"), "/versions")));
  std::vector<std::vector<std::string>> rows;
  for (const json::value& item : Items(page)) {
    const json::object& row = item.get_object();
    rows.push_back(
        {CellAt(row, "version"), CellAt(row, "at"), CellAt(row, "by"), CellAt(row, "change")});
  }
  NSTARX_RETURN_IF_ERROR(
      session.PrintRows(arguments, page, {"VERSION", "AT", "BY", "CHANGE"}, rows));
  return 0;
}

// A call that changes one connection and answers with it.
Result<int> Change(Session& session, const Arguments& arguments, std::string_view action,
                   const json::value& body, std::string_view done) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(
      const json::value changed,
      api->Call("POST", ConnectionPath(arguments.Text("ref"), "/" + std::string(action)), body));
  if (arguments.Text("format") == "json") return PrintConnection(session, arguments, changed);
  session.Note(fmt::format("{} {}.", arguments.Text("ref"), done));
  return 0;
}

Result<int> RollBack(Session& session, const Arguments& arguments) {
  return Change(session, arguments, "rollback",
                json::object{{"version", arguments.Integer("version", 0)}},
                fmt::format("is as it was at version {}", arguments.Text("version")));
}
Result<int> Archive(Session& session, const Arguments& arguments) {
  return Change(session, arguments, "archive", {}, "is archived");
}
Result<int> Restore(Session& session, const Arguments& arguments) {
  return Change(session, arguments, "restore", {}, "is restored");
}

Result<int> Delete(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  const std::string ref = arguments.Text("ref");
  if (!arguments.Has("yes")) {
    Console& console = session.console();
    if (!console.input_is_terminal()) {
      return InvalidArgument("usage.not_confirmed",
                             "deleting needs --yes when nobody can be asked");
    }
    NSTARX_TRY(const std::string answer,
               console.ReadLine(fmt::format(
                   "Delete {}, its history and its secrets? Type its name to confirm: ", ref)));
    if (answer != ref) {
      session.Note("Nothing was deleted.");
      return kExitNo;
    }
  }
  NSTARX_TRY(const json::value gone, api->Call("DELETE", ConnectionPath(ref)));
  session.Note(fmt::format("{} is deleted.", ref));
  return 0;
}

std::vector<Option> With(std::vector<Option> options, std::vector<Option> more) {
  std::ranges::move(more, std::back_inserter(options));
  return options;
}

void AddReading(CommandTable& table) {
  table.push_back(
      {.path = "types",
       .group = kGroup,
       .summary = "List the kinds of system, or the fields of one",
       .options =
           {{.name = "type",
             .value = "TYPE",
             .help = "Show the fields of this type.",
             .completes = "types"},
            {.name = "names", .flags = "--names", .help = "Names only.", .kind = OptionKind::kFlag},
            FormatOption()},
       .examples = {"nstarx types", "nstarx types postgresql"},
       .run = ListTypes});
  table.push_back(
      {.path = "list",
       .group = kGroup,
       .summary = "List connections",
       .options = {{.name = "type",
                    .flags = "--type",
                    .value = "TYPE",
                    .help = "Of this type.",
                    .completes = "types"},
                   {.name = "tag", .flags = "--tag", .value = "TAG", .help = "With this tag."},
                   {.name = "status",
                    .flags = "--status",
                    .value = "STATUS",
                    .help = "With this status.",
                    .choices = {"active", "inactive", "error", "testing"}},
                   {.name = "scope",
                    .flags = "--scope",
                    .value = "SCOPE",
                    .help = "Shared so far.",
                    .choices = {"private", "team", "organization"}},
                   {.name = "owner", .flags = "--owner", .value = "USER", .help = "Of this owner."},
                   {.name = "search",
                    .flags = "-q,--search",
                    .value = "TEXT",
                    .help = "With this text in name, description or tags."},
                   {.name = "archived",
                    .flags = "--archived",
                    .help = "Archived ones instead.",
                    .kind = OptionKind::kFlag},
                   {.name = "sort",
                    .flags = "--sort",
                    .value = "KEY",
                    .help = "Order; - is downwards.",
                    .choices = {"name", "-name", "created", "-created", "modified", "-modified",
                                "type"}},
                   {.name = "limit",
                    .flags = "--limit",
                    .value = "N",
                    .help = "At most so many.",
                    .kind = OptionKind::kInteger,
                    .default_value = "1000",
                    .minimum = 1,
                    .maximum = 1'000'000},
                   {.name = "names",
                    .flags = "--names",
                    .help = "Names only, one a line.",
                    .kind = OptionKind::kFlag},
                   FormatOption()},
       .examples = {"nstarx list --type postgresql --tag nightly", "nstarx list -o json"},
       .run = List});
  table.push_back({.path = "show",
                   .group = kGroup,
                   .summary = "Show one connection, without its secrets",
                   .options = {RefArgument(), FormatOption()},
                   .run = Show});
  table.push_back({.path = "versions",
                   .group = kGroup,
                   .summary = "Show the history of a connection",
                   .options = {RefArgument(), FormatOption()},
                   .run = Versions});
}

void AddChanging(CommandTable& table) {
  Option ref = RefArgument();
  ref.required = false;
  ref.help = "Name or id of a saved connection, or a URI of one that is not saved.";
  table.push_back(
      {.path = "test",
       .group = kGroup,
       .summary = "Test a connection in stages, saved or not",
       .description = "Exits with 1 when a stage failed. --type with --set and --auth "
                      "tests what is not saved.",
       .options = With({ref,
                        {.name = "type",
                         .flags = "--type",
                         .value = "TYPE",
                         .help = "Type of one that is not saved.",
                         .completes = "types"},
                        TemplateOption(),
                        FormatOption({"table", "json"})},
                       DraftOptions()),
       .examples = {"nstarx test analytics-db",
                    "nstarx test postgresql://app@db/sales --auth password=env:PGPASSWORD"},
       .run = Test});
  table.push_back(
      {.path = "update",
       .group = kGroup,
       .summary = "Change a connection; makes a new version",
       .description = "What is not named stays, secrets too. Refused with exit code 7 "
                      "when somebody else changed it meanwhile.",
       .options = With({RefArgument(),
                        {.name = "rename",
                         .flags = "--rename",
                         .value = "NAME",
                         .help = "Give it another name."},
                        {.name = "unset",
                         .flags = "--unset",
                         .value = "KEY",
                         .help = "Remove a field.",
                         .kind = OptionKind::kList},
                        {.name = "if-version",
                         .flags = "--if-version",
                         .value = "N",
                         .help = "Only when it is at this version.",
                         .kind = OptionKind::kInteger,
                         .minimum = 1},
                        FormatOption({"table", "json"})},
                       DraftOptions()),
       .examples = {"nstarx update sales --set port=5433", "nstarx update sales --auth password=-"},
       .run = Update});
  table.push_back({.path = "rollback",
                   .group = kGroup,
                   .summary = "Make an old version the newest; secrets stay",
                   .options = {RefArgument(),
                               {.name = "version",
                                .value = "VERSION",
                                .help = "See `versions`.",
                                .kind = OptionKind::kInteger,
                                .required = true,
                                .minimum = 1},
                               FormatOption({"table", "json"})},
                   .run = RollBack});
  table.push_back({.path = "archive",
                   .group = kGroup,
                   .summary = "Put a connection away; it keeps everything and refuses use",
                   .options = {RefArgument(), FormatOption({"table", "json"})},
                   .run = Archive});
  table.push_back({.path = "restore",
                   .group = kGroup,
                   .summary = "Bring an archived connection back",
                   .options = {RefArgument(), FormatOption({"table", "json"})},
                   .run = Restore});
  table.push_back(
      {.path = "delete",
       .group = kGroup,
       .summary = "Delete a connection, its history and its secrets",
       .options =
           {RefArgument(),
            {.name = "yes", .flags = "-y,--yes", .help = "Do not ask.", .kind = OptionKind::kFlag}},
       .run = Delete});
}

}  // namespace

void AddConnectionCommands(CommandTable& table) {
  AddReading(table);
  AddChanging(table);
}

}  // namespace nstarx::cli
