#include "connectors/azure_blob/azure_blob_connector.h"

#include "connectors/azure_blob/azure_client.h"
#include "connectors/object_store/client_files.h"
#include "connectors/object_store/object_session.h"
#include "connectors/object_store/service_cause.h"

namespace nstarx::connectors::azure_blob {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

using Method = AzureLogin::Method;

/// New sessions share a token that is at most so old; a test of a connection thus finds out about a
/// changed client within a minute.
constexpr std::chrono::seconds kSharedFor{60};

Result<std::unique_ptr<net::HttpClient>> OpenHttp(const AzureSettings& settings) {
  return net::HttpClient::Open({.ca_pem = settings.ca_pem,
                                .connect_timeout = settings.connect_timeout,
                                .request_timeout = settings.request_timeout});
}

std::string_view SecretOf(const connector::OpenRequest& request, std::string_view name) {
  const auto found = request.secrets.find(name);
  return found == request.secrets.end() ? std::string_view() : found->second.Reveal();
}

class AzureBlobConnector final : public connector::Connector {
 public:
  explicit AzureBlobConnector(connector::Spec spec) : spec_(std::move(spec)) {}

  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    NSTARX_TRY(AzureSettings settings, AzureSettings::Read(request.configuration));
    if (settings.ca_pem.empty()) settings.ca_pem = request.ssl.certificate;
    auto session = LogIn(context, request, settings);
    if (session || !object_store::IsTransport(session.error())) return session;
    return object_store::NameCause(context, settings.service, settings.ca_pem,
                                   std::move(session).error());
  }

  Result<std::vector<model::Endpoint>> Endpoints(const json::object& configuration) const override {
    NSTARX_TRY(const AzureSettings settings, AzureSettings::Read(configuration));
    return std::vector<model::Endpoint>{
        {.host = settings.service.host, .port = settings.service.port}};
  }

  bool UsesTls(const json::object& configuration, const model::Ssl& ssl) const override {
    const auto settings = AzureSettings::Read(configuration);
    return settings && settings->service.https;
  }

 private:
  Result<std::unique_ptr<connector::Session>> LogIn(const Context& context,
                                                    const connector::OpenRequest& request,
                                                    const AzureSettings& settings) {
    json::object facts = {{"endpoint", settings.service.Origin() + settings.service.base_path},
                          {"account", settings.account},
                          {"container", settings.container}};
    NSTARX_TRY(const AzureLoginPtr login, FindLogin(context, request, settings, facts));
    const auto make = [settings, login,
                       this]() -> Result<std::unique_ptr<object_store::ObjectClient>> {
      NSTARX_TRY(auto http, OpenHttp(settings));
      return std::make_unique<AzureClient>(settings, login, std::move(http), clock_);
    };
    NSTARX_TRY(auto client, make());
    const auto page = client->List(context, settings.prefix, "", 1, "");
    if (!page) {
      // Who may read objects but not list the container is logged in all the same.
      if (page.error().code() != "object.no_privilege") {
        Error error = page.error();
        if (error.stage() == "query") error.WithStage("login");
        return error;
      }
      facts["list"] = "denied";
    }
    return std::unique_ptr<connector::Session>(std::make_unique<object_store::ObjectSession>(
        std::move(client), std::make_unique<object_store::ClientFiles>(make, settings.prefix),
        object_store::SessionSettings{.prefix = settings.prefix,
                                      .read_only = request.read_only,
                                      .list_privilege = "blobs/list",
                                      .read_privilege = "blobs/read",
                                      .engine = {.memory_limit_bytes = settings.memory_limit_bytes,
                                                 .threads = settings.query_threads,
                                                 .cache_files = settings.cache_files}},
        std::move(facts)));
  }

  Result<AzureLoginPtr> FindLogin(const Context& context, const connector::OpenRequest& request,
                                  const AzureSettings& settings, json::object& facts) {
    auto login = std::make_shared<AzureLogin>();
    const std::string_view type = GetString(request.authentication, "type");
    if (type == "shared_key") {
      login->method = Method::kSharedKey;
      NSTARX_TRY(login->account_key, AzureLogin::DecodeKey(SecretOf(request, "account_key")));
      facts["user"] = settings.account;
    } else if (type == "sas") {
      login->method = Method::kSas;
      std::string_view token = SecretOf(request, "sas_token");
      if (token.starts_with('?')) token.remove_prefix(1);
      if (token.find("sig=") == std::string_view::npos) {
        return InvalidArgument("login.malformed_sas", "The SAS token holds no signature (sig=)")
            .WithStage("login")
            .WithDetail("field", "sas_token");
      }
      login->sas_token = Secret(token);
      facts["user"] = "sas";
      if (const auto end = SasExpiry(token)) facts["sas_expires"] = FormatTime(*end);
    } else if (type == "oauth") {
      login->method = Method::kOauth;
      NSTARX_TRY(login->token, FindToken(request, settings));
      NSTARX_RETURN_IF_ERROR(login->token->GetFresh(context, kSharedFor));
      facts["user"] = GetString(request.authentication, "client_id");
    } else {
      facts["user"] = "anonymous";
    }
    return AzureLoginPtr(std::move(login));
  }

  Result<std::shared_ptr<object_store::TokenSource>> FindToken(
      const connector::OpenRequest& request, const AzureSettings& settings) {
    const json::object& fields = request.authentication;
    std::string url(GetString(fields, "token_endpoint"));
    if (url.empty()) {
      url = fmt::format("https://login.microsoftonline.com/{}/oauth2/v2.0/token",
                        GetString(fields, "tenant_id"));
    }
    NSTARX_TRY(const net::ServiceUrl endpoint, net::ServiceUrl::Parse(url));
    const std::string id(GetString(fields, "client_id"));
    const std::string scope(GetString(fields, "scope", "https://storage.azure.com/.default"));
    const std::string_view secret = SecretOf(request, "client_secret");
    std::string key;
    for (const std::string_view part :
         {std::string_view(url), std::string_view(id), std::string_view(scope),
          std::string_view(settings.ca_pem), secret}) {
      key += part;
      key += '\0';
    }
    const auto shared = std::make_shared<const Secret>(secret);  // std::function wants to be copied
    return tokens_.Find(std::move(key), [&] {
      const auto renew = [=, this](const Context& context) -> Result<object_store::BearerTokenPtr> {
        NSTARX_TRY(const auto http, OpenHttp(settings));
        return object_store::RequestToken(context, *http, endpoint,
                                          {{"grant_type", "client_credentials"},
                                           {"client_id", id},
                                           {"client_secret", std::string(shared->Reveal())},
                                           {"scope", scope}},
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

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

std::unique_ptr<connector::Connector> MakeAzureBlobConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<AzureBlobConnector>(*std::move(spec));
}

}  // namespace nstarx::connectors::azure_blob
