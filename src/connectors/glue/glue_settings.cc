#include "connectors/glue/glue_settings.h"

#include <fmt/format.h>

#include <cstdlib>

namespace nstarx::connectors::glue {
namespace {

std::string FirstOf(std::string_view given, std::initializer_list<const char*> variables) {
  if (!given.empty()) return std::string(given);
  for (const char* name : variables) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

Result<net::ServiceUrl> ServiceOf(const std::string& url, std::string_view name,
                                  std::string_view region) {
  if (!url.empty()) return net::ServiceUrl::Parse(url);
  const std::string_view domain = region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  net::ServiceUrl service;
  service.host = fmt::format("{}.{}.{}", name, region, domain);
  return service;
}

}  // namespace

Result<GlueSettings> GlueSettings::Read(const json::object& configuration) {
  GlueSettings settings;
  settings.region = GetString(configuration, "region", "us-east-1");
  settings.catalog_id = GetString(configuration, "catalog_id");
  settings.ca_pem = GetString(configuration, "tls_ca");
  settings.connect_timeout =
      std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 5000));
  settings.request_timeout =
      std::chrono::milliseconds(GetInt(configuration, "request_timeout_ms", 30'000));
  settings.read_only = GetBool(configuration, "read_only", false);
  NSTARX_TRY(settings.service, ServiceOf(FirstOf(GetString(configuration, "endpoint"),
                                                 {"AWS_ENDPOINT_URL_GLUE", "AWS_ENDPOINT_URL"}),
                                         "glue", settings.region));
  NSTARX_TRY(settings.sts, ServiceOf(FirstOf(GetString(configuration, "sts_endpoint"),
                                             {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"}),
                                     "sts", settings.region));
  return settings;
}

}  // namespace nstarx::connectors::glue
