#include <fmt/format.h>

#include "base/percent.h"
#include "cli/output_file.h"
#include "cli/session.h"

namespace nstarx::cli {
namespace {

constexpr const char* kGroup = "Drivers";
constexpr auto kDownload = std::chrono::minutes(30);

std::string DriverPath(const Arguments& arguments, std::string_view rest = "") {
  return "/drivers/" + PercentEncode(arguments.Text("driver")) + std::string(rest);
}

Result<int> List(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  json::object page;
  json::array all;
  std::string cursor;
  do {
    NSTARX_TRY(page, api->Get("/drivers", {{"installed", arguments.Has("installed") ? "true" : ""},
                                           {"refresh", arguments.Has("refresh") ? "true" : ""},
                                           {"limit", "1000"},
                                           {"cursor", cursor}}));
    for (const json::value& item : Items(page)) all.push_back(item);
    cursor = GetString(page, "next");
  } while (!cursor.empty());
  page["items"] = std::move(all);
  std::vector<std::vector<std::string>> rows;
  for (const json::value& item : Items(page)) {
    const json::object& row = item.get_object();
    rows.push_back({CellAt(row, "id"), CellAt(row, "kind"), CellAt(row, "version"),
                    CellAt(row, "newest"), CellAt(row, "auto_update"), CellAt(row, "licence"),
                    CellAt(row, "title")});
  }
  NSTARX_RETURN_IF_ERROR(session.PrintRows(
      arguments, page, {"DRIVER", "KIND", "INSTALLED", "NEWEST", "AUTO", "LICENCE", "TITLE"},
      rows));
  for (const json::value& problem : page.at("problems").as_array()) {
    const json::object& row = problem.as_object();
    session.Note(fmt::format("{}: {} ({})", CellAt(row, "index"), CellAt(row, "detail"),
                             CellAt(row, "code")));
  }
  return 0;
}

Result<int> Print(Session& session, const Arguments& arguments, const json::object& found) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, value] : found) rows.push_back({std::string(key), CellOf(value)});
  NSTARX_RETURN_IF_ERROR(session.PrintRows(arguments, found, {"FIELD", "VALUE"}, rows));
  return 0;
}

Result<int> Show(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(
      const json::object found,
      api->Get(DriverPath(arguments), {{"refresh", arguments.Has("refresh") ? "true" : ""}}));
  return Print(session, arguments, found);
}

/// Says what a change did, or would do.
Result<int> Told(Session& session, const Arguments& arguments, const json::object& done) {
  if (arguments.Text("format") == "json") return Print(session, arguments, done);
  const std::string action = CellAt(done, "action");
  const bool would = CellAt(done, "dry_run") == "true";
  const std::string named = fmt::format("{} {}", CellAt(done, "id"), CellAt(done, "version"));
  if (action == "none") {
    session.Note(fmt::format("{} is the current version already.", named));
  } else if (would) {
    session.Note(fmt::format("{} would be {} from {}.", named,
                             action == "switch" ? "switched to" : "installed",
                             action == "switch" ? "this disk" : CellAt(done, "source")));
  } else {
    session.Note(fmt::format("{} is {}; sessions opened from now on use it.", named,
                             action == "switch" ? "current again" : "installed"));
  }
  return 0;
}

Result<int> Change(Session& session, const Arguments& arguments, std::string_view action,
                   json::object body) {
  NSTARX_TRY(Api * api, session.api());
  if (arguments.Has("dry-run")) body["dry_run"] = true;
  NSTARX_TRY(const json::value done,
             api->Call("POST", DriverPath(arguments, action), body, kDownload));
  return Told(session, arguments, done.as_object());
}

Result<int> Install(Session& session, const Arguments& arguments) {
  json::object body;
  if (arguments.Has("version")) body["version"] = arguments.Text("version");
  return Change(session, arguments, "/install", std::move(body));
}

Result<int> Update(Session& session, const Arguments& arguments) {
  return Change(session, arguments, "/update", {});
}

Result<int> Rollback(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::value done, api->Call("POST", DriverPath(arguments, "/rollback")));
  return Told(session, arguments, done.as_object());
}

std::string VersionQuery(const Arguments& arguments) {
  if (!arguments.Has("version")) return {};
  return "?version=" + PercentEncode(arguments.Text("version"));
}

Result<int> Verify(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(
      const json::value found,
      api->Call("POST", DriverPath(arguments, "/verify" + VersionQuery(arguments)), {}, kDownload));
  const json::object& verdict = found.as_object();
  const bool intact = CellAt(verdict, "intact") == "true";
  if (arguments.Text("format") == "json") {
    NSTARX_RETURN_IF_ERROR(session.PrintJson(found));
  } else if (intact) {
    session.Note(fmt::format("{} {} is as it was installed ({} files).", CellAt(verdict, "id"),
                             CellAt(verdict, "version"), CellAt(verdict, "files")));
  } else {
    session.Note(fmt::format("{} {} is damaged: {} ({}). Install that version again.",
                             CellAt(verdict, "id"), CellAt(verdict, "version"),
                             CellAt(verdict, "first_different"), CellAt(verdict, "reason")));
  }
  return intact ? 0 : kExitNo;
}

Result<int> Remove(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  std::string query = VersionQuery(arguments);
  if (arguments.Has("force")) query += query.empty() ? "?force=true" : "&force=true";
  NSTARX_TRY(const json::value gone, api->Call("DELETE", DriverPath(arguments, query)));
  session.Note(fmt::format("{} {}is removed.", arguments.Text("driver"),
                           arguments.Has("version") ? arguments.Text("version") + " " : ""));
  return 0;
}

Result<int> Policy(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  const json::object body{{"auto_update", arguments.Text("policy")}};
  NSTARX_TRY(const json::value changed, api->Call("PATCH", DriverPath(arguments), body));
  if (arguments.Text("format") == "json") return Print(session, arguments, changed.as_object());
  session.Note(fmt::format("Automatic updates of {}: {}.", arguments.Text("driver"),
                           CellAt(changed.as_object(), "auto_update")));
  return 0;
}

Result<int> Import(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const InputFile file, InputFile::Open(arguments.Text("file")));
  Request request{.method = "POST",
                  .path = "/drivers/import",
                  .content_type = "application/octet-stream",
                  .timeout = kDownload};
  request.upload = [&](std::span<char> into) { return file.Read(into); };
  request.upload_size = file.size();
  NSTARX_TRY(const Answer answer, api->Send(request));
  NSTARX_TRY(const json::value done, ParseJson(answer.body));
  return Told(session, arguments, done.as_object());
}

Result<int> Export(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  const Request request{.path = DriverPath(arguments, "/bundle"),
                        .query = {{"version", arguments.Text("version")}},
                        .accept = "*/*",
                        .timeout = kDownload};
  NSTARX_TRY(auto file, OutputFile::Create(session.console(), arguments.Text("file")));
  NSTARX_TRY(const Answer answer,
             api->Stream(request, [&](std::string_view piece) { return file->Write(piece); }));
  NSTARX_RETURN_IF_ERROR(file->Commit());
  session.Note(fmt::format("{} bytes written to {}", file->size(), arguments.Text("file")));
  return 0;
}

Option DriverArgument() {
  return {
      .name = "driver", .value = "DRIVER", .help = "Its id, e.g. mssql-jdbc.", .required = true};
}
Option VersionOption(std::string help) {
  return {.name = "version", .flags = "--version", .value = "VERSION", .help = std::move(help)};
}
Option DryRun() {
  return {.name = "dry-run",
          .flags = "--dry-run",
          .help = "Say what would be done, and do nothing.",
          .kind = OptionKind::kFlag};
}
Option Refresh() {
  return {.name = "refresh",
          .flags = "--refresh",
          .help = "Ask the HTTP indexes and repositories now.",
          .kind = OptionKind::kFlag};
}
Option FileArgument(std::string help) {
  return {.name = "file",
          .value = "FILE",
          .help = std::move(help),
          .required = true,
          .completes = "files"};
}

void AddBundleCommands(CommandTable& table) {
  table.push_back({.path = "drivers export",
                   .group = kGroup,
                   .summary = "Write an installed driver as a bundle for a machine without network",
                   .options = {DriverArgument(), FileArgument("Where to write it; a TAR."),
                               VersionOption("Not the current one but this.")},
                   .examples = {"nstarx drivers export mssql-jdbc mssql.tar"},
                   .run = Export});
  table.push_back(
      {.path = "drivers import",
       .group = kGroup,
       .summary = "Install a driver from a bundle, checked as a download is",
       .options = {FileArgument("What `drivers export` wrote."), FormatOption({"table", "json"})},
       .examples = {"nstarx drivers import mssql.tar"},
       .run = Import});
}

void AddStateCommands(CommandTable& table) {
  table.push_back({.path = "drivers list",
                   .group = kGroup,
                   .summary = "List the drivers that are installed and those that there are",
                   .options = {{.name = "installed",
                                .flags = "--installed",
                                .help = "Only those that are installed.",
                                .kind = OptionKind::kFlag},
                               Refresh(),
                               FormatOption({"table", "json"})},
                   .examples = {"nstarx drivers list", "nstarx drivers list --installed -o json"},
                   .run = List});
  table.push_back({.path = "drivers show",
                   .group = kGroup,
                   .summary = "Show a driver: versions, files, source",
                   .options = {DriverArgument(), Refresh(), FormatOption({"table", "json"})},
                   .examples = {"nstarx drivers show mssql-jdbc --refresh"},
                   .run = Show});
  table.push_back({.path = "drivers verify",
                   .group = kGroup,
                   .summary = "Hash a driver's files again; exit code 1 when one differs",
                   .options = {DriverArgument(), VersionOption("Not the current one but this."),
                               FormatOption({"table", "json"})},
                   .examples = {"nstarx drivers verify mssql-jdbc"},
                   .run = Verify});
  table.push_back({.path = "drivers policy",
                   .group = kGroup,
                   .summary = "Set how far automatic updates of a driver go",
                   .options = {DriverArgument(),
                               {.name = "policy",
                                .value = "POLICY",
                                .help = "off, patch (1.2.x) or minor (1.x).",
                                .choices = {"off", "patch", "minor"},
                                .required = true},
                               FormatOption({"table", "json"})},
                   .examples = {"nstarx drivers policy mssql-jdbc patch"},
                   .run = Policy});
}

}  // namespace

void AddDriverCommands(CommandTable& table) {
  AddStateCommands(table);
  table.push_back(
      {.path = "drivers install",
       .group = kGroup,
       .summary = "Install a driver, or switch to a version that is installed",
       .description = "Checksums and signatures are checked before anything is switched. "
                      "Sessions opened later use it.",
       .options = {DriverArgument(), VersionOption("This one; the newest release when left out."),
                   DryRun(), FormatOption({"table", "json"})},
       .examples = {"nstarx drivers install postgresql-jdbc",
                    "nstarx drivers install postgresql-jdbc --version 42.7.4"},
       .run = Install});
  table.push_back({.path = "drivers update",
                   .group = kGroup,
                   .summary = "Install the newest release of a driver, if it is newer",
                   .options = {DriverArgument(), DryRun(), FormatOption({"table", "json"})},
                   .examples = {"nstarx drivers update postgresql-jdbc --dry-run"},
                   .run = Update});
  table.push_back({.path = "drivers rollback",
                   .group = kGroup,
                   .summary = "Go back to the version that was used before",
                   .options = {DriverArgument(), FormatOption({"table", "json"})},
                   .examples = {"nstarx drivers rollback postgresql-jdbc"},
                   .run = Rollback});
  table.push_back({.path = "drivers remove",
                   .group = kGroup,
                   .summary = "Remove a driver, or one of its versions",
                   .options = {DriverArgument(),
                               VersionOption("Only this one; not the current one."),
                               {.name = "force",
                                .flags = "--force",
                                .help = "Also when an adapter names the driver.",
                                .kind = OptionKind::kFlag}},
                   .examples = {"nstarx drivers remove postgresql-jdbc"},
                   .run = Remove});
  AddBundleCommands(table);
}

}  // namespace nstarx::cli
