#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace nstarx::net {

using HttpFields = std::vector<std::pair<std::string, std::string>>;

/// Scheme and authority of a service, taken from a full URL.
struct ServiceUrl {
  bool https = true;
  std::string host;  ///< without port; IPv6 without brackets
  int port = 443;
  std::string base_path;  ///< of a gateway behind a path; empty or "/x", never ends in '/'

  /// Reads "http[s]://host[:port][/path]"; config.malformed_endpoint for anything else (user info,
  /// a query and a fragment included).
  static Result<ServiceUrl> Parse(std::string_view url);
  /// host[:port] as the Host header has it: the scheme's default port is left out.
  std::string Authority() const;
  std::string Origin() const { return (https ? "https://" : "http://") + Authority(); }
};

/// One request before it is signed. The path is percent-encoded, the query is not.
struct HttpRequest {
  std::string method = "GET";
  ServiceUrl service;
  std::string path = "/";
  HttpFields query;
  HttpFields headers;
  std::string_view body;  ///< must live until the reply is there
  /// Proves who asks by SPNEGO, with the Kerberos ticket or keytab of this process.
  bool negotiate = false;
  /// Over a connection of its own: libcurl sends a request again when a kept one turns out dead.
  bool fresh = false;

  /// Scheme, host, path and the encoded query.
  std::string Url() const;
};

/// "a=b&c=d" with both sides encoded, in the given order.
std::string EncodeQuery(const HttpFields& query);

}  // namespace nstarx::net
