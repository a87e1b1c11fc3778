#include "cli/session.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/error_table.h"
#include "base/percent.h"
#include "cli/table.h"

namespace nstarx::cli {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void Indent(const json::value& value, std::string& out, int depth) {
  const auto line = [&](int levels) {
    out += '\n';
    out.append(2 * static_cast<size_t>(levels), ' ');
  };
  if (value.is_object() && !value.get_object().empty()) {
    out += '{';
    bool first = true;
    for (const auto& [key, member] : value.get_object()) {
      if (!std::exchange(first, false)) out += ',';
      line(depth + 1);
      out += json::serialize(json::string(key)) + ": ";
      Indent(member, out, depth + 1);
    }
    line(depth);
    out += '}';
  } else if (value.is_array() && !value.get_array().empty()) {
    out += '[';
    bool first = true;
    for (const auto& member : value.get_array()) {
      if (!std::exchange(first, false)) out += ',';
      line(depth + 1);
      Indent(member, out, depth + 1);
    }
    line(depth);
    out += ']';
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string DefaultDataDirectory() {
  const std::string data_home = Environment("XDG_DATA_HOME");
  if (!data_home.empty()) return data_home + "/nstarx";
  return Environment("HOME") + "/.local/share/nstarx";
}

std::string Session::DataDirectory() const {
  return globals_.Has("data") ? globals_.Text("data") : DefaultDataDirectory();
}

ServerAddress Session::Address() const {
  ServerAddress address{.url = globals_.Text("url"), .api_key = globals_.Text("api-key")};
  address.ca_file =
      globals_.Has("ca-file") ? globals_.Text("ca-file") : Environment("NSTARX_CA_FILE");
  // A data directory that was named means the server on it, whatever the environment says.
  if (!globals_.Has("data")) {
    if (address.url.empty()) address.url = Environment("NSTARX_URL");
    if (address.api_key.empty()) address.api_key = Environment("NSTARX_API_KEY");
  }
  if (address.url.empty() || address.api_key.empty()) {
    std::ifstream file(DataDirectory() + "/credentials.json");
    std::stringstream text;
    text << file.rdbuf();
    if (const auto parsed = ParseJson(text.str()); parsed && parsed->is_object()) {
      const json::object& credentials = parsed->get_object();
      const std::string url(GetString(credentials, "url"));
      // The key in the file belongs to the server in the file: it goes nowhere else.
      if (address.api_key.empty() && (address.url.empty() || address.url == url)) {
        address.api_key = GetString(credentials, "api_key");
      }
      if (address.url.empty()) address.url = url;
    }
  }
  if (address.url.empty()) address.url = "http://127.0.0.1:8480";
  return address;
}

Result<Api*> Session::api() {
  if (api_) return api_.get();
  ServerAddress address = Address();
  if (address.api_key.empty()) {
    return Error(ErrorKind::kUnauthenticated, "client.no_key", "there is no API key to show")
        .WithHint("Set NSTARX_API_KEY or give --api-key.")
        .WithHint(fmt::format("A server started on this machine writes one to {}/credentials.json.",
                              DataDirectory()));
  }
  api_ = make_api_(address);
  return api_.get();
}

Status Session::PrintJson(const json::value& value) {
  return console_.Out(PrettyJson(value) + "\n");
}

Status Session::PrintRows(const Arguments& arguments, const json::value& document,
                          const std::vector<std::string>& headers,
                          const std::vector<std::vector<std::string>>& rows) {
  const std::string format = arguments.Text("format", "table");
  if (format == "json") return PrintJson(document);
  if (format == "csv") {
    std::string text = CsvLine(headers);
    for (const auto& row : rows) text += CsvLine(row);
    return console_.Out(text);
  }
  if (rows.empty()) {
    Note("Nothing found.");
    return {};
  }
  Table table(headers);
  for (const auto& row : rows) table.Add(row);
  return console_.Out(table.Take(console_.output_is_terminal() ? console_.width() : 0));
}

void Session::PrintError(const Error& error, bool as_json) {
  if (error.code() == "client.output_closed") return;
  if (as_json) {
    json::object problem;
    problem["type"] = "/errors/" + error.code();
    problem["title"] = RowOf(error.kind()).title;
    for (auto& [key, value] : error.ToJson()) problem[key] = value;
    console_.Err(json::serialize(problem) + "\n");
    return;
  }
  std::string text = console_.Paint(Tone::kBad, "error", true) + " " +
                     console_.Paint(Tone::kBold, error.code(), true) + ": " +
                     CellText(error.message()) + "\n";
  const auto line = [&](std::string_view label, const std::string& value) {
    if (!value.empty()) text += fmt::format("  {}: {}\n", label, CellText(value));
  };
  line("stage", error.stage());
  line("SQLSTATE", error.sqlstate());
  if (error.sqlstate().empty()) line("system's code", error.vendor_code());
  for (const char* key : {"position", "field"}) {
    if (const json::value* value = error.details().if_contains(key)) line(key, CellOf(*value));
  }
  if (const json::value* problems = error.details().if_contains("problems");
      problems != nullptr && problems->is_array() && problems->get_array().size() > 1) {
    for (const json::value& item : problems->get_array()) {
      if (!item.is_object()) continue;
      text += fmt::format("  {}: {}\n", CellText(GetString(item.get_object(), "field")),
                          CellText(GetString(item.get_object(), "message")));
    }
  }
  for (const std::string& hint : error.hints()) text += "  • " + CellText(hint) + "\n";
  console_.Err(text);
}

std::string ConnectionPath(std::string_view ref, std::string_view rest) {
  return "/connections/" + PercentEncode(ref) + std::string(rest);
}

std::string CellOf(const json::value& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_array()) {
    std::string joined;
    for (const json::value& item : value.get_array()) {
      if (item.is_structured()) return json::serialize(value);
      if (!joined.empty()) joined += ", ";
      joined += CellOf(item);
    }
    return joined;
  }
  // The shortest text, not the exponent form of the serializer.
  if (value.is_double()) return fmt::format("{}", value.get_double());
  return json::serialize(value);
}

std::string CellAt(const json::object& object, std::string_view path) {
  const size_t dot = path.find('.');
  const json::value* member = object.if_contains(path.substr(0, dot));
  if (member == nullptr) return "";
  if (dot == path.npos) return CellOf(*member);
  return member->is_object() ? CellAt(member->get_object(), path.substr(dot + 1)) : "";
}

const json::array& Items(const json::object& page) {
  static const json::array none;
  const json::value* items = page.if_contains("items");
  return items != nullptr && items->is_array() ? items->get_array() : none;
}

std::string PrettyJson(const json::value& value) {
  std::string out;
  Indent(value, out, 0);
  return out;
}

}  // namespace nstarx::cli
