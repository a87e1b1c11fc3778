#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/json.h"
#include "connectors/object_store/bearer_token.h"
#include "net/http_client.h"
#include "net/http_request.h"

namespace nstarx::connectors::databricks {

/// Where and as whom; shared by a session and what fetches for it.
struct Workspace {
  net::ServiceUrl service;
  net::HttpOptions http;
  std::shared_ptr<object_store::TokenSource> token;  // shared by the sessions of one login
  std::string warehouse_id;
  std::string catalog;
  std::string schema;
  int wait_seconds = 0;
  int64_t byte_limit = 0;
};

/// Waits, unless the context ends first: its error then.
Status Pause(const Context& context, std::chrono::milliseconds time);

/// The REST API of one workspace. Used by one thread at a time.
class DatabricksClient {
 public:
  static Result<std::unique_ptr<DatabricksClient>> Open(std::shared_ptr<const Workspace> workspace);

  /// One call with the login's token; sent again when the service throttles or (for GET) is
  /// unavailable. `text` is the statement that a refusal is about. Paths with a query are given
  /// whole.
  Result<json::object> Call(const Context& context, std::string_view method, std::string_view path,
                            const net::HttpFields& query, std::string_view body,
                            std::string_view text);
  /// The bytes behind a link that carries its own permission: without the login's token.
  Result<std::string> Download(const Context& context, std::string_view url,
                               const net::HttpFields& headers);

  const Workspace& workspace() const { return *workspace_; }
  const std::shared_ptr<const Workspace>& shared_workspace() const { return workspace_; }

 private:
  DatabricksClient(std::shared_ptr<const Workspace> workspace,
                   std::unique_ptr<net::HttpClient> http)
      : workspace_(std::move(workspace)), http_(std::move(http)) {}
  const std::shared_ptr<const Workspace> workspace_;  // shared with the threads that fetch
  const std::unique_ptr<net::HttpClient> http_;
};

}  // namespace nstarx::connectors::databricks
