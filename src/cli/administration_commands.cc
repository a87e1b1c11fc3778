#include <fmt/format.h>

#include "audit/journal.h"
#include "base/percent.h"
#include "cli/session.h"

namespace nstarx::cli {
namespace {

constexpr const char* kGroup = "Administration";

/// Prints the members at `paths` of every item of a page.
Result<int> PrintPage(Session& session, const Arguments& arguments, const json::object& page,
                      const std::vector<std::string>& headers,
                      const std::vector<std::string>& paths) {
  std::vector<std::vector<std::string>> rows;
  for (const json::value& item : Items(page)) {
    std::vector<std::string> row;
    for (const std::string& path : paths) row.push_back(CellAt(item.as_object(), path));
    rows.push_back(std::move(row));
  }
  NSTARX_RETURN_IF_ERROR(session.PrintRows(arguments, page, headers, rows));
  return 0;
}

/// Prints one object as fields and values.
Result<int> PrintObject(Session& session, const Arguments& arguments, const json::value& value) {
  std::vector<std::vector<std::string>> rows;
  if (value.is_object()) {
    for (const auto& [key, member] : value.get_object()) {
      rows.push_back({std::string(key), CellOf(member)});
    }
  }
  NSTARX_RETURN_IF_ERROR(session.PrintRows(arguments, value, {"FIELD", "VALUE"}, rows));
  return 0;
}

json::array Words(const Arguments& arguments, std::string_view name) {
  json::array words;
  for (const std::string& word : arguments.All(name)) words.emplace_back(word);
  return words;
}

Result<int> CreateKey(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  json::object body{{"name", arguments.Text("name")}};
  for (const char* key : {"user", "role", "expires"}) {
    if (arguments.Has(key)) body[key] = arguments.Text(key);
  }
  if (arguments.Has("scope")) body["scopes"] = Words(arguments, "scope");
  NSTARX_TRY(const json::value made, api->Call("POST", "/api-keys", body));
  if (arguments.Text("format") == "json") {
    NSTARX_RETURN_IF_ERROR(session.PrintJson(made));
    return 0;
  }
  NSTARX_RETURN_IF_ERROR(session.console().Out(CellAt(made.as_object(), "api_key") + "\n"));
  session.Note(
      fmt::format("Key {}: keep it now, it is not shown again.", CellAt(made.as_object(), "id")));
  return 0;
}

Result<int> ListKeys(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object page, api->Get("/api-keys"));
  return PrintPage(session, arguments, page,
                   {"ID", "NAME", "USER", "ROLE", "SCOPES", "EXPIRES", "REVOKED", "LAST USED"},
                   {"id", "name", "user_id", "role", "scopes", "expires", "revoked", "last_used"});
}

Result<int> RevokeKey(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::value gone,
             api->Call("DELETE", "/api-keys/" + PercentEncode(arguments.Text("id"))));
  session.Note(fmt::format("{} is revoked.", arguments.Text("id")));
  return 0;
}

Result<int> AddUser(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  json::object body{{"name", arguments.Text("name")}, {"role", arguments.Text("role")}};
  if (arguments.Has("team")) body["teams"] = Words(arguments, "team");
  NSTARX_TRY(const json::value made, api->Call("POST", "/users", body));
  return PrintObject(session, arguments, made);
}

Result<int> ListUsers(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object page, api->Get("/users"));
  return PrintPage(session, arguments, page, {"ID", "NAME", "ROLE", "TEAMS", "CREATED"},
                   {"id", "name", "role", "teams", "created"});
}

Result<int> UpdateUser(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  json::object body;
  if (arguments.Has("role")) body["role"] = arguments.Text("role");
  if (arguments.Has("team")) body["teams"] = Words(arguments, "team");
  if (body.empty()) {
    return InvalidArgument("usage.missing_argument", "say what to change: --role or --team");
  }
  NSTARX_TRY(const json::value changed,
             api->Call("PATCH", "/users/" + PercentEncode(arguments.Text("user")), body));
  return PrintObject(session, arguments, changed);
}

Result<int> ListAudit(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object page,
             api->Get("/audit", {{"user", arguments.Text("user")},
                                 {"action", arguments.Text("action")},
                                 {"connection", arguments.Text("connection")},
                                 {"since", arguments.Text("since")},
                                 {"until", arguments.Text("until")},
                                 {"limit", arguments.Text("limit")},
                                 {"before", arguments.Text("before")}}));
  return PrintPage(
      session, arguments, page,
      {"SEQ", "TIME", "USER", "ACTION", "OUTCOME", "CODE", "CONNECTION", "ROWS", "MS", "REQUEST"},
      {"seq", "time", "user", "action", "outcome", "code", "connection", "rows", "ms",
       "request_id"});
}

Result<int> PrintVerdict(Session& session, const Arguments& arguments, bool intact,
                         const json::object& verdict) {
  if (arguments.Text("format") == "json") {
    NSTARX_RETURN_IF_ERROR(session.PrintJson(verdict));
  } else {
    Console& console = session.console();
    const std::string text =
        intact ? console.Paint(Tone::kGood, "✓ intact") + fmt::format(": {} entries, head {}",
                                                                      CellAt(verdict, "entries"),
                                                                      CellAt(verdict, "head_hash"))
               : console.Paint(Tone::kBad, "✗ broken") +
                     fmt::format(" at entry {}: {}", CellAt(verdict, "first_broken"),
                                 CellAt(verdict, "reason"));
    NSTARX_RETURN_IF_ERROR(console.Out(text + "\n"));
  }
  return intact ? 0 : kExitNo;
}

Result<int> VerifyAudit(Session& session, const Arguments& arguments) {
  if (session.globals().Has("data")) {
    NSTARX_TRY(const audit::Verdict verdict,
               audit::VerifyDirectory(session.DataDirectory() + "/audit"));
    return PrintVerdict(
        session, arguments, verdict.intact,
        {{"intact", verdict.intact},
         {"entries", verdict.entries},
         {"first_broken", verdict.intact ? json::value() : json::value(verdict.first_broken)},
         {"reason", verdict.reason},
         {"head_hash", verdict.head_hash}});
  }
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::value verdict,
             api->Call("GET", "/audit/verify", {}, std::chrono::minutes(5)));
  if (!verdict.is_object()) return Internal("the server's verdict is no object");
  return PrintVerdict(session, arguments, GetBool(verdict.get_object(), "intact", false),
                      verdict.get_object());
}

Result<int> ListVaultKeys(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object page, api->Get("/vault/keys"));
  std::vector<std::string> headers;
  std::vector<std::string> paths;
  for (const json::value& item : Items(page)) {
    for (const auto& member : item.as_object()) {
      const std::string name(member.key());
      if (std::ranges::find(paths, name) != paths.end()) continue;
      paths.push_back(name);
      headers.push_back(name);
    }
  }
  for (std::string& header : headers) {
    for (char& c : header)
      c = c == '_' ? ' ' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  }
  return PrintPage(session, arguments, page, headers, paths);
}

Result<int> RotateVaultKey(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::value progress,
             api->Call("POST", "/vault/rotate", {}, std::chrono::hours(1)));
  return PrintObject(session, arguments, progress);
}

Result<int> VaultProgress(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object progress, api->Get("/vault/progress"));
  return PrintObject(session, arguments, progress);
}

Result<int> WhoAmI(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object me, api->Get("/whoami"));
  return PrintObject(session, arguments, me);
}

Option RoleOption() {
  return {.name = "role",
          .flags = "--role",
          .value = "ROLE",
          .help = "What it may do at most.",
          .choices = {"viewer", "user", "editor", "admin"}};
}
Option TeamOption() {
  return {.name = "team",
          .flags = "--team",
          .value = "TEAM",
          .help = "A team.",
          .kind = OptionKind::kList};
}

void AddCallers(CommandTable& table) {
  table.push_back(
      {.path = "api-keys create",
       .group = kGroup,
       .summary = "Make an API key; it is printed once",
       .options = {{.name = "name", .value = "NAME", .help = "What it is for.", .required = true},
                   {.name = "user",
                    .flags = "--user",
                    .value = "USER",
                    .help = "Whose; yours when left out."},
                   RoleOption(),
                   {.name = "scope",
                    .flags = "--scope",
                    .value = "SCOPE",
                    .help = "What it is limited to, e.g. connections:read or data:use.",
                    .kind = OptionKind::kList},
                   {.name = "expires",
                    .flags = "--expires",
                    .value = "TIME",
                    .help = "Until when, e.g. 2027-01-31T00:00:00Z."},
                   FormatOption({"table", "json"})},
       .examples = {"nstarx api-keys create nightly-report --role user --scope data:use"},
       .run = CreateKey});
  table.push_back({.path = "api-keys list",
                   .group = kGroup,
                   .summary = "List API keys; never the keys themselves",
                   .options = {FormatOption()},
                   .run = ListKeys});
  table.push_back(
      {.path = "api-keys revoke",
       .group = kGroup,
       .summary = "End an API key at once",
       .options = {{.name = "id", .value = "ID", .help = "See `api-keys list`.", .required = true}},
       .run = RevokeKey});
  Option role = RoleOption();
  role.default_value = "user";
  table.push_back(
      {.path = "users add",
       .group = kGroup,
       .summary = "Add a user",
       .options = {{.name = "name", .value = "NAME", .help = "Its name.", .required = true},
                   role,
                   TeamOption(),
                   FormatOption()},
       .run = AddUser});
  table.push_back({.path = "users list",
                   .group = kGroup,
                   .summary = "List users",
                   .options = {FormatOption()},
                   .run = ListUsers});
  table.push_back(
      {.path = "users update",
       .group = kGroup,
       .summary = "Change a user's role or teams",
       .options = {{.name = "user", .value = "USER", .help = "Name or id.", .required = true},
                   RoleOption(),
                   TeamOption(),
                   FormatOption()},
       .run = UpdateUser});
  table.push_back({.path = "whoami",
                   .group = kGroup,
                   .summary = "Show whose key this is and what it may do",
                   .options = {FormatOption()},
                   .run = WhoAmI});
}

void AddSafety(CommandTable& table) {
  const auto filter = [](const char* name, const char* value, const char* help) {
    return Option{.name = name, .flags = std::string("--") + name, .value = value, .help = help};
  };
  table.push_back({.path = "audit list",
                   .group = kGroup,
                   .summary = "Show who did what, newest first",
                   .options = {filter("user", "USER", "By this user."),
                               filter("action", "ACTION", "Of this kind, e.g. query.run."),
                               filter("connection", "CONNECTION", "To this connection."),
                               filter("since", "TIME", "From then on (RFC 3339)."),
                               filter("until", "TIME", "Up to then."),
                               filter("before", "SEQ", "Older than this entry."),
                               {.name = "limit",
                                .flags = "--limit",
                                .value = "N",
                                .help = "At most so many.",
                                .kind = OptionKind::kInteger,
                                .default_value = "100",
                                .minimum = 1,
                                .maximum = 1000},
                               FormatOption()},
                   .run = ListAudit});
  table.push_back(
      {.path = "audit verify",
       .group = kGroup,
       .summary = "Check the journal: nothing changed, nothing missing",
       .description = "With --data DIR the journal's files are checked without a server. "
                      "Exits with 1 when it is broken.",
       .options = {FormatOption({"table", "json"})},
       .examples = {"nstarx audit verify", "nstarx audit verify --data /var/lib/nstarx"},
       .run = VerifyAudit});
  table.push_back({.path = "vault keys",
                   .group = kGroup,
                   .summary = "List the key-encryption keys; never the keys themselves",
                   .options = {FormatOption()},
                   .run = ListVaultKeys});
  table.push_back({.path = "vault rotate",
                   .group = kGroup,
                   .summary = "Make a new key-encryption key and re-wrap every data key, online",
                   .options = {FormatOption()},
                   .run = RotateVaultKey});
  table.push_back({.path = "vault progress",
                   .group = kGroup,
                   .summary = "Show how far the re-wrapping is",
                   .options = {FormatOption()},
                   .run = VaultProgress});
}

}  // namespace

void AddAdministrationCommands(CommandTable& table) {
  AddCallers(table);
  AddSafety(table);
}

}  // namespace nstarx::cli
