#include <fmt/format.h>

#include <fstream>

#include "cli/session.h"

namespace nstarx::cli {
namespace {

constexpr const char* kGroup = "Catalogs";

const json::array& List(const json::object& object, std::string_view key) {
  static const json::array none;
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

Result<int> Datasets(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object page, api->Get(ConnectionPath(arguments.Text("ref"), "/datasets"),
                                               {{"path", arguments.Text("path")},
                                                {"q", arguments.Text("search")},
                                                {"limit", arguments.Text("limit")},
                                                {"cursor", arguments.Text("cursor")}}));
  std::vector<std::vector<std::string>> rows;
  for (const json::value& item : Items(page)) {
    const json::object& row = item.get_object();
    rows.push_back({CellAt(row, "path"), CellAt(row, "kind"), CellAt(row, "comment")});
  }
  NSTARX_RETURN_IF_ERROR(session.PrintRows(arguments, page, {"PATH", "KIND", "COMMENT"}, rows));
  if (const std::string next = CellAt(page, "next"); !next.empty()) {
    session.Note(fmt::format("There are more: --cursor '{}'", next));
  }
  return 0;
}

Result<int> ShowDataset(Session& session, const Arguments& arguments, const json::object& found) {
  std::vector<std::vector<std::string>> rows;
  for (const char* list : {"columns", "partition_columns"}) {
    for (const json::value& item : List(found, list)) {
      const json::object& row = item.get_object();
      rows.push_back({CellAt(row, "name"), CellAt(row, "native_type"), CellAt(row, "arrow_type"),
                      list[0] == 'p' ? "partition" : "", CellAt(row, "comment")});
    }
  }
  NSTARX_RETURN_IF_ERROR(session.PrintRows(
      arguments, found, {"COLUMN", "TYPE", "ARROW", "PARTITION", "COMMENT"}, rows));
  if (arguments.Text("format") != "table") return 0;
  std::string text;
  for (const char* key : {"kind", "format", "comment", "location", "tags", "created", "modified",
                          "row_estimate", "size_bytes"}) {
    const std::string value = CellAt(found, key);
    if (!value.empty()) text += fmt::format("{}: {}\n", key, value);
  }
  for (const json::value& owner : List(found, "owners")) {
    text += fmt::format("owner: {} ({})\n", CellAt(owner.get_object(), "name"),
                        CellAt(owner.get_object(), "kind"));
  }
  NSTARX_RETURN_IF_ERROR(session.console().Out("\n" + text));
  return 0;
}

Result<int> Dataset(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object found, api->Get(ConnectionPath(arguments.Text("ref"), "/dataset"),
                                                {{"path", arguments.Text("path")}}));
  return ShowDataset(session, arguments, found);
}

Result<json::object> ReadChange(Session& session, const Arguments& arguments) {
  json::object body;
  if (arguments.Has("file")) {
    const std::string path = arguments.Text("file");
    std::string text;
    if (path == "-") {
      NSTARX_TRY(text, session.console().ReadAll(16 << 20));
    } else {
      std::ifstream file(path);
      text.assign((std::istreambuf_iterator<char>(file)), {});
      if (!file) {
        return InvalidArgument("client.file_unreadable",
                               fmt::format("cannot read the file {}", path));
      }
    }
    NSTARX_TRY(json::value parsed, ParseJson(text));
    if (!parsed.is_object()) {
      return InvalidArgument("usage.bad_value", "the file must hold a JSON object");
    }
    body = std::move(parsed.get_object());
  }
  for (const char* name : {"comment", "owner", "location"}) {
    if (arguments.Has(name)) body[name] = arguments.Text(name);
  }
  if (!arguments.All("tag").empty()) {
    body["tags"] = json::array(arguments.All("tag").begin(), arguments.All("tag").end());
  }
  if (!arguments.All("property").empty()) {
    json::object properties;
    for (const std::string& text : arguments.All("property")) {
      const size_t equals = text.find('=');
      // NAME alone removes it.
      properties[text.substr(0, equals)] =
          equals == text.npos ? json::value(nullptr) : json::value(text.substr(equals + 1));
    }
    body["properties"] = std::move(properties);
  }
  return body;
}

std::string DatasetPath(const Arguments& arguments, std::string_view rest) {
  return ConnectionPath(arguments.Text("ref"), rest);
}

Result<json::value> Write(Api& api, std::string path, const Arguments& arguments,
                          std::string method, const json::object* body) {
  Request request{.method = std::move(method),
                  .path = std::move(path),
                  .query = {{"path", arguments.Text("path")}}};
  if (body != nullptr) request.body = json::serialize(*body);
  NSTARX_TRY(const Answer answer, api.Send(request));
  if (answer.body.empty()) return json::value();
  return ParseJson(answer.body);
}

Result<int> SetDataset(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object body, ReadChange(session, arguments));
  NSTARX_TRY(const json::value made,
             Write(*api, DatasetPath(arguments, "/dataset"), arguments, "PUT", &body));
  return ShowDataset(session, arguments, made.is_object() ? made.get_object() : json::object());
}

Result<int> DeleteDataset(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_RETURN_IF_ERROR(
      Write(*api, DatasetPath(arguments, "/dataset"), arguments, "DELETE", nullptr));
  session.Note(fmt::format("Removed {} from the catalog.", arguments.Text("path")));
  return 0;
}

Result<int> Partitions(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object page, api->Get(ConnectionPath(arguments.Text("ref"), "/partitions"),
                                               {{"path", arguments.Text("path")},
                                                {"limit", arguments.Text("limit")},
                                                {"cursor", arguments.Text("cursor")}}));
  std::vector<std::vector<std::string>> rows;
  for (const json::value& item : Items(page)) {
    const json::object& row = item.get_object();
    rows.push_back({CellAt(row, "values"), CellAt(row, "location"), CellAt(row, "created")});
  }
  NSTARX_RETURN_IF_ERROR(
      session.PrintRows(arguments, page, {"VALUES", "LOCATION", "CREATED"}, rows));
  if (const std::string next = CellAt(page, "next"); !next.empty()) {
    session.Note(fmt::format("There are more: --cursor '{}'", next));
  }
  return 0;
}

Result<int> Lineage(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  if (!arguments.All("from").empty()) {
    json::array upstream;
    for (const std::string& from : arguments.All("from")) {
      json::object row{{"from", from}};
      if (arguments.Has("process")) row["process"] = arguments.Text("process");
      upstream.push_back(std::move(row));
    }
    const json::object body{{"upstream", std::move(upstream)}};
    NSTARX_RETURN_IF_ERROR(
        Write(*api, DatasetPath(arguments, "/lineage"), arguments, "PUT", &body));
  }
  NSTARX_TRY(const json::object found, api->Get(ConnectionPath(arguments.Text("ref"), "/lineage"),
                                                {{"path", arguments.Text("path")},
                                                 {"direction", arguments.Text("direction")}}));
  std::vector<std::vector<std::string>> rows;
  for (const json::value& item : Items(found)) {
    const json::object& row = item.get_object();
    rows.push_back({CellAt(row, "from"), CellAt(row, "to"), CellAt(row, "process")});
  }
  NSTARX_RETURN_IF_ERROR(session.PrintRows(arguments, found, {"FROM", "TO", "PROCESS"}, rows));
  return 0;
}

Option PathArgument() {
  return {.name = "path",
          .value = "DATASET",
          .help = "The dataset, as `nstarx datasets` shows it.",
          .required = true};
}

std::vector<Option> PageOptions() {
  return {{.name = "limit",
           .flags = "--limit",
           .value = "N",
           .help = "At most so many.",
           .kind = OptionKind::kInteger,
           .minimum = 1,
           .maximum = 1000},
          {.name = "cursor",
           .flags = "--cursor",
           .value = "TEXT",
           .help = "Go on after the page that ended there."},
          FormatOption()};
}

std::vector<Option> ChangeOptions() {
  return {RefArgument(),
          PathArgument(),
          {.name = "file",
           .flags = "-f,--file",
           .value = "FILE",
           .help = "A JSON object with columns, partition_columns, comment and so on; - is "
                   "standard input.",
           .completes = "files"},
          {.name = "comment", .flags = "--comment", .value = "TEXT", .help = "What it is."},
          {.name = "owner", .flags = "--owner", .value = "NAME", .help = "Whose it is."},
          {.name = "location", .flags = "--location", .value = "URI", .help = "Where its data is."},
          {.name = "tag",
           .flags = "--tag",
           .value = "TAG",
           .help = "A tag; all that it has now are replaced.",
           .kind = OptionKind::kList},
          {.name = "property",
           .flags = "--property",
           .value = "NAME=VALUE",
           .help = "A property; NAME alone removes it.",
           .kind = OptionKind::kList},
          FormatOption({"table", "json"})};
}

void AddLineageCommand(CommandTable& table) {
  table.push_back(
      {.path = "lineage",
       .group = kGroup,
       .summary = "What a dataset is made from, or what is made from it",
       .options = {RefArgument(),
                   PathArgument(),
                   {.name = "direction",
                    .flags = "--direction",
                    .value = "WAY",
                    .help = "Which way to look.",
                    .choices = {"upstream", "downstream"},
                    .default_value = "upstream"},
                   {.name = "from",
                    .flags = "--from",
                    .value = "DATASET",
                    .help = "Write down that it is made from these, and from nothing else.",
                    .kind = OptionKind::kList},
                   {.name = "process",
                    .flags = "--process",
                    .value = "TEXT",
                    .help = "What makes it, with --from."},
                   FormatOption()},
       .examples = {"nstarx lineage lake sales.report",
                    "nstarx lineage lake sales.report --from sales.orders --process nightly"},
       .run = Lineage});
}

}  // namespace

void AddMetadataCommands(CommandTable& table) {
  std::vector<Option> find = {
      RefArgument(),
      {.name = "path", .flags = "--path", .value = "DATABASE", .help = "Only inside of it."},
      {.name = "search",
       .flags = "-s,--search",
       .value = "TEXT",
       .help = "Only with this text in path or comment."}};
  for (Option& option : PageOptions()) find.push_back(std::move(option));
  table.push_back({.path = "datasets",
                   .group = kGroup,
                   .summary = "Datasets that a metadata catalog knows",
                   .options = std::move(find),
                   .examples = {"nstarx datasets lake --search orders"},
                   .run = Datasets});
  table.push_back({.path = "dataset show",
                   .group = kGroup,
                   .summary = "Schema, owners, tags and place of a dataset",
                   .options = {RefArgument(), PathArgument(), FormatOption()},
                   .examples = {"nstarx dataset show lake sales.orders"},
                   .run = Dataset});
  table.push_back({.path = "dataset set",
                   .group = kGroup,
                   .summary = "Make a dataset in the catalog, or change what it says of one",
                   .options = ChangeOptions(),
                   .examples = {"nstarx dataset set lake sales.orders --comment 'all orders' "
                                "--tag pii --property retention=90d",
                                "nstarx dataset set lake sales.new -f new.json"},
                   .run = SetDataset});
  table.push_back({.path = "dataset delete",
                   .group = kGroup,
                   .summary = "Remove a dataset from the catalog; data stays",
                   .options = {RefArgument(), PathArgument(), FormatOption({"table", "json"})},
                   .examples = {"nstarx dataset delete lake sales.old"},
                   .run = DeleteDataset});
  std::vector<Option> partitions = {RefArgument(), PathArgument()};
  for (Option& option : PageOptions()) partitions.push_back(std::move(option));
  table.push_back({.path = "partitions",
                   .group = kGroup,
                   .summary = "Partitions of a dataset",
                   .options = std::move(partitions),
                   .examples = {"nstarx partitions lake sales.orders --limit 20"},
                   .run = Partitions});
  AddLineageCommand(table);
}

}  // namespace nstarx::cli
