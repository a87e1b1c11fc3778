#include "connectors/s3/s3_settings.h"

#include <cstdlib>

#include "base/percent.h"
#include "connectors/object_store/object_session.h"

namespace nstarx::connectors::s3 {
namespace {

/// The first that is set: the configuration's field, then the environment's variables.
std::string FirstOf(const json::object& configuration, std::string_view field,
                    std::initializer_list<const char*> variables) {
  const std::string_view given = GetString(configuration, field);
  if (!given.empty()) return std::string(given);
  for (const char* name : variables) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

std::string Domain(std::string_view region) {
  return region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

}  // namespace

Result<S3Settings> S3Settings::Read(const json::object& configuration, Flavour flavour) {
  S3Settings settings;
  settings.bucket = GetString(configuration, "bucket");
  settings.prefix = object_store::NormalPrefix(GetString(configuration, "prefix"));
  settings.region = GetString(configuration, "region", "us-east-1");
  settings.ca_pem = GetString(configuration, "tls_ca");
  settings.connect_timeout =
      std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 5000));
  settings.request_timeout =
      std::chrono::milliseconds(GetInt(configuration, "request_timeout_ms", 30'000));
  settings.memory_limit_bytes = GetInt(configuration, "memory_limit_mb", 128) << 20;
  settings.query_threads = static_cast<int>(GetInt(configuration, "query_threads", 2));

  settings.cache_files = GetBool(configuration, "cache_files", false);

  const bool amazon = flavour == Flavour::kAmazon;
  const std::string url =
      amazon ? FirstOf(configuration, "endpoint", {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"})
             : FirstOf(configuration, "endpoint", {});
  settings.custom_endpoint = !url.empty() || !amazon;
  if (settings.custom_endpoint) {
    NSTARX_TRY(settings.endpoint, net::ServiceUrl::Parse(url));
  } else {
    settings.endpoint.host = fmt::format("s3.{}.{}", settings.region, Domain(settings.region));
  }
  // A dot in the bucket's name would not match AWS's wildcard certificate.
  const bool dotted = settings.bucket.find('.') != std::string::npos;
  settings.path_style = GetBool(configuration, "path_style", settings.custom_endpoint || dotted);
  settings.service = settings.endpoint;
  if (!settings.path_style) {
    settings.service.host = settings.bucket + "." + settings.endpoint.host;
  }
  std::string sts = FirstOf(configuration, "sts_endpoint", {});
  if (sts.empty()) {
    sts = amazon ? FirstOf(configuration, {}, {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"}) : url;
  }
  if (!sts.empty()) {
    NSTARX_TRY(settings.sts, net::ServiceUrl::Parse(sts));
  } else {
    settings.sts.host = fmt::format("sts.{}.{}", settings.region, Domain(settings.region));
  }
  return settings;
}

std::string S3Settings::PathOf(std::string_view full_key) const {
  std::string path = service.base_path + "/";
  if (path_style) {
    path += PercentEncode(bucket);
    if (!full_key.empty()) path += '/';
  }
  return path + PercentEncode(full_key, "/");
}

}  // namespace nstarx::connectors::s3
