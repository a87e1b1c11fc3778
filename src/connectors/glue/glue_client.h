#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/json.h"
#include "connectors/aws/credentials.h"
#include "connectors/glue/glue_settings.h"
#include "net/http_client.h"

namespace nstarx::connectors::glue {

/// Calls of the Glue service: JSON over one kept-alive HTTP connection, each signed. Used by one
/// thread at a time.
class GlueClient {
 public:
  GlueClient(const GlueSettings& settings, std::shared_ptr<aws::CredentialSource> credentials,
             std::unique_ptr<net::HttpClient> http, const Clock& clock)
      : settings_(settings),
        credentials_(std::move(credentials)),
        http_(std::move(http)),
        clock_(clock) {}

  /// Calls "GetTable" and the like; adds CatalogId when there is one.
  Result<json::object> Call(const Context& context, std::string_view action, json::object body);

 private:
  const GlueSettings settings_;
  std::shared_ptr<aws::CredentialSource> credentials_;  // shared: roles outlive sessions
  std::unique_ptr<net::HttpClient> http_;
  const Clock& clock_;
};

/// The error of an answer that is not 2xx: JSON with __type, or XML as the signature check answers.
Error FromGlueAnswer(int status, std::string_view body, std::string_view error_type);

}  // namespace nstarx::connectors::glue
