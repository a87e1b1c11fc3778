#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>

#include "base/clock.h"
#include "cli/session.h"

namespace nstarx::cli {
namespace {

constexpr const char* kGroup = "Server";

Result<int> Serve(Session& session, const Arguments& arguments) {
  if (!session.serve()) return Internal("this program was built without its server");
  ServeOptions options;
  const auto text = [&](const char* name, std::string& into) {
    if (arguments.Has(name)) into = arguments.Text(name);
  };
  if (session.globals().Has("data")) options.data_dir = session.globals().Text("data");
  text("listen", options.listen);
  text("store", options.store_url);
  text("tls-cert", options.tls_certificate_file);
  text("tls-key", options.tls_key_file);
  text("key-provider", options.key_provider);
  text("passphrase-file", options.passphrase_file);
  text("log-level", options.log_level);
  options.worker_threads =
      static_cast<int>(arguments.Integer("worker-threads", options.worker_threads));
  options.scan_parallelism =
      static_cast<int>(arguments.Integer("scan-parallelism", options.scan_parallelism));
  const auto list = [&](const char* name, std::vector<std::string>& into) {
    if (arguments.Has(name)) into = arguments.All(name);
  };
  list("driver-index", options.driver_indexes);
  list("maven-repository", options.maven_repositories);
  list("pypi-index", options.pypi_indexes);
  list("driver-key", options.driver_keys);
  text("driver-ca", options.driver_ca_file);
  options.driver_update_interval_s = static_cast<int>(
      arguments.Integer("driver-update-interval", options.driver_update_interval_s));
  return session.serve()(options);
}

/// A client for what needs no key, with whatever key there is.
std::unique_ptr<Api> OpenApi(const ServerAddress& address) { return MakeHttpClient(address); }

Result<int> Health(Session& session, const Arguments& arguments) {
  const ServerAddress address = session.Address();
  const auto api = OpenApi(address);
  json::object report{{"url", address.url}};
  const auto quick = std::chrono::seconds(10);
  NSTARX_TRY(const json::value alive, api->Call("GET", "/healthz", {}, quick));
  report["health"] = alive.is_object() ? json::value(CellAt(alive.get_object(), "status")) : "?";
  auto ready = api->Call("GET", "/readyz", {}, quick);
  report["ready"] = ready && ready->is_object() ? CellAt(ready->get_object(), "status") : "no";
  if (auto index = api->Call("GET", "/", {}, quick); index && index->is_object()) {
    report["version"] = CellAt(index->get_object(), "version");
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, value] : report) rows.push_back({std::string(key), CellOf(value)});
  NSTARX_RETURN_IF_ERROR(session.PrintRows(arguments, report, {"FIELD", "VALUE"}, rows));
  if (!ready) session.PrintError(ready.error(), false);
  return ready ? 0 : kExitNo;
}

/// One line of what doctor found.
struct Finding {
  std::string check;
  bool good = false;
  std::string detail;
  std::string advice;
};

int64_t SkewSeconds(const Answer& answer) {
  const auto date = answer.headers.find(std::string_view("date"));
  if (date == answer.headers.end()) return 0;
  std::tm parts{};
  if (strptime(date->second.c_str(), "%a, %d %b %Y %H:%M:%S", &parts) == nullptr) return 0;
  return static_cast<int64_t>(std::time(nullptr)) - static_cast<int64_t>(timegm(&parts));
}

void CheckServer(Api& api, const ServerAddress& address, std::vector<Finding>& findings) {
  const auto answer = api.Send({.path = "/", .timeout = std::chrono::seconds(10)});
  if (!answer) {
    const Error& error = answer.error();
    findings.push_back({"server answers", false, error.message(),
                        error.hints().empty() ? "" : error.hints().front()});
    return;
  }
  findings.push_back({"server answers", true, address.url, ""});
  const auto index = ParseJson(answer->body);
  const std::string version =
      index && index->is_object() ? CellAt(index->get_object(), "version") : "";
  findings.push_back({"same version", version == NSTARX_VERSION,
                      fmt::format("server {}, this program {}",
                                  version.empty() ? "unknown" : version, NSTARX_VERSION),
                      "Use programs of the same version; commands may differ otherwise."});
  const int64_t skew = SkewSeconds(*answer);
  findings.push_back({"clocks agree", std::abs(skew) <= 30,
                      fmt::format("{} s apart", std::abs(skew)),
                      "Set the clock (NTP): keys expire and signatures fail otherwise."});
  const auto ready = api.Call("GET", "/readyz", {}, std::chrono::seconds(10));
  findings.push_back({"store answers", ready.has_value(), ready ? "ready" : ready.error().message(),
                      "See the server's log; its disk may be full or its store unreachable."});
}

void CheckKey(Api& api, const ServerAddress& address, std::vector<Finding>& findings) {
  if (address.api_key.empty()) {
    findings.push_back({"API key is accepted", false, "there is none",
                        "Set NSTARX_API_KEY or give --api-key; an admin makes one with `nstarx "
                        "api-keys create`."});
    return;
  }
  const auto me = api.Call("GET", "/whoami", {}, std::chrono::seconds(10));
  if (!me || !me->is_object()) {
    findings.push_back({"API key is accepted", false, me ? "no answer" : me.error().message(),
                        me || me.error().hints().empty() ? "" : me.error().hints().front()});
    return;
  }
  findings.push_back(
      {"API key is accepted", true,
       fmt::format("{} ({})", CellAt(me->get_object(), "name"), CellAt(me->get_object(), "role")),
       ""});
  const auto types = api.Call("GET", "/connection-types", {}, std::chrono::seconds(10));
  const size_t count = types && types->is_object() ? Items(types->get_object()).size() : 0;
  findings.push_back({"types are loaded", count > 0, fmt::format("{} types", count),
                      "The server was built without connectors."});
}

void CheckFiles(const Session& session, std::vector<Finding>& findings) {
  const std::string path = session.DataDirectory() + "/credentials.json";
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) return;
  const bool closed = (facts.st_mode & 077) == 0;
  findings.push_back({"credentials.json is private", closed, path,
                      fmt::format("Others can read an admin key: chmod 600 {}", path)});
}

Result<int> Doctor(Session& session, const Arguments& arguments) {
  const ServerAddress address = session.Address();
  std::vector<Finding> findings;
  const bool loopback = address.url.starts_with("http://127.") ||
                        address.url.starts_with("http://localhost") ||
                        address.url.starts_with("http://[::1]");
  findings.push_back({"key travels safely", loopback || address.url.starts_with("https://"),
                      address.url, "Use https for a server on another machine."});
  const auto api = OpenApi(address);
  CheckServer(*api, address, findings);
  const bool answers = std::ranges::all_of(
      findings, [](const Finding& row) { return row.check != "server answers" || row.good; });
  if (answers) CheckKey(*api, address, findings);
  CheckFiles(session, findings);

  json::array document;
  bool good = true;
  std::string text;
  Console& console = session.console();
  for (const Finding& row : findings) {
    good = good && row.good;
    json::object item{{"check", row.check}, {"ok", row.good}, {"detail", row.detail}};
    if (!row.good) item["advice"] = row.advice;
    document.push_back(std::move(item));
    text += fmt::format("{} {:<28} {}\n",
                        row.good ? console.Paint(Tone::kGood, "✓") : console.Paint(Tone::kBad, "✗"),
                        row.check, row.detail);
    if (!row.good && !row.advice.empty()) text += "    • " + row.advice + "\n";
  }
  if (arguments.Text("format") == "json") {
    NSTARX_RETURN_IF_ERROR(session.PrintJson(document));
  } else {
    NSTARX_RETURN_IF_ERROR(console.Out(text));
  }
  return good ? 0 : kExitNo;
}

std::vector<Option> DriverFlags() {
  return {{.name = "driver-index",
           .flags = "--driver-index",
           .value = "PLACE",
           .help = "Folder or URL of an index of drivers; NSTARX_DRIVER_INDEX when left out.",
           .kind = OptionKind::kList},
          {.name = "maven-repository",
           .flags = "--maven-repository",
           .value = "PLACE",
           .help = "Folder or URL of a repository in Maven's layout; NSTARX_MAVEN_REPOSITORY when "
                   "left out.",
           .kind = OptionKind::kList},
          {.name = "pypi-index",
           .flags = "--pypi-index",
           .value = "PLACE",
           .help = "Folder or URL of a simple index of Python packages; NSTARX_PYPI_INDEX, then "
                   "PIP_INDEX_URL when left out.",
           .kind = OptionKind::kList},
          {.name = "driver-key",
           .flags = "--driver-key",
           .value = "KEY",
           .help = "Public key (Ed25519; Base64, hex or a file) that must have signed drivers; "
                   "NSTARX_DRIVER_KEY when left out.",
           .kind = OptionKind::kList},
          {.name = "driver-ca",
           .flags = "--driver-ca",
           .value = "FILE",
           .help = "PEM bundle of the CAs to trust for driver downloads, instead of the system's.",
           .completes = "files"},
          {.name = "driver-update-interval",
           .flags = "--driver-update-interval",
           .value = "SECONDS",
           .help = "How often drivers with an update policy are looked after; a day when left out.",
           .kind = OptionKind::kInteger,
           .minimum = 1,
           .maximum = 31'536'000}};
}

std::vector<Option> ServeFlags() {
  std::vector<Option> out = {
      {.name = "listen",
       .flags = "--listen",
       .value = "ADDR:PORT",
       .help = "Where to listen; port 0 takes a free one; not beyond this machine without TLS. "
               "127.0.0.1:8480 when left out."},
      {.name = "store",
       .flags = "--store",
       .value = "URL",
       .help = "What must last is kept there; sqlite:DATA/nstarx.db when left out."},
      {.name = "tls-cert",
       .flags = "--tls-cert",
       .value = "FILE",
       .help = "PEM certificate chain.",
       .completes = "files"},
      {.name = "tls-key",
       .flags = "--tls-key",
       .value = "FILE",
       .help = "PEM private key.",
       .completes = "files"},
      {.name = "key-provider",
       .flags = "--key-provider",
       .value = "KIND",
       .help = "Where the key of the vault comes from; passphrase reads NSTARX_PASSPHRASE or "
               "--passphrase-file.",
       .choices = {"file", "passphrase"}},
      {.name = "passphrase-file",
       .flags = "--passphrase-file",
       .value = "FILE",
       .help = "File with the passphrase.",
       .completes = "files"},
      {.name = "log-level",
       .flags = "--log-level",
       .value = "LEVEL",
       .help = "How much is logged.",
       .choices = {"debug", "info", "warning", "error"}},
      {.name = "worker-threads",
       .flags = "--worker-threads",
       .value = "N",
       .help = "Requests that may work on systems at once.",
       .kind = OptionKind::kInteger,
       .minimum = 1,
       .maximum = 1024},
      {.name = "scan-parallelism",
       .flags = "--scan-parallelism",
       .value = "N",
       .help = "Sessions that one big scan may use.",
       .kind = OptionKind::kInteger,
       .minimum = 1,
       .maximum = 64}};
  for (Option& option : DriverFlags()) out.push_back(std::move(option));
  return out;
}

}  // namespace

void AddServerCommands(CommandTable& table) {
  table.push_back({.path = "serve",
                   .group = kGroup,
                   .summary = "Start the server; prints `listening on URL` when it is ready",
                   .description = "The first start writes DIR/credentials.json with an admin key. "
                                  "Stops cleanly on SIGTERM and SIGINT.",
                   .options = ServeFlags(),
                   .examples = {"nstarx serve",
                                "nstarx serve --data /var/lib/nstarx --listen "
                                "0.0.0.0:8480 --tls-cert server.pem --tls-key server.key"},
                   .run = Serve});
  table.push_back({.path = "health",
                   .group = kGroup,
                   .summary = "Ask the server whether it is alive and ready",
                   .options = {FormatOption()},
                   .run = Health});
  table.push_back({.path = "doctor",
                   .group = kGroup,
                   .summary = "Check address, key, clock and versions, and say what to do",
                   .options = {FormatOption({"table", "json"})},
                   .run = Doctor});
}

}  // namespace nstarx::cli
