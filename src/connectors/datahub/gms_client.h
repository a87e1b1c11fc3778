#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/status.h"
#include "net/http_client.h"

namespace nstarx::connectors::datahub {

/// An answer of GMS that is no success. Pure; tested.
Error FromGmsAnswer(int status, std::string_view body);
/// The first of a GraphQL answer's `errors`.
Error FromGraphqlErrors(const json::array& errors);

/// Requests to DataHub's metadata service. Used by one thread at a time.
class GmsClient {
 public:
  /// `authorization` is the value of that header, or empty.
  GmsClient(net::ServiceUrl service, Secret authorization, std::unique_ptr<net::HttpClient> http)
      : service_(std::move(service)),
        authorization_(std::move(authorization)),
        http_(std::move(http)) {}

  /// `path` is percent-encoded, the query is not.
  Result<json::object> Call(const Context& context, std::string_view method, std::string_view path,
                            const net::HttpFields& query = {}, const json::object* body = nullptr);
  /// The member `data` of the answer.
  Result<json::object> Graphql(const Context& context, std::string_view query,
                               json::object variables);
  /// Writes one aspect of an entity.
  Status Propose(const Context& context, std::string_view entity_type, std::string_view urn,
                 std::string_view aspect, const json::object& value);

 private:
  const net::ServiceUrl service_;
  const Secret authorization_;
  std::unique_ptr<net::HttpClient> http_;
};

}  // namespace nstarx::connectors::datahub
