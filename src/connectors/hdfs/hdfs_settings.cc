#include "connectors/hdfs/hdfs_settings.h"

#include "connectors/object_store/object_session.h"

namespace nstarx::connectors::hdfs {
namespace {

constexpr size_t kNameNodesMax = 8;

bool HasPort(std::string_view host) {
  const size_t bracket = host.rfind(']');
  return host.find(':', bracket == std::string_view::npos ? 0 : bracket) != std::string_view::npos;
}

bool IsInner(std::string_view prefix) {
  while (!prefix.empty()) {
    const size_t slash = std::min(prefix.find('/'), prefix.size());
    const std::string_view part = prefix.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    prefix.remove_prefix(std::min(slash + 1, prefix.size()));
  }
  return true;
}

}  // namespace

Result<std::vector<net::ServiceUrl>> ParseNameNodes(std::string_view hosts, int64_t port,
                                                    bool tls) {
  std::vector<net::ServiceUrl> nodes;
  while (true) {
    const size_t comma = std::min(hosts.find(','), hosts.size());
    std::string_view host = hosts.substr(0, comma);
    while (host.starts_with(' ')) host.remove_prefix(1);
    while (host.ends_with(' ')) host.remove_suffix(1);
    std::string url = fmt::format("{}://{}", tls ? "https" : "http", host);
    if (!HasPort(host)) url += fmt::format(":{}", port);
    NSTARX_TRY(net::ServiceUrl node, net::ServiceUrl::Parse(url));
    if (!node.base_path.empty() || nodes.size() == kNameNodesMax) {
      return InvalidArgument("config.malformed_endpoint",
                             "host wants up to eight name nodes as host or host:port, with commas")
          .WithDetail("field", "host");
    }
    nodes.push_back(std::move(node));
    if (comma == hosts.size()) return nodes;
    hosts.remove_prefix(comma + 1);
  }
}

Result<HdfsSettings> HdfsSettings::Read(const json::object& configuration) {
  HdfsSettings settings;
  settings.tls = GetString(configuration, "scheme") == "swebhdfs";
  const int64_t port = GetInt(configuration, "port", settings.tls ? 9871 : 9870);
  NSTARX_TRY(settings.name_nodes,
             ParseNameNodes(GetString(configuration, "host"), port, settings.tls));
  settings.prefix = object_store::NormalPrefix(GetString(configuration, "path"));
  if (!IsInner(settings.prefix)) {
    return InvalidArgument("config.malformed_path", "path wants a folder such as /data/sales")
        .WithDetail("field", "path");
  }
  settings.ca_pem = GetString(configuration, "tls_ca");
  settings.connect_timeout =
      std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 5000));
  settings.request_timeout =
      std::chrono::milliseconds(GetInt(configuration, "request_timeout_ms", 30'000));
  settings.memory_limit_bytes = GetInt(configuration, "memory_limit_mb", 128) << 20;
  settings.query_threads = static_cast<int>(GetInt(configuration, "query_threads", 2));
  settings.cache_files = GetBool(configuration, "cache_files", false);
  return settings;
}

std::string HdfsSettings::Root() const {
  return "/" + prefix.substr(0, prefix.empty() ? 0 : prefix.size() - 1);
}

}  // namespace nstarx::connectors::hdfs
