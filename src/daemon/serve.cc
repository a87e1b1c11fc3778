#include "daemon/serve.h"

#include <arrow/memory_pool.h>
#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "access/access.h"
#include "adapter/external_connector.h"
#include "audit/journal.h"
#include "base/error_table.h"
#include "base/log.h"
#include "connectors/aws/s3_runtime.h"
#include "daemon/connector_list.h"
#include "daemon/data_directory.h"
#include "daemon/driver_sources.h"
#include "discover/templates.h"
#include "drivers/automatic_update.h"
#include "drivers/drivers.h"
#include "federation/federation.h"
#include "gateway/gateway.h"
#include "http/application.h"
#include "http/server.h"
#include "http/services.h"
#include "monitor/metrics.h"
#include "registry/registry.h"
#include "store/sqlite/sqlite_store.h"
#include "vault/vault.h"

namespace nstarx::daemon {
namespace {

constexpr auto kStopGrace = std::chrono::seconds(10);
constexpr auto kTrimInterval = std::chrono::seconds(15);

std::string DefaultDataDirectory() {
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0') {
    return std::string(data) + "/nstarx";
  }
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/.local/share/nstarx";
}

struct ListenAddress {
  std::string host;
  int port = 0;
};

Result<ListenAddress> ParseListen(std::string_view text) {
  const size_t colon = text.rfind(':');
  ListenAddress out;
  bool good = colon != std::string_view::npos && colon > 0;
  if (good) {
    out.host = text.substr(0, colon);
    if (out.host.starts_with('[') && out.host.ends_with(']'))
      out.host = out.host.substr(1, out.host.size() - 2);
    const std::string_view port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    good = error == std::errc() && end == port.data() + port.size() && out.port >= 0 &&
           out.port <= 65535;
  }
  if (good) return out;
  return InvalidArgument("config.wrong_type",
                         fmt::format("--listen '{}' is not ADDRESS:PORT", text))
      .WithHint("Example: --listen 127.0.0.1:8480; port 0 takes a free one.");
}

Result<std::string> StorePath(const cli::ServeOptions& options, const DataDirectory& data) {
  if (options.store_url.empty()) return data.File("nstarx.db");
  if (options.store_url.starts_with("sqlite:") && options.store_url.size() > 7)
    return options.store_url.substr(7);
  return InvalidArgument("config.wrong_type", "--store must be sqlite:PATH")
      .WithHint(
          "The embedded store is SQLite; leave --store out to keep it in the data directory.");
}

Result<std::unique_ptr<vault::KeyProvider>> MakeKeyProvider(const cli::ServeOptions& options,
                                                            const DataDirectory& data) {
  if (options.key_provider == "file") return vault::FileKeyProvider(data.File("keys"));
  if (options.key_provider != "passphrase") {
    return InvalidArgument("config.wrong_type", "--key-provider must be file or passphrase");
  }
  if (!options.passphrase_file.empty()) {
    std::ifstream file(options.passphrase_file);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (!text.empty()) return vault::PassphraseKeyProvider(Secret::FromString(std::move(text)));
    return InvalidArgument("vault.key_missing",
                           fmt::format("{} holds no passphrase", options.passphrase_file));
  }
  if (char* value = std::getenv("NSTARX_PASSPHRASE"); value != nullptr && *value != '\0') {
    Secret passphrase{std::string_view(value)};
    // It must not stay where `ps` and child processes can read it.
    sodium_memzero(value, passphrase.size());
    unsetenv("NSTARX_PASSPHRASE");
    return vault::PassphraseKeyProvider(std::move(passphrase));
  }
  return InvalidArgument("vault.key_missing", "the passphrase key provider needs a passphrase")
      .WithHint("Set NSTARX_PASSPHRASE, or give --passphrase-file FILE (mode 0600).");
}

Result<log::Level> ParseLevel(std::string_view text) {
  if (text == "debug") return log::Level::kDebug;
  if (text == "info") return log::Level::kInfo;
  if (text == "warning") return log::Level::kWarning;
  if (text == "error") return log::Level::kError;
  return InvalidArgument("config.wrong_type", "--log-level must be debug, info, warning or error");
}

/// On the first start the administrator's key is made and left in credentials.json, readable by the
/// owner only.
Status KeepCredentials(access::Callers& callers, store::Store& store, const DataDirectory& data,
                       const std::string& url) {
  NSTARX_TRY(DataDirectory::Credentials credentials, data.ReadCredentials());
  credentials.url = url;
  NSTARX_TRY(const auto keys, store.ListApiKeys());
  if (keys.empty()) {
    const Principal system{.id = "system", .name = "system", .role = Role::kAdmin, .scopes = {"*"}};
    NSTARX_TRY(access::IssuedApiKey issued,
               callers.IssueKey(system, {.name = "first start", .user = "admin"}));
    credentials.api_key = std::move(issued.key);
  } else if (credentials.api_key.empty()) {
    NSTARX_LOG(kWarning, "credentials_file_without_key", {{"file", data.File("credentials.json")}});
    return {};
  }
  return data.WriteCredentials(credentials);
}

/// Waits for one of the signals. Allocators keep what a burst of work took: meanwhile the system
/// gets back what is free.
int AwaitSignal(const sigset_t& signals) {
  for (;;) {
    const timespec pause{.tv_sec = kTrimInterval.count(), .tv_nsec = 0};
    if (const int signal = sigtimedwait(&signals, nullptr, &pause); signal > 0) return signal;
    malloc_trim(0);
    arrow::default_memory_pool()->ReleaseUnused();
  }
}

/// The types that are built in, and those of <data>/adapters/*/spec.json.
Result<std::vector<std::unique_ptr<connector::Connector>>> ConnectorsOf(const DataDirectory& data) {
  auto out = AllConnectors();
  for (const auto& [type, spec] : AllDriverTypes()) {
    NSTARX_TRY(auto made,
               adapter::MakeAdapter(spec, data.File("adapters") + "/" + std::string(type)));
    out.push_back(std::move(made));
  }
  std::vector<std::string> types;
  types.reserve(out.size());
  for (const auto& connector : out) types.push_back(connector->spec().type());
  adapter::Adapters found = adapter::LoadAdapters(data.File("adapters"), types);
  for (auto& connector : found.connectors) {
    NSTARX_LOG(kInfo, "adapter_loaded", {{"type", connector->spec().type()}});
    out.push_back(std::move(connector));
  }
  for (const auto& refused : found.refused) {
    NSTARX_LOG(kError, "adapter_refused",
               {{"file", refused.file}, {"error", refused.error.ToString()}});
  }
  return out;
}

Status ServeUntilSignal(const cli::ServeOptions& options, const sigset_t& signals) {
  NSTARX_TRY(const log::Level level, ParseLevel(options.log_level));
  log::Open(level);
  NSTARX_TRY(const ListenAddress listen, ParseListen(options.listen));
  const SystemClock clock;
  NSTARX_TRY(
      const DataDirectory data,
      DataDirectory::Open(options.data_dir.empty() ? DefaultDataDirectory() : options.data_dir));

  NSTARX_TRY(const std::string store_path, StorePath(options, data));
  NSTARX_TRY(const auto store, store::OpenSqliteStore(store_path));
  NSTARX_TRY(auto key_provider, MakeKeyProvider(options, data));
  NSTARX_TRY(const auto vault, vault::Vault::Open(*store, std::move(key_provider), clock));
  NSTARX_TRY(const auto journal, audit::Journal::Open(data.File("audit"), clock));
  NSTARX_TRY(const auto callers, access::Callers::Open(*store, clock));
  NSTARX_TRY(const auto s3_runtime, connectors::aws::S3Runtime::Open());
  NSTARX_TRY(auto all_connectors, ConnectorsOf(data));
  const connector::ConnectorTable connectors(std::move(all_connectors));
  monitor::Metrics metrics;
  const auto registry = registry::Registry::Make(*store, *vault, connectors, *journal, clock);
  const auto templates = discover::Templates::Make(*store, *registry, connectors, *journal, clock);
  NSTARX_TRY(drivers::Sources driver_sources, DriverSourcesOf(options));
  NSTARX_TRY(const auto drivers, drivers::Drivers::Open({.folder = data.File("drivers"),
                                                         .adapters_folder = data.File("adapters"),
                                                         .sources = std::move(driver_sources)},
                                                        *journal, metrics, clock));
  const auto gateway = gateway::Gateway::Make(*registry, *journal, metrics,
                                              {.scan_parallelism = options.scan_parallelism});
  const auto federation = federation::Federation::Make(*gateway, {});
  NSTARX_TRY(const int64_t count, store->CountConnections());
  metrics.SetConnections(count);

  const http::Services services{.registry = *registry,
                                .gateway = *gateway,
                                .federation = *federation,
                                .callers = *callers,
                                .journal = *journal,
                                .vault = *vault,
                                .templates = *templates,
                                .drivers = *drivers,
                                .store = *store,
                                .connectors = connectors,
                                .metrics = metrics,
                                .clock = clock,
                                .log_requests = level == log::Level::kDebug};
  const auto application = http::MakeApi(services);
  NSTARX_TRY(const auto server,
             http::Server::Start(
                 {.address = listen.host,
                  .port = listen.port,
                  .tls_certificate_file = options.tls_certificate_file,
                  .tls_key_file = options.tls_key_file,
                  .worker_threads = static_cast<size_t>(std::max(1, options.worker_threads))},
                 *application));
  NSTARX_RETURN_IF_ERROR(KeepCredentials(*callers, *store, data, server->url()));
  NSTARX_LOG(kInfo, "started",
             {{"url", server->url()}, {"version", NSTARX_VERSION}, {"connections", count}});
  std::printf("listening on %s\n", server->url().c_str());
  std::fflush(stdout);

  {
    const drivers::AutomaticUpdate updates(*drivers,
                                           std::chrono::seconds(options.driver_update_interval_s));
    NSTARX_LOG(kInfo, "stopping", {{"signal", AwaitSignal(signals)}});
  }
  server->Stop(kStopGrace);
  return journal->Flush();
}

}  // namespace

int Serve(const cli::ServeOptions& options) {
  umask(077);
  // A core file would hold secrets.
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &no_core);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  if (sodium_init() < 0) {
    std::fprintf(stderr, "nstarx: libsodium has no source of randomness\n");
    return RowOf(ErrorKind::kInternal).exit_code;
  }
  // Threads inherit the mask, so that only sigwait below gets these; a client that hangs up is no
  // reason to die.
  signal(SIGPIPE, SIG_IGN);
  // 64 workers would otherwise keep an arena of freed memory each.
  mallopt(M_ARENA_MAX, 4);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const Status served = ServeUntilSignal(options, signals);
  if (served) return 0;
  std::fprintf(stderr, "nstarx: %s\n", served.error().ToString().c_str());
  for (const auto& hint : served.error().hints()) std::fprintf(stderr, "  - %s\n", hint.c_str());
  return RowOf(served.error().kind()).exit_code;
}

}  // namespace nstarx::daemon
