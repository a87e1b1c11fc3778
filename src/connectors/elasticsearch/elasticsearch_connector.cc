#include "connectors/elasticsearch/elasticsearch_connector.h"

#include <fmt/format.h>

#include "base/base64.h"
#include "connector/connector.h"
#include "connectors/documents/json_text.h"
#include "connectors/elasticsearch/elasticsearch_errors.h"
#include "connectors/elasticsearch/elasticsearch_session.h"
#include "net/reach.h"

namespace nstarx::connectors::elasticsearch {
namespace {

constexpr int64_t kConnectTimeoutMs = 10'000;
constexpr int64_t kRequestTimeoutMs = 600'000;
constexpr std::chrono::milliseconds kProbeTime{3000};

Secret CopyOf(const SecretMap& secrets, std::string_view name) {
  const auto found = secrets.find(name);
  return found == secrets.end() ? Secret() : found->second.Clone();
}

/// The Authorization header of the chosen method.
void Authorize(const connector::OpenRequest& request, Client::Options& options) {
  const std::string_view type = GetString(request.authentication, "type", "none");
  if (type == "basic") {
    std::string login(GetString(request.authentication, "username"));
    login += ':';
    login += CopyOf(request.secrets, "password").Reveal();
    std::string encoded;
    AppendBase64(login, &encoded);
    WipeString(login);
    options.authorization_scheme = "Basic";
    options.authorization = Secret::FromString(std::move(encoded));
  } else if (type == "api_key") {
    options.authorization_scheme = "ApiKey";
    options.authorization = CopyOf(request.secrets, "api_key");
  } else if (type == "bearer") {
    options.authorization_scheme = "Bearer";
    options.authorization = CopyOf(request.secrets, "token");
  } else if (type == "certificate") {
    options.http.client_certificate = CopyOf(request.secrets, "client_certificate").Reveal();
    options.http.client_key = std::make_shared<const Secret>(CopyOf(request.secrets, "client_key"));
  }
}

bool IsTransport(const Error& error) {
  return error.code().starts_with("dns.") || error.code().starts_with("tls.") ||
         error.code() == "tcp.refused";
}

class ElasticsearchConnector final : public connector::Connector {
 public:
  explicit ElasticsearchConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    auto session = LogIn(context, request);
    if (session) return session;
    return spec_.Advise(NameCause(context, request, std::move(session).error()));
  }

 private:
  model::Endpoint EndpointOf(const connector::OpenRequest& request) const {
    model::Endpoint endpoint = request.endpoint;
    if (endpoint.port == 0) endpoint.port = spec_.default_port();
    return endpoint;
  }

  Result<std::unique_ptr<connector::Session>> LogIn(const Context& context,
                                                    const connector::OpenRequest& request) const {
    const json::object& configuration = request.configuration;
    const model::Endpoint endpoint = EndpointOf(request);
    std::string base(GetString(configuration, "path_prefix"));
    while (base.ends_with('/')) base.pop_back();
    if (!base.empty() && !base.starts_with('/')) base.insert(0, "/");
    Client::Options options{.service = {.https = request.ssl.enabled,
                                        .host = endpoint.host,
                                        .port = endpoint.port,
                                        .base_path = base},
                            .http = {},
                            .authorization_scheme = {},
                            .authorization = {}};
    net::HttpOptions& http = options.http;
    http.ca_pem = request.ssl.certificate;
    http.verify_chain = request.ssl.mode != "require";
    http.verify_name = request.ssl.mode == "verify-full";
    if (request.ssl.enabled && !request.ssl.server_name.empty()) {
      http.connect_to = options.service.Authority();
      if (!http.connect_to.contains(':')) http.connect_to += fmt::format(":{}", endpoint.port);
      options.service.host = request.ssl.server_name;
    }
    http.connect_timeout =
        std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", kConnectTimeoutMs));
    http.request_timeout =
        std::chrono::milliseconds(GetInt(configuration, "request_timeout_ms", kRequestTimeoutMs));
    Authorize(request, options);
    NSTARX_TRY(auto client, Client::Open(std::move(options)));
    const std::string_view paging = GetString(configuration, "paging", "auto");
    auto session = std::make_unique<ElasticsearchSession>(
        std::move(client),
        SessionOptions{.read_only = request.read_only || GetBool(configuration, "read_only", false),
                       .paging = paging == "scroll"          ? Paging::kScroll
                                 : paging == "point_in_time" ? Paging::kPointInTime
                                                             : Paging::kAuto});
    NSTARX_RETURN_IF_ERROR(session->LogIn(context));
    return std::unique_ptr<connector::Session>(std::move(session));
  }

  /// The cause behind a failure of the transport.
  Error NameCause(const Context& context, const connector::OpenRequest& request,
                  Error error) const {
    const model::Endpoint endpoint = EndpointOf(request);
    if (IsTransport(error)) {
      return net::Diagnose(context, endpoint, request.ssl, request.ssl.enabled, {},
                           std::move(error));
    }
    if (error.code() != "connection.lost" || request.ssl.enabled) return error;
    // Who hangs up on plain HTTP may be waiting for TLS.
    model::Ssl any = request.ssl;
    any.enabled = true;
    any.mode = "require";
    if (!net::ProbeTls(context.WithTimeout(kProbeTime), endpoint, any, {})) return error;
    return Failed(ErrorKind::kUnavailable, "tls.required",
                  "The server speaks TLS, and the connection is set up without", "tls");
  }

  const connector::Spec spec_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeElasticsearchConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<ElasticsearchConnector>(*std::move(spec));
}

}  // namespace nstarx::connectors::elasticsearch
