#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "connectors/google/service_account.h"
#include "connectors/object_store/bearer_token.h"
#include "net/http_client.h"

namespace nstarx::connectors::google {

using TokenSourcePtr = std::shared_ptr<object_store::TokenSource>;  // shared by a pool's sessions

/// A user's grant to an OAuth client, as `gcloud auth application-default login` keeps it.
struct UserGrant {
  std::string client_id;
  std::string_view client_secret;
  std::string_view refresh_token;
};

/// Where the tokens of logins come from: one source for all sessions of a login. Thread-safe.
class Logins {
 public:
  /// `clock` must live as long.
  explicit Logins(const Clock& clock) : clock_(clock) {}

  /// Tokens that the account's assertions are exchanged for at its own endpoint. `document` is its
  /// key file.
  TokenSourcePtr OfServiceAccount(std::string_view document, const ServiceAccountPtr& account,
                                  std::string_view scope, const net::HttpOptions& http);
  /// Tokens that a refresh token is exchanged for.
  TokenSourcePtr OfUser(const UserGrant& grant, const net::ServiceUrl& endpoint,
                        const net::HttpOptions& http);
  /// The token itself; login.token_refused for what can be none.
  Result<TokenSourcePtr> OfToken(std::string_view text) const;

 private:
  const Clock& clock_;
  object_store::TokenCache tokens_;
};

}  // namespace nstarx::connectors::google
