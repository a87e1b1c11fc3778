#pragma once

#include <chrono>
#include <string>

#include "base/json.h"
#include "base/status.h"
#include "net/http_request.h"

namespace nstarx::connectors::s3 {

/// Which member of the family a spec describes.
enum class Flavour {
  kAmazon,  ///< defaults and keys may come from AWS's variables of the environment
  kMinio,   ///< the endpoint is given, STS is on the same port, the environment plays no role
};

/// A connection's configuration, read once. Plain value.
struct S3Settings {
  std::string bucket;
  std::string prefix;  ///< empty, or ends in '/' and does not begin with one
  std::string region;
  net::ServiceUrl service;   ///< what is dialled; holds the bucket's name unless path_style
  net::ServiceUrl endpoint;  ///< the same without the bucket
  bool custom_endpoint = false;
  bool path_style = false;
  net::ServiceUrl sts;
  std::string ca_pem;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds request_timeout{30'000};
  int64_t memory_limit_bytes = int64_t{128} << 20;
  int query_threads = 2;
  bool cache_files = false;

  /// Takes the endpoint from the configuration, else from AWS_ENDPOINT_URL_S3 / AWS_ENDPOINT_URL,
  /// else AWS's. config.malformed_endpoint.
  static Result<S3Settings> Read(const json::object& configuration,
                                 Flavour flavour = Flavour::kAmazon);

  /// Encoded path of a key in requests to `service`; an empty key is the bucket itself.
  std::string PathOf(std::string_view full_key) const;
};

}  // namespace nstarx::connectors::s3
