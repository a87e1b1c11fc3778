#include <fmt/format.h>

#include <filesystem>

#include "base/percent.h"
#include "cli/output_file.h"
#include "cli/session.h"

namespace nstarx::cli {
namespace {

constexpr const char* kGroup = "Objects";

std::string ObjectPath(const Arguments& arguments, std::string_view key) {
  return ConnectionPath(arguments.Text("ref"), "/objects/" + PercentEncode(key, "/"));
}

Result<int> List(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  const int64_t limit = arguments.Integer("limit", 1000);
  json::array all;
  json::array prefixes;
  std::string cursor;
  do {
    const int64_t want = std::min<int64_t>(limit - static_cast<int64_t>(all.size()), 1000);
    NSTARX_TRY(const json::object page,
               api->Get(ConnectionPath(arguments.Text("ref"), "/objects"),
                        {{"prefix", arguments.Text("prefix")},
                         {"delimiter", arguments.Has("recursive") ? "" : "/"},
                         {"limit", std::to_string(want)},
                         {"cursor", cursor}}));
    for (const json::value& item : Items(page)) all.push_back(item);
    if (const json::value* folders = page.if_contains("prefixes"); folders && folders->is_array()) {
      for (const json::value& prefix : folders->get_array()) prefixes.push_back(prefix);
    }
    cursor = GetString(page, "next");
  } while (!cursor.empty() && static_cast<int64_t>(all.size()) < limit);

  std::vector<std::vector<std::string>> rows;
  for (const json::value& prefix : prefixes) rows.push_back({CellOf(prefix), "", "", "prefix"});
  for (const json::value& item : all) {
    const json::object& row = item.get_object();
    rows.push_back({CellAt(row, "key"), CellAt(row, "size"), CellAt(row, "modified"),
                    CellAt(row, "content_type")});
  }
  const json::object document{{"items", std::move(all)},
                              {"prefixes", std::move(prefixes)},
                              {"next", cursor.empty() ? json::value() : json::value(cursor)}};
  NSTARX_RETURN_IF_ERROR(
      session.PrintRows(arguments, document, {"KEY", "BYTES", "MODIFIED", "KIND"}, rows));
  if (!cursor.empty()) session.Note(fmt::format("There are more than {}: raise --limit.", limit));
  return 0;
}

Result<int> Stat(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const Answer answer,
             api->Send({.method = "HEAD", .path = ObjectPath(arguments, arguments.Text("key"))}));
  json::object document{{"key", arguments.Text("key")}};
  std::vector<std::vector<std::string>> rows = {{"key", arguments.Text("key")}};
  const auto add = [&](const char* header, const char* name) {
    const auto found = answer.headers.find(std::string_view(header));
    if (found == answer.headers.end()) return;
    document[name] = found->second;
    rows.push_back({name, found->second});
  };
  add("content-length", "size");
  add("last-modified", "modified");
  add("etag", "etag");
  add("content-type", "content_type");
  NSTARX_RETURN_IF_ERROR(session.PrintRows(arguments, document, {"FIELD", "VALUE"}, rows));
  return 0;
}

Result<int> Get(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  const std::string key = arguments.Text("key");
  Request request{
      .path = ObjectPath(arguments, key), .accept = "*/*", .timeout = std::chrono::milliseconds(0)};
  std::string target = arguments.Text("file");
  if (target.empty()) target = std::filesystem::path(key).filename().string();
  Console& console = session.console();
  if (target == "-") {
    NSTARX_TRY(const Answer answer,
               api->Stream(request, [&](std::string_view piece) { return console.Out(piece); }));
    return 0;
  }
  if (target.empty()) {
    return InvalidArgument("usage.missing_argument", "say which file to write")
        .WithHint("nstarx objects get NAME KEY FILE");
  }
  NSTARX_TRY(auto file, OutputFile::Create(console, target));
  NSTARX_TRY(const Answer answer,
             api->Stream(request, [&](std::string_view piece) { return file->Write(piece); }));
  NSTARX_RETURN_IF_ERROR(file->Commit());
  session.Note(fmt::format("{} bytes written to {}", file->size(), target));
  return 0;
}

Result<int> Put(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  const std::string path = arguments.Text("file");
  std::string key = arguments.Text("key");
  if (key.empty() && path != "-") key = std::filesystem::path(path).filename().string();
  if (key.ends_with('/')) key += std::filesystem::path(path).filename().string();
  if (key.empty()) return InvalidArgument("usage.missing_argument", "say which key to write");
  NSTARX_TRY(const InputFile file, InputFile::Open(path));
  Request request{.method = "PUT",
                  .path = ObjectPath(arguments, key),
                  .content_type = arguments.Text("content-type", "application/octet-stream"),
                  .timeout = std::chrono::milliseconds(0)};
  request.upload = [&](std::span<char> into) { return file.Read(into); };
  request.upload_size = file.size();
  NSTARX_TRY(const Answer answer, api->Send(request));
  session.Note(fmt::format("{} is written.", key));
  return 0;
}

Result<int> Remove(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  for (const std::string& key : arguments.All("keys")) {
    NSTARX_TRY(const json::value gone, api->Call("DELETE", ObjectPath(arguments, key)));
    session.Note(fmt::format("{} is deleted.", key));
  }
  return 0;
}

Result<int> Presign(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  const json::object body{{"key", arguments.Text("key")},
                          {"method", arguments.Text("method")},
                          {"expires_s", arguments.Integer("expires", 900)}};
  NSTARX_TRY(const json::value made,
             api->Call("POST", ConnectionPath(arguments.Text("ref"), "/presign"), body));
  if (arguments.Text("format") == "json") {
    NSTARX_RETURN_IF_ERROR(session.PrintJson(made));
  } else {
    NSTARX_RETURN_IF_ERROR(session.console().Out(CellAt(made.as_object(), "url") + "\n"));
  }
  return 0;
}

}  // namespace

void AddObjectCommands(CommandTable& table) {
  const Option key{.name = "key", .value = "KEY", .help = "The object's key.", .required = true};
  table.push_back({.path = "objects ls",
                   .group = kGroup,
                   .summary = "List objects, level by level",
                   .options = {RefArgument(),
                               {.name = "prefix", .value = "PREFIX", .help = "Keys that begin so."},
                               {.name = "recursive",
                                .flags = "-r,--recursive",
                                .help = "All levels at once.",
                                .kind = OptionKind::kFlag},
                               {.name = "limit",
                                .flags = "--limit",
                                .value = "N",
                                .help = "At most so many.",
                                .kind = OptionKind::kInteger,
                                .default_value = "1000",
                                .minimum = 1},
                               FormatOption()},
                   .examples = {"nstarx objects ls lake events/"},
                   .run = List});
  table.push_back({.path = "objects stat",
                   .group = kGroup,
                   .summary = "Show size, time and type of an object",
                   .options = {RefArgument(), key, FormatOption()},
                   .run = Stat});
  table.push_back({.path = "objects get",
                   .group = kGroup,
                   .summary = "Download an object; the file appears when it is whole",
                   .options = {RefArgument(),
                               key,
                               {.name = "file",
                                .value = "FILE",
                                .help = "Where to; - is standard output.",
                                .completes = "files"}},
                   .run = Get});
  table.push_back({.path = "objects put",
                   .group = kGroup,
                   .summary = "Upload a file as an object",
                   .options = {RefArgument(),
                               {.name = "file",
                                .value = "FILE",
                                .help = "What to upload; - is standard input.",
                                .required = true,
                                .completes = "files"},
                               {.name = "key",
                                .value = "KEY",
                                .help = "Its key; the file's name when left out."},
                               {.name = "content-type",
                                .flags = "--content-type",
                                .value = "TYPE",
                                .help = "Its media type."}},
                   .run = Put});
  table.push_back({.path = "objects rm",
                   .group = kGroup,
                   .summary = "Delete objects",
                   .options = {RefArgument(),
                               {.name = "keys",
                                .value = "KEY",
                                .help = "Keys of the objects.",
                                .kind = OptionKind::kList,
                                .required = true}},
                   .run = Remove});
  table.push_back({.path = "objects presign",
                   .group = kGroup,
                   .summary = "Make a URL that lets its bearer get or put one object for a while",
                   .options = {RefArgument(),
                               key,
                               {.name = "method",
                                .flags = "--method",
                                .value = "METHOD",
                                .help = "What the URL is for.",
                                .choices = {"GET", "PUT"},
                                .default_value = "GET"},
                               {.name = "expires",
                                .flags = "--expires",
                                .value = "SECONDS",
                                .help = "How long it works.",
                                .kind = OptionKind::kInteger,
                                .default_value = "900",
                                .minimum = 1,
                                .maximum = 604'800},
                               FormatOption({"table", "json"})},
                   .run = Presign});
}

}  // namespace nstarx::cli
