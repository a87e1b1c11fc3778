#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/status.h"
#include "net/http_client.h"

namespace nstarx::connectors::atlas {

/// Requests of Atlas' REST API. Used by one thread at a time.
class AtlasClient {
 public:
  /// `authorization` is the value of that header, or empty.
  AtlasClient(net::ServiceUrl service, Secret authorization, std::unique_ptr<net::HttpClient> http)
      : service_(std::move(service)),
        authorization_(std::move(authorization)),
        http_(std::move(http)) {}

  /// `path` follows /api/atlas and is percent-encoded, the query is not. An empty answer is null.
  Result<json::value> Call(const Context& context, std::string_view method, std::string_view path,
                           const net::HttpFields& query = {}, const json::value& body = nullptr);
  /// An answer that must be an object.
  Result<json::object> Get(const Context& context, std::string_view path,
                           const net::HttpFields& query = {});

  const net::ServiceUrl& service() const { return service_; }

 private:
  const net::ServiceUrl service_;
  const Secret authorization_;
  std::unique_ptr<net::HttpClient> http_;
};

}  // namespace nstarx::connectors::atlas
