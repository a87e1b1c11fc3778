#pragma once

#include <chrono>
#include <string>

#include "base/json.h"
#include "base/status.h"
#include "net/http_request.h"

namespace nstarx::connectors::azure_blob {

/// A connection's configuration, read once. Plain value.
struct AzureSettings {
  std::string account;
  std::string container;
  std::string prefix;       ///< empty, or ends in '/' and does not begin with one
  net::ServiceUrl service;  ///< with the account in its path where the endpoint has it there
  std::string ca_pem;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds request_timeout{30'000};
  int64_t memory_limit_bytes = int64_t{128} << 20;
  int query_threads = 2;
  bool cache_files = false;

  /// Without an endpoint it is https://ACCOUNT.blob.core.windows.net. config.malformed_endpoint.
  static Result<AzureSettings> Read(const json::object& configuration);

  /// Encoded path of a key; an empty key is the container itself.
  std::string PathOf(std::string_view full_key) const;
};

}  // namespace nstarx::connectors::azure_blob
