#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/output_file.h"
#include "cli/row_answer.h"
#include "cli/row_splitter.h"
#include "cli/session.h"
#include "cli/table.h"

namespace nstarx::cli {
namespace {

constexpr const char* kGroup = "Data";
/// Rows that decide the widths of a table's columns.
constexpr size_t kWidthSample = 200;
constexpr size_t kStatementMax = 16 << 20;

std::string_view MediaTypeOf(std::string_view format) {
  if (format == "ndjson") return "application/x-ndjson";
  if (format == "csv") return "text/csv";
  if (format == "arrow") return "application/vnd.apache.arrow.stream";
  if (format == "parquet") return "application/vnd.apache.parquet";
  return "application/json";
}

bool IsNumber(std::string_view type) {
  for (const char* prefix : {"int", "uint", "double", "float", "halffloat", "decimal"}) {
    if (type.starts_with(prefix)) return true;
  }
  return false;
}

/// Draws the JSON of an answer as a table while it arrives.
class TablePrinter {
 public:
  TablePrinter(Session& session) : session_(session) {}

  Status Feed(std::string_view piece) { return splitter_.Feed(piece); }

  Status End() {
    NSTARX_RETURN_IF_ERROR(Flush());
    const auto tail = ParseJson(splitter_.Tail());
    const int64_t affected =
        tail && tail->is_object() ? GetInt(tail->get_object(), "rows_affected", -1) : -1;
    if (affected >= 0) {
      session_.Note(fmt::format("{} row{} changed", affected, affected == 1 ? "" : "s"));
    } else {
      session_.Note(fmt::format("{} row{}", rows_, rows_ == 1 ? "" : "s"));
    }
    return {};
  }

 private:
  Status Head(std::string_view text) {
    NSTARX_TRY(const json::value head, ParseJson(text));
    std::vector<std::string> names;
    std::vector<bool> numbers;
    if (const json::value* columns = head.as_object().if_contains("columns")) {
      for (const json::value& column : columns->as_array()) {
        names.push_back(CellAt(column.as_object(), "name"));
        numbers.push_back(IsNumber(CellAt(column.as_object(), "type")));
      }
    }
    if (names.empty()) return {};
    table_.emplace(std::move(names));
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i]) table_->AlignRight(i);
    }
    return {};
  }

  Status Row(std::string_view text) {
    ++rows_;
    if (!table_) return {};
    NSTARX_TRY(const json::value row, ParseJson(text));
    std::vector<std::string> cells;
    for (const json::value& value : row.as_array()) {
      cells.push_back(value.is_null()         ? session_.console().Paint(Tone::kPlain, "∅")
                      : value.is_structured() ? json::serialize(value)
                                              : CellOf(value));
    }
    table_->Add(std::move(cells));
    return table_->pending() >= kWidthSample ? Flush() : Status();
  }

  Status Flush() {
    if (!table_) return {};
    Console& console = session_.console();
    return console.Out(table_->Take(console.output_is_terminal() ? console.width() : 0));
  }

  Session& session_;
  std::optional<Table> table_;
  int64_t rows_ = 0;
  RowSplitter splitter_{[this](std::string_view text) { return Head(text); },
                        [this](std::string_view text) { return Row(text); }};
};

}  // namespace

Result<int> PrintAnswer(Session& session, Api& api, const Arguments& arguments, Request request) {
  const std::string format = arguments.Text("format", "table");
  request.accept = MediaTypeOf(format);
  Console& console = session.console();
  if (arguments.Has("output")) {
    if (format == "table") {
      return InvalidArgument("usage.wrong_value", "--output needs a format other than table")
          .WithHint("For example: -o parquet --output rows.parquet");
    }
    NSTARX_TRY(auto file, OutputFile::Create(console, arguments.Text("output")));
    NSTARX_TRY(const Answer answer,
               api.Stream(request, [&](std::string_view piece) { return file->Write(piece); }));
    NSTARX_RETURN_IF_ERROR(file->Commit());
    session.Note(fmt::format("{} bytes written to {}", file->size(), arguments.Text("output")));
    return 0;
  }
  if (format == "table") {
    TablePrinter printer(session);
    NSTARX_TRY(const Answer answer,
               api.Stream(request, [&](std::string_view piece) { return printer.Feed(piece); }));
    NSTARX_RETURN_IF_ERROR(printer.End());
    return 0;
  }
  if ((format == "arrow" || format == "parquet") && console.output_is_terminal()) {
    return InvalidArgument("usage.wrong_value", format + " is binary: not for a terminal")
        .WithHint("Give --output FILE, or send it through a pipe.");
  }
  NSTARX_TRY(const Answer answer,
             api.Stream(request, [&](std::string_view piece) { return console.Out(piece); }));
  return 0;
}

std::vector<Option> RowOptions() {
  return {FormatOption({"table", "json", "ndjson", "csv", "arrow", "parquet"}),
          {.name = "output",
           .flags = "--output",
           .value = "FILE",
           .help = "Write the rows there; complete or not at all.",
           .completes = "files"}};
}

namespace {

Result<std::string> ReadStatement(Session& session, const Arguments& arguments) {
  if (arguments.Has("file")) {
    const std::string path = arguments.Text("file");
    if (path == "-") return session.console().ReadAll(kStatementMax);
    std::ifstream file(path);
    std::string text((std::istreambuf_iterator<char>(file)), {});
    if (!file || text.size() > kStatementMax) {
      return InvalidArgument("client.file_unreadable",
                             fmt::format("cannot read the file {}", path));
    }
    return text;
  }
  const std::string given = arguments.Text("query");
  if (!given.empty() && given != "-") return given;
  if (given == "-" || !session.console().input_is_terminal()) {
    NSTARX_TRY(std::string text, session.console().ReadAll(kStatementMax));
    if (text.find_first_not_of(" \t\r\n") != text.npos) return text;
  }
  return InvalidArgument("usage.missing_argument", "the statement is missing")
      .WithHint("Give it as an argument, with -f FILE, or through standard input.");
}

Result<json::object> StatementBody(Session& session, const Arguments& arguments) {
  NSTARX_TRY(const std::string statement, ReadStatement(session, arguments));
  json::object body{{"query", statement}};
  json::array parameters;
  for (const std::string& text : arguments.All("param")) {
    auto value = ParseJson(text);
    const bool scalar = value && !value->is_structured();
    parameters.push_back(scalar ? std::move(*value) : json::value(text));
  }
  if (!parameters.empty()) body["parameters"] = std::move(parameters);
  if (arguments.Has("limit")) body["limit"] = arguments.Integer("limit", 0);
  if (arguments.Has("timeout")) body["timeout_ms"] = arguments.Integer("timeout", 0) * 1000;
  return body;
}

Result<int> Query(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object body, StatementBody(session, arguments));
  Request request{.method = "POST",
                  .path = ConnectionPath(arguments.Text("ref"), "/query"),
                  .body = json::serialize(body),
                  .timeout = std::chrono::milliseconds(0)};
  return PrintAnswer(session, *api, arguments, std::move(request));
}

Result<int> Sql(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object body, StatementBody(session, arguments));
  Request request{.method = "POST",
                  .path = "/queries",
                  .body = json::serialize(body),
                  .timeout = std::chrono::milliseconds(0)};
  return PrintAnswer(session, *api, arguments, std::move(request));
}

Result<int> Sample(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  Request request{.path = ConnectionPath(arguments.Text("ref"), "/sample"),
                  .query = {{"path", arguments.Text("path")}, {"limit", arguments.Text("limit")}}};
  return PrintAnswer(session, *api, arguments, std::move(request));
}

Result<int> Browse(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object page,
             api->Get(ConnectionPath(arguments.Text("ref"), "/browse"),
                      {{"path", arguments.Text("path")}, {"limit", arguments.Text("limit")}}));
  std::vector<std::vector<std::string>> rows;
  for (const json::value& item : Items(page)) {
    const json::object& row = item.get_object();
    rows.push_back({CellAt(row, "name"), CellAt(row, "kind"), CellAt(row, "path"),
                    CellAt(row, "row_estimate"), CellAt(row, "size_bytes"),
                    CellAt(row, "comment")});
  }
  NSTARX_RETURN_IF_ERROR(session.PrintRows(
      arguments, page, {"NAME", "KIND", "PATH", "ROWS~", "BYTES", "COMMENT"}, rows));
  return 0;
}

Result<int> Describe(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object found, api->Get(ConnectionPath(arguments.Text("ref"), "/describe"),
                                                {{"path", arguments.Text("path")}}));
  const auto list = [&](std::string_view key) -> const json::array& {
    static const json::array none;
    const json::value* value = found.if_contains(key);
    return value != nullptr && value->is_array() ? value->get_array() : none;
  };
  std::vector<std::vector<std::string>> rows;
  for (const json::value& item : list("columns")) {
    const json::object& row = item.get_object();
    rows.push_back({CellAt(row, "name"), CellAt(row, "native_type"), CellAt(row, "arrow_type"),
                    GetBool(row, "nullable", true) ? "" : "not null",
                    GetBool(row, "primary_key", false) ? "primary" : "", CellAt(row, "default"),
                    CellAt(row, "comment")});
  }
  NSTARX_RETURN_IF_ERROR(session.PrintRows(
      arguments, found, {"COLUMN", "TYPE", "ARROW", "NULL", "KEY", "DEFAULT", "COMMENT"}, rows));
  if (arguments.Text("format") != "table") return 0;
  std::string text;
  for (const json::value& item : list("keys")) {
    const json::object& row = item.get_object();
    text += fmt::format("{} key {} ({}) {}\n", CellAt(row, "kind"), CellAt(row, "name"),
                        CellAt(row, "columns"), CellAt(row, "references"));
  }
  for (const json::value& item : list("indexes")) {
    const json::object& row = item.get_object();
    text += fmt::format("{}index {} ({})\n", GetBool(row, "unique", false) ? "unique " : "",
                        CellAt(row, "name"), CellAt(row, "columns"));
  }
  if (const std::string estimate = CellAt(found, "row_estimate"); !estimate.empty()) {
    text += fmt::format("about {} rows\n", estimate);
  }
  if (!text.empty()) NSTARX_RETURN_IF_ERROR(session.console().Out("\n" + text));
  return 0;
}

void DrawPlan(const json::value& node, int depth, std::string& out) {
  if (!node.is_object()) return;
  const json::object& row = node.get_object();
  std::string facts;
  for (const auto& [key, value] : row) {
    if (key == "node" || value.is_structured() || value.is_null()) continue;
    facts += fmt::format("  {}={}", std::string_view(key), CellText(CellOf(value), 60));
  }
  out += std::string(2 * static_cast<size_t>(depth), ' ') + (depth > 0 ? "└ " : "") +
         CellText(CellAt(row, "node")) + facts + "\n";
  const json::value* children = row.if_contains("children");
  if (children == nullptr || !children->is_array() || depth > 100) return;
  for (const json::value& child : children->get_array()) DrawPlan(child, depth + 1, out);
}

Result<int> Explain(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object body, StatementBody(session, arguments));
  NSTARX_TRY(const json::value plan,
             api->Call("POST", ConnectionPath(arguments.Text("ref"), "/explain"), body));
  const json::value* tree = plan.is_object() ? plan.get_object().if_contains("plan") : nullptr;
  if (arguments.Text("format") == "json" || tree == nullptr) {
    NSTARX_RETURN_IF_ERROR(session.PrintJson(plan));
    return 0;
  }
  std::string text;
  DrawPlan(*tree, 0, text);
  NSTARX_RETURN_IF_ERROR(session.console().Out(text));
  return 0;
}

std::string ContentTypeOf(const Arguments& arguments, const std::string& path) {
  std::string kind = arguments.Text("from");
  if (kind.empty()) kind = std::filesystem::path(path).extension().string();
  if (kind == ".parquet" || kind == "parquet") return "application/vnd.apache.parquet";
  if (kind == ".csv" || kind == "csv") return "text/csv";
  if (kind == ".ndjson" || kind == ".jsonl" || kind == "ndjson") return "application/x-ndjson";
  if (kind == ".arrow" || kind == ".arrows" || kind == "arrow") {
    return "application/vnd.apache.arrow.stream";
  }
  return "";
}

Result<int> Ingest(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  const std::string path = arguments.Text("file");
  Request request{.method = "POST",
                  .path = ConnectionPath(arguments.Text("ref"), "/ingest"),
                  .query = {{"path", arguments.Text("table")}, {"mode", arguments.Text("mode")}},
                  .content_type = ContentTypeOf(arguments, path),
                  .timeout = std::chrono::milliseconds(0)};
  if (request.content_type.empty()) {
    return InvalidArgument("usage.missing_argument", "the file's name does not say its format")
        .WithHint("Add --from csv, ndjson, parquet or arrow.");
  }
  NSTARX_TRY(const InputFile file, InputFile::Open(path));
  request.upload = [&](std::span<char> into) { return file.Read(into); };
  request.upload_size = file.size();
  NSTARX_TRY(const Answer answer, api->Send(request));
  NSTARX_TRY(const json::value written, ParseJson(answer.body));
  if (arguments.Text("format") == "json") {
    NSTARX_RETURN_IF_ERROR(session.PrintJson(written));
  } else {
    session.Note(fmt::format("{} rows written to {}", CellAt(written.as_object(), "rows"),
                             arguments.Text("table")));
  }
  return 0;
}

std::vector<Option> StatementOptions() {
  return {RefArgument(),
          {.name = "query",
           .value = "STATEMENT",
           .help = "In the system's own language; - or none reads standard input."},
          {.name = "file",
           .flags = "-f,--file",
           .value = "FILE",
           .help = "Read the statement there.",
           .completes = "files"},
          {.name = "param",
           .flags = "--param",
           .value = "VALUE",
           .help = "A positional parameter: null, true, 1.5, or text.",
           .kind = OptionKind::kList},
          {.name = "timeout",
           .flags = "--timeout",
           .value = "SECONDS",
           .help = "Give up after so long.",
           .kind = OptionKind::kInteger,
           .minimum = 1,
           .maximum = 3600}};
}

}  // namespace

void AddDataCommands(CommandTable& table) {
  std::vector<Option> query = StatementOptions();
  query.push_back({.name = "limit",
                   .flags = "--limit",
                   .value = "N",
                   .help = "At most so many rows.",
                   .kind = OptionKind::kInteger,
                   .minimum = 0});
  for (Option& option : RowOptions()) query.push_back(std::move(option));
  table.push_back(
      {.path = "query",
       .group = kGroup,
       .summary = "Run a statement and print its rows",
       .options = std::move(query),
       .examples = {"nstarx query sales 'SELECT * FROM orders' --limit 10",
                    "nstarx query sales -f report.sql -o parquet --output report.parquet",
                    "echo 'SELECT 1' | nstarx query sales -o csv",
                    "nstarx query lake \"SELECT count(*) FROM 'events/*.parquet'\""},
       .run = Query});
  std::vector<Option> sql = StatementOptions();
  sql.erase(sql.begin());  // no connection: the statement names them
  sql.front().help = "A SELECT over tables of connections; - or none reads standard input.";
  sql.push_back({.name = "limit",
                 .flags = "--limit",
                 .value = "N",
                 .help = "At most so many rows.",
                 .kind = OptionKind::kInteger,
                 .minimum = 0});
  for (Option& option : RowOptions()) sql.push_back(std::move(option));
  table.push_back({.path = "sql",
                   .group = kGroup,
                   .summary = "Run one SQL over connections and print its rows",
                   .options = std::move(sql),
                   .examples = {"nstarx sql 'SELECT count(*) FROM \"sales\".public.orders'",
                                "nstarx sql 'SELECT * FROM \"sales\".public.orders JOIN "
                                "\"lake\".\"events/*.parquet\" USING (order_id)' --limit 10",
                                "nstarx sql -f report.sql -o parquet --output report.parquet"},
                   .run = Sql});
  const Option path{.name = "path", .value = "PATH", .help = "Schema, table, prefix or file."};
  Option needed = path;
  needed.required = true;
  const Option limit{.name = "limit",
                     .flags = "--limit",
                     .value = "N",
                     .help = "At most so many.",
                     .kind = OptionKind::kInteger,
                     .default_value = "1000",
                     .minimum = 1};
  table.push_back({.path = "browse",
                   .group = kGroup,
                   .summary = "List what is in a connection, level by level",
                   .options = {RefArgument(), path, limit, FormatOption()},
                   .examples = {"nstarx browse sales", "nstarx browse sales public"},
                   .run = Browse});
  table.push_back({.path = "describe",
                   .group = kGroup,
                   .summary = "Show the columns, keys and indexes of a table or file",
                   .options = {RefArgument(), needed, FormatOption()},
                   .run = Describe});
  Option few = limit;
  few.default_value = "20";
  std::vector<Option> sample = {RefArgument(), needed, few};
  for (Option& option : RowOptions()) sample.push_back(std::move(option));
  table.push_back({.path = "sample",
                   .group = kGroup,
                   .summary = "Print the first rows of a table or file",
                   .options = std::move(sample),
                   .run = Sample});
  std::vector<Option> explain = StatementOptions();
  explain.push_back(FormatOption({"table", "json"}));
  table.push_back({.path = "explain",
                   .group = kGroup,
                   .summary = "Show how the system would run a statement",
                   .options = std::move(explain),
                   .run = Explain});
  table.push_back(
      {.path = "ingest",
       .group = kGroup,
       .summary = "Write the rows of a file into a table, all or nothing",
       .options = {RefArgument(),
                   {.name = "file",
                    .value = "FILE",
                    .help = "Parquet, CSV with a header, NDJSON or "
                            "Arrow IPC stream; - is standard input.",
                    .required = true,
                    .completes = "files"},
                   {.name = "table", .value = "TABLE", .help = "Where to.", .required = true},
                   {.name = "mode",
                    .flags = "--mode",
                    .value = "MODE",
                    .help = "Add, make, or replace.",
                    .choices = {"append", "create", "replace"},
                    .default_value = "append"},
                   {.name = "from",
                    .flags = "--from",
                    .value = "FORMAT",
                    .help = "The file's format when its name does not say it.",
                    .choices = {"csv", "ndjson", "parquet", "arrow"}},
                   FormatOption({"table", "json"})},
       .examples = {"nstarx ingest sales orders.parquet public.orders --mode create"},
       .run = Ingest});
}

}  // namespace nstarx::cli
