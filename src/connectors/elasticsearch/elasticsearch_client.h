#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/status.h"
#include "net/http_client.h"

namespace nstarx::connectors::elasticsearch {

/// REST calls to one cluster. Used by one thread at a time, except healthy().
class Client {
 public:
  struct Options {
    net::ServiceUrl service;
    net::HttpOptions http;
    std::string authorization_scheme;  ///< Basic, Bearer, ApiKey; empty: none
    Secret authorization;
  };
  static Result<std::unique_ptr<Client>> Open(Options options);

  /// The JSON of a reply below 300, of at most 64 MiB.
  Result<json::value> Ask(const Context& context, std::string method, const std::string& path,
                          net::HttpFields query = {}, std::string_view body = {},
                          std::string_view stage = "query");
  /// The body of a reply below 300 as it comes.
  Result<std::unique_ptr<connector::ByteStream>> Start(const Context& context, std::string method,
                                                       const std::string& path,
                                                       net::HttpFields query,
                                                       std::string_view body);
  /// The failure of a stream that Start gave.
  Error FailureOfStream(Error error) { return Transport(std::move(error), "query"); }
  /// False once the connection was lost in an answer.
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }

 private:
  Client(Options options, std::unique_ptr<net::HttpClient> http)
      : options_(std::move(options)), http_(std::move(http)) {}
  net::HttpRequest RequestOf(std::string method, const std::string& path, net::HttpFields query,
                             std::string_view body) const;
  Error Transport(Error error, std::string_view stage);

  Options options_;
  std::unique_ptr<net::HttpClient> http_;
  std::atomic<bool> healthy_ = true;
  bool answered_ = false;
};

/// "/name" percent-encoded; commas and stars of index patterns stay.
std::string IndexPath(std::string_view index, std::string_view rest = {});

/// query.invalid_name for what is no index, list of them or pattern: a part that begins with '_' is
/// an endpoint of the server, not an index.
Status CheckIndex(std::string_view index);

}  // namespace nstarx::connectors::elasticsearch
