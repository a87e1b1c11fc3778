#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <iostream>

#include "cli/output_file.h"
#include "cli/row_answer.h"
#include "cli/session.h"

namespace nstarx::cli {
namespace {

constexpr const char* kGroup = "Streams";

Result<int> Consume(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  Arguments shown = arguments;
  const bool follow = arguments.Has("follow");
  if (follow && arguments.Text("format", "table") == "table") {
    // A table is drawn when its widths are known, which never comes.
    shown.Add("format", "ndjson");
  }
  Request request{.path = ConnectionPath(arguments.Text("ref"), "/consume"),
                  .query = {{"topic", arguments.Text("topic")},
                            {"from", arguments.Text("from")},
                            {"partitions", arguments.Text("partitions")},
                            {"group", arguments.Text("group")},
                            {"limit", arguments.Text("limit")},
                            {"format", arguments.Text("values")},
                            {"follow", follow ? "true" : ""}},
                  .timeout = std::chrono::milliseconds(0)};
  if (arguments.Has("wait")) {
    request.query.emplace_back("wait_ms", std::to_string(arguments.Integer("wait", 0) * 1000));
  }
  return PrintAnswer(session, *api, shown, std::move(request));
}

/// Lines of text as NDJSON messages, read and sent piece by piece.
class LineMessages {
 public:
  LineMessages(std::istream& lines, const Arguments& arguments) : lines_(lines) {
    if (arguments.Has("key")) message_["key"] = arguments.Text("key");
    if (arguments.Has("partition")) message_["partition"] = arguments.Integer("partition", 0);
    json::object headers;
    for (const std::string& text : arguments.All("header")) {
      const size_t equals = text.find('=');
      headers[text.substr(0, equals)] = equals == text.npos ? "" : text.substr(equals + 1);
    }
    if (!headers.empty()) message_["headers"] = std::move(headers);
  }

  Result<size_t> Read(std::span<char> into) {
    while (position_ == text_.size()) {
      std::string line;
      if (!std::getline(lines_, line)) return size_t{0};
      if (line.ends_with('\r')) line.pop_back();
      if (line.empty()) continue;
      message_["value"] = line;
      text_ = json::serialize(message_) + "\n";
      position_ = 0;
    }
    const size_t count = std::min(into.size(), text_.size() - position_);
    std::copy_n(text_.data() + position_, count, into.data());
    position_ += count;
    return count;
  }

 private:
  std::istream& lines_;
  json::object message_;
  std::string text_;
  size_t position_ = 0;
};

Result<int> Produce(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  std::string text;
  for (const std::string& value : arguments.All("value")) text += value + "\n";
  std::istringstream given(text);
  std::ifstream file;
  const std::string path = arguments.Text("file", "-");
  if (path != "-") {
    file.open(path);
    if (!file) {
      return InvalidArgument("client.file_unreadable",
                             fmt::format("cannot read the file {}", path));
    }
  }
  std::istream& lines = !text.empty() ? given
                        : path != "-" ? static_cast<std::istream&>(file)
                                      : std::cin;
  LineMessages messages(lines, arguments);
  Request request{.method = "POST",
                  .path = ConnectionPath(arguments.Text("ref"), "/produce"),
                  .query = {{"topic", arguments.Text("topic")}},
                  .content_type = "application/x-ndjson",
                  .timeout = std::chrono::milliseconds(0)};
  request.upload = [&](std::span<char> into) { return messages.Read(into); };
  NSTARX_TRY(const Answer answer, api->Send(request));
  NSTARX_TRY(const json::value written, ParseJson(answer.body));
  if (arguments.Text("format") == "json") {
    NSTARX_RETURN_IF_ERROR(session.PrintJson(written));
  } else {
    session.Note(fmt::format("{} messages written to {}", CellAt(written.as_object(), "count"),
                             arguments.Text("topic")));
  }
  return 0;
}

/// "0=42" of the command line. The server tells numbers from other positions.
Result<json::object> ReadOffset(const std::string& text) {
  const size_t equals = text.find('=');
  int32_t partition = -1;
  const char* end = text.data() + std::min(equals, text.size());
  const auto [at, error] = std::from_chars(text.data(), end, partition);
  if (equals == text.npos || equals + 1 == text.size() || at != end || error != std::errc() ||
      partition < 0) {
    return InvalidArgument("usage.wrong_value", fmt::format("'{}' is no PARTITION=OFFSET", text))
        .WithHint("For example: 0=1200 1=1187");
  }
  return json::object{{"partition", partition}, {"offset", text.substr(equals + 1)}};
}

Result<int> Commit(Session& session, const Arguments& arguments) {
  json::array offsets;
  for (const std::string& text : arguments.All("offsets")) {
    NSTARX_TRY(json::object offset, ReadOffset(text));
    offsets.push_back(std::move(offset));
  }
  const size_t count = offsets.size();
  NSTARX_TRY(Api * api, session.api());
  const json::object body{{"topic", arguments.Text("topic")},
                          {"group", arguments.Text("group")},
                          {"offsets", std::move(offsets)}};
  const auto done = api->Call("POST", ConnectionPath(arguments.Text("ref"), "/commit"), body);
  if (!done) return done.error();
  session.Note(fmt::format("{}: committed in {} partitions of {}", arguments.Text("group"), count,
                           arguments.Text("topic")));
  return 0;
}

Result<int> ShowLag(Session& session, const Arguments& arguments) {
  NSTARX_TRY(Api * api, session.api());
  NSTARX_TRY(const json::object report,
             api->Get(ConnectionPath(arguments.Text("ref"), "/lag"),
                      {{"topic", arguments.Text("topic")}, {"group", arguments.Text("group")}}));
  std::vector<std::vector<std::string>> rows;
  for (const json::value& item : report.at("partitions").as_array()) {
    const json::object& row = item.get_object();
    rows.push_back({CellAt(row, "partition"), CellAt(row, "first"), CellAt(row, "end"),
                    CellAt(row, "committed"), CellAt(row, "lag"), CellAt(row, "lag_ms")});
  }
  NSTARX_RETURN_IF_ERROR(session.PrintRows(
      arguments, report, {"PARTITION", "FIRST", "END", "COMMITTED", "LAG", "LAG MS"}, rows));
  return 0;
}

Option GroupOption() {
  return {.name = "group",
          .flags = "--group",
          .value = "NAME",
          .help = "The consumer group.",
          .required = true};
}

Option TopicArgument() {
  return {.name = "topic", .value = "TOPIC", .help = "The topic.", .required = true};
}

}  // namespace

void AddStreamCommands(CommandTable& table) {
  std::vector<Option> consume = {
      RefArgument(),
      TopicArgument(),
      {.name = "from",
       .flags = "--from",
       .value = "START",
       .help =
           "earliest, latest, committed, offset:N (or the system's own position) or timestamp:T.",
       .default_value = "earliest"},
      {.name = "limit",
       .flags = "--limit",
       .value = "N",
       .help = "At most so many messages.",
       .kind = OptionKind::kInteger,
       .minimum = 0},
      {.name = "follow",
       .flags = "--follow",
       .help = "Go on until interrupted, a message a line.",
       .kind = OptionKind::kFlag},
      {.name = "wait",
       .flags = "--wait",
       .value = "SECONDS",
       .help = "At the end, wait so long for more.",
       .kind = OptionKind::kInteger,
       .minimum = 0,
       .maximum = 3600},
      {.name = "partitions",
       .flags = "--partitions",
       .value = "N,N",
       .help = "Only these partitions."},
      {.name = "group",
       .flags = "--group",
       .value = "NAME",
       .help = "The consumer group of --from committed."},
      {.name = "values",
       .flags = "--values",
       .value = "KIND",
       .help = "What values are.",
       .choices = {"auto", "text", "bytes", "json", "avro"},
       .default_value = "auto"}};
  for (Option& option : RowOptions()) consume.push_back(std::move(option));
  table.push_back({.path = "consume",
                   .group = kGroup,
                   .summary = "Print messages of a topic; commits nothing",
                   .options = std::move(consume),
                   .examples = {"nstarx consume events orders --limit 10",
                                "nstarx consume events orders --from latest --follow",
                                "nstarx consume events orders -o parquet --output orders.parquet"},
                   .run = Consume});
  table.push_back(
      {.path = "lag",
       .group = kGroup,
       .summary = "Show how far a consumer group is behind",
       .options = {RefArgument(), TopicArgument(), GroupOption(), FormatOption({"table", "json"})},
       .examples = {"nstarx lag events orders --group billing"},
       .run = ShowLag});
  table.push_back({.path = "commit",
                   .group = kGroup,
                   .summary = "Set where a consumer group goes on",
                   .options = {RefArgument(),
                               TopicArgument(),
                               {.name = "offsets",
                                .value = "PARTITION=OFFSET",
                                .help = "The next message to read there.",
                                .kind = OptionKind::kList,
                                .required = true},
                               GroupOption()},
                   .examples = {"nstarx commit events orders --group billing 0=1200 1=1187"},
                   .run = Commit});
  table.push_back(
      {.path = "produce",
       .group = kGroup,
       .summary = "Write messages to a topic, one for each line of input",
       .options =
           {RefArgument(),
            TopicArgument(),
            {.name = "value",
             .flags = "--value",
             .value = "TEXT",
             .help = "A message, instead of lines of input.",
             .kind = OptionKind::kList},
            {.name = "file",
             .flags = "-f,--file",
             .value = "FILE",
             .help = "Read the lines there; - is standard input.",
             .default_value = "-",
             .completes = "files"},
            {.name = "key", .flags = "--key", .value = "KEY", .help = "Key of the messages."},
            {.name = "header",
             .flags = "--header",
             .value = "NAME=VALUE",
             .help = "A header of the messages.",
             .kind = OptionKind::kList},
            {.name = "partition",
             .flags = "--partition",
             .value = "N",
             .help = "Write there.",
             .kind = OptionKind::kInteger,
             .minimum = 0},
            FormatOption({"table", "json"})},
       .examples = {"nstarx produce events orders --key 42 --value '{\"id\": 42}'",
                    "tail -f app.log | nstarx produce events logs"},
       .run = Produce});
}

}  // namespace nstarx::cli
