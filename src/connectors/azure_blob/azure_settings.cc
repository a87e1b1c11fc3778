#include "connectors/azure_blob/azure_settings.h"

#include "base/percent.h"
#include "connectors/object_store/object_session.h"

namespace nstarx::connectors::azure_blob {

Result<AzureSettings> AzureSettings::Read(const json::object& configuration) {
  AzureSettings settings;
  settings.account = GetString(configuration, "account");
  settings.container = GetString(configuration, "container");
  settings.prefix = object_store::NormalPrefix(GetString(configuration, "prefix"));
  settings.ca_pem = GetString(configuration, "tls_ca");
  settings.connect_timeout =
      std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 5000));
  settings.request_timeout =
      std::chrono::milliseconds(GetInt(configuration, "request_timeout_ms", 30'000));
  settings.memory_limit_bytes = GetInt(configuration, "memory_limit_mb", 128) << 20;
  settings.query_threads = static_cast<int>(GetInt(configuration, "query_threads", 2));
  settings.cache_files = GetBool(configuration, "cache_files", false);
  const std::string_view endpoint = GetString(configuration, "endpoint");
  if (endpoint.empty()) {
    settings.service.host = settings.account + ".blob.core.windows.net";
  } else {
    NSTARX_TRY(settings.service, net::ServiceUrl::Parse(endpoint));
  }
  return settings;
}

std::string AzureSettings::PathOf(std::string_view full_key) const {
  std::string path = service.base_path + "/" + PercentEncode(container);
  if (!full_key.empty()) path += "/" + PercentEncode(full_key, "/");
  return path;
}

}  // namespace nstarx::connectors::azure_blob
