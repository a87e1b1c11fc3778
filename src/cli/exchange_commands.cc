#include <fmt/format.h>

#include <fstream>
#include <set>

#include "cli/output_file.h"
#include "cli/session.h"

namespace nstarx::cli {
namespace {

constexpr const char* kGroup = "Connections as code";
constexpr size_t kFileMax = 64 << 20;

/// A connection as the file has it: what was said on creation, without ids, times and secrets.
json::object Portable(const json::object& shown) {
  json::object out;
  for (const char* key : {"name", "type", "configuration", "pooling", "ssl", "sharing"}) {
    if (const json::value* value = shown.if_contains(key)) out[key] = *value;
  }
  json::object authentication;
  json::array secrets;
  if (const json::value* part = shown.if_contains("authentication"); part && part->is_object()) {
    for (const auto& [key, value] : part->get_object()) {
      if (value.is_object() && value.get_object().contains("configured")) {
        secrets.emplace_back(key);
      } else {
        authentication[key] = value;
      }
    }
  }
  out["authentication"] = std::move(authentication);
  if (!secrets.empty()) out["secrets"] = std::move(secrets);
  json::object metadata;
  if (const json::value* part = shown.if_contains("metadata"); part && part->is_object()) {
    for (const char* key : {"tags", "description"}) {
      if (const json::value* value = part->get_object().if_contains(key)) metadata[key] = *value;
    }
  }
  out["metadata"] = std::move(metadata);
  return out;
}

Result<int> Export(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  json::array connections;
  std::string cursor;
  const std::vector<std::string>& names = arguments.All("refs");
  for (const std::string& name : names) {
    NSTARX_TRY(const json::object shown, api->Get(ConnectionPath(name)));
    connections.push_back(Portable(shown));
  }
  while (names.empty()) {
    NSTARX_TRY(const json::object page, api->Get("/connections", {{"tag", arguments.Text("tag")},
                                                                  {"type", arguments.Text("type")},
                                                                  {"limit", "1000"},
                                                                  {"cursor", cursor}}));
    for (const json::value& item : Items(page)) connections.push_back(Portable(item.as_object()));
    cursor = GetString(page, "next");
    if (cursor.empty()) break;
  }
  const size_t count = connections.size();
  const std::string text = PrettyJson(json::object{{"connections", std::move(connections)}}) + "\n";
  if (!arguments.Has("output")) {
    NSTARX_RETURN_IF_ERROR(session.console().Out(text));
    return 0;
  }
  NSTARX_TRY(auto file, OutputFile::Create(session.console(), arguments.Text("output")));
  NSTARX_RETURN_IF_ERROR(file->Write(text));
  NSTARX_RETURN_IF_ERROR(file->Commit());
  session.Note(fmt::format("{} connections written to {}, without their secrets.", count,
                           arguments.Text("output")));
  return 0;
}

Result<json::array> ReadFile(Session& session, const std::string& path) {
  std::string text;
  if (path == "-") {
    NSTARX_TRY(text, session.console().ReadAll(kFileMax));
  } else {
    std::ifstream file(path);
    text.assign(std::istreambuf_iterator<char>(file), {});
    if (!file) {
      return InvalidArgument("client.file_unreadable",
                             fmt::format("cannot read the file {}", path));
    }
  }
  NSTARX_TRY(json::value document, ParseJson(text));
  if (document.is_object()) {
    if (json::value* list = document.get_object().if_contains("connections")) {
      document = json::value(*list);
    } else {
      document = json::array{document};
    }
  }
  const Error wrong =
      InvalidArgument("client.malformed_file", "the file holds no list of connections")
          .WithHint(
              R"(It looks like {"connections": [{"name": …, "type": …, …}]}; see `nstarx export`.)");
  if (!document.is_array()) return wrong;
  std::set<std::string> names;
  for (const json::value& item : document.get_array()) {
    if (!item.is_object() || GetString(item.get_object(), "name").empty()) return wrong;
    const std::string name(GetString(item.get_object(), "name"));
    if (!names.insert(name).second) {
      return InvalidArgument("client.malformed_file", fmt::format("the file names {} twice", name));
    }
  }
  return std::move(document.get_array());
}

/// The merge patch that makes `current` say what `wanted` says. In configuration and authentication
/// what the file leaves out is removed, but secrets stay: the file does not hold them.
void Differ(const json::object& wanted, const json::object& current, const std::string& prefix,
            bool removes, json::object& patch, std::vector<std::string>& changes) {
  for (const auto& [key, value] : wanted) {
    const std::string path = prefix.empty() ? std::string(key) : prefix + "." + std::string(key);
    const json::value* now = current.if_contains(key);
    if (value.is_object() && now != nullptr && now->is_object() &&
        !now->get_object().contains("configured")) {
      json::object part;
      const bool whole = prefix.empty() && (key == "configuration" || key == "authentication");
      Differ(value.get_object(), now->get_object(), path, whole, part, changes);
      if (!part.empty()) patch[key] = std::move(part);
      continue;
    }
    if (now != nullptr && *now == value) continue;
    if (now == nullptr && (value.is_null() || (value.is_string() && value.get_string().empty()) ||
                           (value.is_object() && value.get_object().empty()))) {
      continue;
    }
    patch[key] = value;
    changes.push_back(path);
  }
  if (!removes) return;
  for (const auto& [key, value] : current) {
    const bool secret = value.is_object() && value.get_object().contains("configured");
    if (secret || wanted.contains(key) || key == "type") continue;
    patch[key] = nullptr;
    changes.push_back(prefix + "." + std::string(key));
  }
}

/// One connection of the file as the server's API has it.
json::object Desired(const json::object& item) {
  json::object desired = item;
  desired.erase("secrets");
  json::value& metadata = desired["metadata"];
  if (!metadata.is_object()) metadata = json::object();
  for (const char* key : {"tags", "description"}) {
    if (const json::value* value = desired.if_contains(key)) {
      metadata.get_object()[key] = *value;
      desired.erase(key);
    }
  }
  if (metadata.get_object().empty()) desired.erase("metadata");
  return desired;
}

struct Plan {
  std::string name;
  std::string action;  ///< create, update, unchanged
  std::vector<std::string> changes;
  json::object body;
  int64_t version = 0;
};

Result<Plan> PlanOne(Api& api, const json::object& item) {
  Plan plan{.name = std::string(GetString(item, "name"))};
  json::object desired = Desired(item);
  auto current = api.Get(ConnectionPath(plan.name));
  if (!current) {
    if (current.error().kind() != ErrorKind::kNotFound) return std::move(current).error();
    plan.action = "create";
    plan.body = std::move(desired);
    return plan;
  }
  const json::object shown = Portable(*current);
  if (desired.contains("type") && desired.at("type") != shown.at("type")) {
    return InvalidArgument("client.type_differs", fmt::format("{} is of type {} on the server",
                                                              plan.name, CellAt(shown, "type")))
        .WithHint("The type of a connection can't change: give the new one another name.");
  }
  Differ(desired, *current, "", false, plan.body, plan.changes);
  plan.version = GetInt(*current, "version", 0);
  plan.action = plan.changes.empty() ? "unchanged" : "update";
  return plan;
}

Status Carry(Api& api, const Plan& plan) {
  if (plan.action == "unchanged") return {};
  Request request{.method = plan.action == "create" ? "POST" : "PATCH",
                  .path = plan.action == "create" ? "/connections" : ConnectionPath(plan.name),
                  .body = json::serialize(plan.body)};
  if (plan.action == "update") {
    request.headers.emplace_back("If-Match", fmt::format("\"{}\"", plan.version));
  }
  NSTARX_TRY(const Answer done, api.Send(request));
  return {};
}

Result<int> Apply(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::array items, ReadFile(session, arguments.Text("file")));
  // The whole plan first: a wrong file changes nothing.
  std::vector<Plan> plans;
  for (const json::value& item : items) {
    NSTARX_TRY(Plan plan, PlanOne(*api, item.as_object()));
    plans.push_back(std::move(plan));
  }
  const bool dry = arguments.Has("dry-run");
  json::array document;
  std::vector<std::vector<std::string>> rows;
  std::optional<Error> failure;
  for (const Plan& plan : plans) {
    json::array changes(plan.changes.begin(), plan.changes.end());
    std::string outcome = dry ? "planned" : "done";
    if (plan.action == "unchanged") outcome = "";
    if (failure) outcome = "not tried";
    if (!dry && !failure) {
      if (auto done = Carry(*api, plan); !done) {
        outcome = done.error().code();
        failure = std::move(done).error();
      }
    }
    rows.push_back({plan.action, plan.name, CellOf(changes), outcome});
    document.push_back({{"action", plan.action},
                        {"name", plan.name},
                        {"changes", std::move(changes)},
                        {"outcome", outcome}});
  }
  NSTARX_RETURN_IF_ERROR(session.PrintRows(arguments, json::object{{"plan", std::move(document)}},
                                           {"ACTION", "NAME", "CHANGES", "OUTCOME"}, rows));
  if (failure) return *failure;
  return 0;
}

}  // namespace

void AddExchangeCommands(CommandTable& table) {
  table.push_back(
      {.path = "export",
       .group = kGroup,
       .summary = "Print connections as a file for `apply`, without secrets",
       .options = {{.name = "refs",
                    .value = "CONNECTION",
                    .help = "Names or ids; all when left out.",
                    .kind = OptionKind::kList,
                    .completes = "connections"},
                   {.name = "tag", .flags = "--tag", .value = "TAG", .help = "With this tag."},
                   {.name = "type",
                    .flags = "--type",
                    .value = "TYPE",
                    .help = "Of this type.",
                    .completes = "types"},
                   {.name = "output",
                    .flags = "--output",
                    .value = "FILE",
                    .help = "Write it there.",
                    .completes = "files"}},
       .examples = {"nstarx export --tag nightly --output connections.json"},
       .run = Export});
  table.push_back({.path = "apply",
                   .group = kGroup,
                   .summary = "Make the server's connections say what a file says",
                   .description =
                       "Creates or updates by name, never deletes. Secrets that are not in "
                       "the file stay; a value may be ${NAME},\nresolved by the server on "
                       "use. Nothing is changed when any part of the file is wrong.",
                   .options = {{.name = "file",
                                .flags = "-f,--file",
                                .value = "FILE",
                                .help = "JSON as `export` prints it; - is standard input.",
                                .required = true,
                                .completes = "files"},
                               {.name = "dry-run",
                                .flags = "--dry-run",
                                .help = "Only show the plan.",
                                .kind = OptionKind::kFlag},
                               FormatOption()},
                   .examples = {"nstarx apply -f connections.json --dry-run"},
                   .run = Apply});
}

}  // namespace nstarx::cli
