#include <fmt/format.h>

#include "cli/draft.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/test_checklist.h"
#include "cli/wizard.h"

namespace nstarx::cli {
namespace {

constexpr std::string_view kUnsetVariable = "config.unset_variable";

void NoteUnset(Session& session, std::string_view sentence) {
  session.Note(fmt::format("note: saved untested, because {}; set it where the server runs.",
                           CellText(sentence)));
}

/// Whether the draft may be saved. A variable that the server has not got yet is no reason against
/// it: variables are resolved on use.
Result<bool> TestFirst(Session& session, Api& api, const json::object& draft) {
  auto report = api.Call("POST", "/connections/test", draft);
  if (!report) {
    if (report.error().code() != kUnsetVariable) return std::move(report).error();
    NoteUnset(session, report.error().message());
    return true;
  }
  if (!report->is_object()) return Internal("the server's test report is no object");
  const json::object& document = report->get_object();
  if (GetString(document, "status") == "ok") return true;
  const json::value* stages = document.if_contains("stages");
  for (const json::value& stage :
       stages != nullptr && stages->is_array() ? stages->get_array() : json::array()) {
    if (!stage.is_object() || GetString(stage.get_object(), "code") != kUnsetVariable) continue;
    NoteUnset(session, GetString(stage.get_object(), "detail"));
    return true;
  }
  session.console().Err(TestChecklist(session.console(), document));
  session.Note("Nothing was saved. --no-test saves it all the same.");
  return false;
}

Result<int> Create(Session& session, Api& api, const Arguments& arguments,
                   const json::object& draft) {
  if (!draft.contains("name") || GetString(draft, "name").empty()) {
    return InvalidArgument("usage.missing_argument", "--name is missing");
  }
  if (!arguments.Has("no-test")) {
    NSTARX_TRY(const bool go_on, TestFirst(session, api, draft));
    if (!go_on) return kExitNo;
  }
  NSTARX_TRY(const json::value made, api.Call("POST", "/connections", draft));
  if (arguments.Text("format") == "json") {
    NSTARX_RETURN_IF_ERROR(session.PrintJson(made));
  } else {
    session.Note(fmt::format("{} is saved.", GetString(draft, "name")));
  }
  return 0;
}

Result<int> Add(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  Console& console = session.console();
  const bool guided = console.input_is_terminal() && console.output_is_terminal() &&
                      !arguments.Has("name") && arguments.Text("format") == "table";
  const bool empty = !arguments.Has("uri") && !arguments.Has("type") && !arguments.Has("template");
  if (guided && empty) return Wizard(session, *api).Run({});
  NSTARX_TRY(NamedDraft named, DraftFromArguments(session, *api, arguments));
  if (guided) return Wizard(session, *api).Run(std::move(named.draft));
  return Create(session, *api, arguments, named.draft);
}

}  // namespace

void AddCreationCommands(CommandTable& table) {
  std::vector<Option> options = {
      {.name = "uri", .value = "URI", .help = "postgresql://, mysql://, sqlite:, s3://, …"},
      {.name = "name", .flags = "--name", .value = "NAME", .help = "Its name."},
      {.name = "type",
       .flags = "--type",
       .value = "TYPE",
       .help = "Its type, without a URI.",
       .completes = "types"},
      {.name = "no-test",
       .flags = "--no-test",
       .help = "Save it without testing it first.",
       .kind = OptionKind::kFlag},
      TemplateOption(),
      FormatOption({"table", "json"})};
  for (Option& option : DraftOptions()) options.push_back(std::move(option));
  table.push_back(
      {.path = "add",
       .group = "Connections",
       .summary = "Register a connection: guided on a terminal, or from a URI or flags",
       .description = "Without --name on a terminal, a wizard asks for what is missing, tests and "
                      "saves. With --name nothing is\nasked: the connection is tested and saved; "
                      "exit code 1 when the test failed.",
       .options = std::move(options),
       .examples =
           {"nstarx add",
            "nstarx add postgresql://app@db.example.com/sales --name sales --auth "
            "password=env:PGPASSWORD",
            "nstarx add mysql://app@db.example.com/shop --name shop --auth password=-",
            "nstarx add sqlite:/var/lib/app/app.db --name app",
            "nstarx add s3://my-data-lake?region=us-west-2 --name lake --auth iam --auth "
            "role_arn=arn:aws:iam::123456789012:role/DataAccess",
            "nstarx add --template postgresql/rds --name sales --set host=db.example.com --set "
            "username=app --auth password=env:PGPASSWORD",
            "nstarx add --type postgresql --name sales --set host=db --set database=sales --set "
            "username=app --set 'password=${PGPASSWORD}'"},
       .run = Add});
}

}  // namespace nstarx::cli
