#include "connectors/databricks/databricks_connector.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/databricks/databricks_session.h"
#include "connectors/object_store/service_cause.h"

namespace nstarx::connectors::databricks {
namespace {

std::string_view SecretOf(const connector::OpenRequest& request, std::string_view name) {
  const auto found = request.secrets.find(name);
  return found == request.secrets.end() ? std::string_view() : found->second.Reveal();
}

Result<net::ServiceUrl> ServiceOf(const json::object& configuration) {
  const std::string_view endpoint = GetString(configuration, "endpoint");
  if (!endpoint.empty()) return net::ServiceUrl::Parse(endpoint);
  const std::string_view host = GetString(configuration, "host");
  if (host.find("://") != std::string_view::npos) return net::ServiceUrl::Parse(host);
  return net::ServiceUrl::Parse(
      fmt::format("https://{}:{}", host, GetInt(configuration, "port", 443)));
}

class DatabricksConnector final : public connector::Connector {
 public:
  explicit DatabricksConnector(connector::Spec spec) : spec_(std::move(spec)) {}

  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    const json::object& configuration = request.configuration;
    auto workspace = std::make_shared<Workspace>();
    NSTARX_TRY(workspace->service, ServiceOf(configuration));
    NSTARX_TRY(workspace->warehouse_id, WarehouseId(configuration));
    workspace->catalog = GetString(configuration, "catalog");
    workspace->schema = GetString(configuration, "schema");
    const int64_t wait = GetInt(configuration, "wait_timeout_s", 0);
    workspace->wait_seconds = wait == 0 ? 0 : static_cast<int>(std::clamp<int64_t>(wait, 5, 50));
    workspace->byte_limit = GetInt(configuration, "byte_limit", 0);
    workspace->http.ca_pem = GetString(configuration, "tls_ca");
    if (workspace->http.ca_pem.empty()) workspace->http.ca_pem = request.ssl.certificate;
    workspace->http.connect_timeout =
        std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 10'000));
    workspace->http.request_timeout =
        std::chrono::milliseconds(GetInt(configuration, "request_timeout_ms", 120'000));
    auto session = LogIn(context, request, workspace);
    if (session) return session;
    Error error = std::move(session).error();
    if (object_store::IsTransport(error)) {
      error = object_store::NameCause(context, workspace->service, workspace->http.ca_pem,
                                      std::move(error));
    }
    return spec_.Advise(std::move(error));
  }

  Result<std::vector<model::Endpoint>> Endpoints(const json::object& configuration) const override {
    NSTARX_TRY(const net::ServiceUrl service, ServiceOf(configuration));
    return std::vector<model::Endpoint>{{.host = service.host, .port = service.port}};
  }

  bool UsesTls(const json::object& configuration, const model::Ssl& /*ssl*/) const override {
    const auto service = ServiceOf(configuration);
    return service && service->https;
  }

 private:
  Result<std::unique_ptr<connector::Session>> LogIn(const Context& context,
                                                    const connector::OpenRequest& request,
                                                    const std::shared_ptr<Workspace>& workspace) {
    NSTARX_TRY(workspace->token, FindToken(request, *workspace));
    json::object facts = {{"endpoint", workspace->service.Origin()},
                          {"warehouse", workspace->warehouse_id},
                          {"read_only", request.read_only}};
    if (const auto user = GetString(request.authentication, "client_id"); !user.empty()) {
      facts["user"] = user;
    }
    NSTARX_TRY(auto client, DatabricksClient::Open(workspace));
    auto session =
        std::make_unique<DatabricksSession>(std::move(client), std::move(facts), request.read_only);
    const Status there = session->Ping(context);
    // Who may use a warehouse but not see its settings is logged in all the same.
    if (!there && there.error().code() != "query.no_privilege") {
      Error error = there.error();
      if (error.stage() == "query") error.WithStage("login");
      return error;
    }
    return std::unique_ptr<connector::Session>(std::move(session));
  }

  Result<std::shared_ptr<object_store::TokenSource>> FindToken(
      const connector::OpenRequest& request, const Workspace& workspace) {
    if (GetString(request.authentication, "type") == "oauth_m2m") {
      return FindClientToken(request, workspace);
    }
    const std::string_view text = SecretOf(request, "token");
    if (text.empty() || text.find_first_of("\r\n") != std::string_view::npos) {
      return Error(ErrorKind::kUnauthenticated, "login.token_refused",
                   "The access token is empty or holds a line break")
          .WithStage("login");
    }
    auto token = std::make_shared<object_store::BearerToken>();
    token->value = Secret(text);
    token->expires = TimePoint::max();
    const object_store::BearerTokenPtr fixed = std::move(token);
    return std::make_shared<object_store::TokenSource>(
        [fixed](const Context&) -> Result<object_store::BearerTokenPtr> { return fixed; }, clock_);
  }

  /// One source for all sessions of a client, so that a token is asked for once.
  std::shared_ptr<object_store::TokenSource> FindClientToken(const connector::OpenRequest& request,
                                                             const Workspace& workspace) {
    const std::string client_id(GetString(request.authentication, "client_id"));
    const std::string_view secret = SecretOf(request, "client_secret");
    std::string key = workspace.service.Origin() + '\0' + client_id + '\0' + std::string(secret) +
                      '\0' + workspace.http.ca_pem;
    return tokens_.Find(std::move(key), [&] {
      auto kept = std::make_shared<const Secret>(secret);
      net::ServiceUrl endpoint = workspace.service;
      endpoint.base_path += "/oidc/v1/token";
      const auto renew = [this, kept, client_id, endpoint, http = workspace.http](
                             const Context& context) -> Result<object_store::BearerTokenPtr> {
        NSTARX_TRY(const auto client, net::HttpClient::Open(http));
        return object_store::RequestToken(context, *client, endpoint,
                                          {{"grant_type", "client_credentials"},
                                           {"scope", "all-apis"},
                                           {"client_id", client_id},
                                           {"client_secret", std::string(kept->Reveal())}},
                                          clock_.Now());
      };
      return std::make_shared<object_store::TokenSource>(renew, clock_);
    });
  }

  const connector::Spec spec_;
  const SystemClock clock_;
  object_store::TokenCache tokens_;
};

}  // namespace

Result<std::string> WarehouseId(const json::object& configuration) {
  std::string_view id = GetString(configuration, "warehouse_id");
  if (id.empty()) {
    id = GetString(configuration, "http_path");
    id = id.substr(id.rfind('/') == std::string_view::npos ? 0 : id.rfind('/') + 1);
  }
  constexpr std::string_view kSigns =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  if (id.empty() || id.find_first_not_of(kSigns) != std::string_view::npos) {
    return InvalidArgument("config.malformed_warehouse",
                           "Neither warehouse_id nor http_path names a SQL warehouse")
        .WithDetail("field", "http_path");
  }
  return std::string(id);
}

std::unique_ptr<connector::Connector> MakeDatabricksConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<DatabricksConnector>(*std::move(spec));
}

}  // namespace nstarx::connectors::databricks
