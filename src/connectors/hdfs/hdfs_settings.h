#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "net/http_request.h"

namespace nstarx::connectors::hdfs {

/// A connection's configuration, read once. Plain value.
struct HdfsSettings {
  std::vector<net::ServiceUrl> name_nodes;  ///< never empty
  std::string prefix;                       ///< empty, or ends in '/' and does not begin with one
  bool tls = false;
  std::string ca_pem;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds request_timeout{30'000};
  int64_t memory_limit_bytes = int64_t{128} << 20;
  int query_threads = 2;
  bool cache_files = false;

  /// Errors: config.malformed_endpoint, config.malformed_path.
  static Result<HdfsSettings> Read(const json::object& configuration);

  /// The root of the connection as HDFS writes it: "/" or "/a/b".
  std::string Root() const;
};

/// "nn1,nn2:50070" as the addresses of name nodes; those without a port get `port`.
Result<std::vector<net::ServiceUrl>> ParseNameNodes(std::string_view hosts, int64_t port, bool tls);

}  // namespace nstarx::connectors::hdfs
