#include "connectors/datahub/datahub_connector.h"

#include "connectors/catalogs/http_login.h"
#include "connectors/datahub/datahub_session.h"
#include "net/reach.h"

namespace nstarx::connectors::datahub {
namespace {

bool IsTransport(const Error& error) {
  return error.code().starts_with("dns.") || error.code().starts_with("tls.") ||
         error.code().starts_with("tcp.");
}

class DatahubConnector final : public connector::Connector {
 public:
  explicit DatahubConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    const json::object& configuration = request.configuration;
    NSTARX_TRY(const net::ServiceUrl service,
               net::ServiceUrl::Parse(GetString(configuration, "endpoint")));
    std::string ca_pem(GetString(configuration, "tls_ca"));
    if (ca_pem.empty()) ca_pem = request.ssl.certificate;
    NSTARX_TRY(auto http,
               net::HttpClient::Open({.ca_pem = ca_pem,
                                      .connect_timeout = std::chrono::milliseconds(
                                          GetInt(configuration, "connect_timeout_ms", 5000)),
                                      .request_timeout = std::chrono::milliseconds(
                                          GetInt(configuration, "request_timeout_ms", 30'000))}));
    json::object facts{{"endpoint", service.Origin() + service.base_path}};
    if (const std::string_view user = GetString(request.authentication, "username");
        !user.empty()) {
      facts["user"] = user;
    }
    auto client =
        std::make_unique<GmsClient>(service, catalogs::AuthorizationOf(request), std::move(http));
    auto session = std::make_unique<DatahubSession>(
        std::move(client), request.read_only || GetBool(configuration, "read_only", false),
        std::move(facts));
    if (const Status in = session->Ping(context); !in) {
      Error error = in.error();
      if (IsTransport(error)) {
        // libcurl only says that it failed: finds the cause by going there itself.
        const model::Ssl ssl{.enabled = service.https,
                             .mode = "verify-full",
                             .certificate = ca_pem,
                             .server_name = {}};
        error = net::Diagnose(context, {.host = service.host, .port = service.port}, ssl,
                              service.https, {}, std::move(error));
      }
      if (error.stage().empty() || error.stage() == "query") error.WithStage("login");
      return spec_.Advise(std::move(error));
    }
    session->LearnFacts(context);
    return session;
  }

  Result<std::vector<model::Endpoint>> Endpoints(const json::object& configuration) const override {
    const std::string_view endpoint = GetString(configuration, "endpoint");
    // Variables are filled in when the connection is used.
    if (endpoint.find("${") != endpoint.npos) return std::vector<model::Endpoint>();
    NSTARX_TRY(const net::ServiceUrl service, net::ServiceUrl::Parse(endpoint));
    return std::vector<model::Endpoint>{{.host = service.host, .port = service.port}};
  }

  bool UsesTls(const json::object& configuration, const model::Ssl& ssl) const override {
    const auto service = net::ServiceUrl::Parse(GetString(configuration, "endpoint"));
    return service && service->https;
  }

 private:
  connector::Spec spec_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeDatahubConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<DatahubConnector>(std::move(*spec));
}

}  // namespace nstarx::connectors::datahub
