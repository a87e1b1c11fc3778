#pragma once

#include <chrono>
#include <string>

#include "base/json.h"
#include "base/status.h"
#include "net/http_request.h"

namespace nstarx::connectors::gcs {

/// A connection's configuration, read once. Plain value.
struct GcsSettings {
  std::string bucket;
  std::string prefix;  ///< empty, or ends in '/' and does not begin with one
  std::string user_project;
  net::ServiceUrl service;
  std::string ca_pem;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds request_timeout{30'000};
  int64_t memory_limit_bytes = int64_t{128} << 20;
  int query_threads = 2;
  bool cache_files = false;

  /// Without an endpoint it is https://storage.googleapis.com. config.malformed_endpoint.
  static Result<GcsSettings> Read(const json::object& configuration);

  /// Encoded path of a key in the JSON API; an empty key is the list of the bucket's objects.
  std::string PathOf(std::string_view full_key) const;
  /// Encoded path where objects are uploaded.
  std::string UploadPath() const;
  /// Encoded path of a key in the XML API, which signed URLs are for.
  std::string PublicPathOf(std::string_view full_key) const;
};

}  // namespace nstarx::connectors::gcs
