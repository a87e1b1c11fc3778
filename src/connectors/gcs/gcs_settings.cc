#include "connectors/gcs/gcs_settings.h"

#include "base/percent.h"
#include "connectors/object_store/object_session.h"

namespace nstarx::connectors::gcs {

Result<GcsSettings> GcsSettings::Read(const json::object& configuration) {
  GcsSettings settings;
  settings.bucket = GetString(configuration, "bucket");
  settings.prefix = object_store::NormalPrefix(GetString(configuration, "prefix"));
  settings.user_project = GetString(configuration, "user_project");
  settings.ca_pem = GetString(configuration, "tls_ca");
  settings.connect_timeout =
      std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 5000));
  settings.request_timeout =
      std::chrono::milliseconds(GetInt(configuration, "request_timeout_ms", 30'000));
  settings.memory_limit_bytes = GetInt(configuration, "memory_limit_mb", 128) << 20;
  settings.query_threads = static_cast<int>(GetInt(configuration, "query_threads", 2));
  settings.cache_files = GetBool(configuration, "cache_files", false);
  const std::string_view endpoint = GetString(configuration, "endpoint");
  NSTARX_TRY(settings.service, net::ServiceUrl::Parse(
                                   endpoint.empty() ? "https://storage.googleapis.com" : endpoint));
  return settings;
}

std::string GcsSettings::PathOf(std::string_view full_key) const {
  std::string path = fmt::format("{}/storage/v1/b/{}/o", service.base_path, PercentEncode(bucket));
  if (!full_key.empty()) path += "/" + PercentEncode(full_key);
  return path;
}

std::string GcsSettings::UploadPath() const {
  return fmt::format("{}/upload/storage/v1/b/{}/o", service.base_path, PercentEncode(bucket));
}

std::string GcsSettings::PublicPathOf(std::string_view full_key) const {
  return fmt::format("{}/{}/{}", service.base_path, PercentEncode(bucket),
                     PercentEncode(full_key, "/"));
}

}  // namespace nstarx::connectors::gcs
