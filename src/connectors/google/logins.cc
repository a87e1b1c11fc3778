#include "connectors/google/logins.h"

namespace nstarx::connectors::google {

using object_store::BearerToken;
using object_store::BearerTokenPtr;
using object_store::TokenSource;

TokenSourcePtr Logins::OfServiceAccount(std::string_view document, const ServiceAccountPtr& account,
                                        std::string_view scope, const net::HttpOptions& http) {
  std::string key(document);
  key += '\0';
  key += scope;
  key += '\0';
  key += http.ca_pem;
  return tokens_.Find(std::move(key), [&] {
    const auto renew = [this, account, http, scope = std::string(scope)](
                           const Context& context) -> Result<BearerTokenPtr> {
      NSTARX_TRY(const auto client, net::HttpClient::Open(http));
      NSTARX_TRY(const std::string assertion, account->Assertion(scope, clock_.Now()));
      return object_store::RequestToken(
          context, *client, account->token_endpoint(),
          {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}, {"assertion", assertion}},
          clock_.Now());
    };
    return std::make_shared<TokenSource>(renew, clock_);
  });
}

TokenSourcePtr Logins::OfUser(const UserGrant& grant, const net::ServiceUrl& endpoint,
                              const net::HttpOptions& http) {
  std::string key = endpoint.Origin() + endpoint.base_path + '\0' + grant.client_id + '\0';
  key += grant.client_secret;
  key += '\0';
  key += grant.refresh_token;
  key += '\0';
  key += http.ca_pem;
  return tokens_.Find(std::move(key), [&] {
    const auto secret = std::make_shared<const Secret>(grant.client_secret);
    const auto refresh = std::make_shared<const Secret>(grant.refresh_token);
    const auto renew = [this, secret, refresh, endpoint, http, client_id = grant.client_id](
                           const Context& context) -> Result<BearerTokenPtr> {
      NSTARX_TRY(const auto client, net::HttpClient::Open(http));
      net::HttpFields form = {{"grant_type", "refresh_token"},
                              {"client_id", client_id},
                              {"client_secret", std::string(secret->Reveal())},
                              {"refresh_token", std::string(refresh->Reveal())}};
      auto token = object_store::RequestToken(context, *client, endpoint, form, clock_.Now());
      WipeString(form[2].second);
      WipeString(form[3].second);
      return token;
    };
    return std::make_shared<TokenSource>(renew, clock_);
  });
}

Result<TokenSourcePtr> Logins::OfToken(std::string_view text) const {
  if (text.empty() || text.find_first_of("\r\n") != std::string_view::npos) {
    return Error(ErrorKind::kUnauthenticated, "login.token_refused",
                 "The access token is empty or holds a line break")
        .WithStage("login");
  }
  auto token = std::make_shared<BearerToken>();
  token->value = Secret(text);
  token->expires = TimePoint::max();
  const BearerTokenPtr fixed = std::move(token);
  return std::make_shared<TokenSource>(
      [fixed](const Context&) -> Result<BearerTokenPtr> { return fixed; }, clock_);
}

}  // namespace nstarx::connectors::google
