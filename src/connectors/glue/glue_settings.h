#pragma once

#include <chrono>
#include <string>

#include "base/json.h"
#include "base/status.h"
#include "net/http_request.h"

namespace nstarx::connectors::glue {

/// A connection's configuration, read once. Plain value.
struct GlueSettings {
  std::string region;
  std::string catalog_id;  ///< account whose catalog is meant; empty: the login's own
  net::ServiceUrl service;
  net::ServiceUrl sts;
  std::string ca_pem;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds request_timeout{30'000};
  bool read_only = false;

  /// Endpoints come from the configuration, else from AWS_ENDPOINT_URL_GLUE (_STS) or
  /// AWS_ENDPOINT_URL, else they are AWS's. config.malformed_endpoint.
  static Result<GlueSettings> Read(const json::object& configuration);
};

}  // namespace nstarx::connectors::glue
