#include "connectors/gcs/gcs_connector.h"

#include "connectors/gcs/gcs_client.h"
#include "connectors/object_store/client_files.h"
#include "connectors/object_store/object_session.h"
#include "connectors/object_store/service_cause.h"

namespace nstarx::connectors::gcs {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

constexpr std::string_view kScope = "https://www.googleapis.com/auth/devstorage.read_write";
/// New sessions share a token that is at most so old; a test of a connection thus finds out about a
/// withdrawn key within a minute.
constexpr std::chrono::seconds kSharedFor{60};

net::HttpOptions HttpOf(const GcsSettings& settings) {
  return {.ca_pem = settings.ca_pem,
          .connect_timeout = settings.connect_timeout,
          .request_timeout = settings.request_timeout};
}

std::string_view SecretOf(const connector::OpenRequest& request, std::string_view name) {
  const auto found = request.secrets.find(name);
  return found == request.secrets.end() ? std::string_view() : found->second.Reveal();
}

class GcsConnector final : public connector::Connector {
 public:
  explicit GcsConnector(connector::Spec spec) : spec_(std::move(spec)) {}

  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    NSTARX_TRY(GcsSettings settings, GcsSettings::Read(request.configuration));
    if (settings.ca_pem.empty()) settings.ca_pem = request.ssl.certificate;
    auto session = LogIn(context, request, settings);
    if (session || !object_store::IsTransport(session.error())) return session;
    return object_store::NameCause(context, settings.service, settings.ca_pem,
                                   std::move(session).error());
  }

  Result<std::vector<model::Endpoint>> Endpoints(const json::object& configuration) const override {
    NSTARX_TRY(const GcsSettings settings, GcsSettings::Read(configuration));
    return std::vector<model::Endpoint>{
        {.host = settings.service.host, .port = settings.service.port}};
  }

  bool UsesTls(const json::object& configuration, const model::Ssl& ssl) const override {
    const auto settings = GcsSettings::Read(configuration);
    return settings && settings->service.https;
  }

 private:
  Result<std::unique_ptr<connector::Session>> LogIn(const Context& context,
                                                    const connector::OpenRequest& request,
                                                    const GcsSettings& settings) {
    json::object facts = {{"endpoint", settings.service.Origin()}, {"bucket", settings.bucket}};
    NSTARX_TRY(const GcsLogin login, FindLogin(context, request, settings, facts));
    const auto make = [settings, login,
                       this]() -> Result<std::unique_ptr<object_store::ObjectClient>> {
      NSTARX_TRY(auto http, net::HttpClient::Open(HttpOf(settings)));
      return std::make_unique<GcsClient>(settings, login, std::move(http), clock_);
    };
    NSTARX_TRY(auto client, make());
    const auto page = client->List(context, settings.prefix, "", 1, "");
    if (!page) {
      // Who may read objects but not list the bucket is logged in all the same.
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
                                      .list_privilege = "storage.objects.list",
                                      .read_privilege = "storage.objects.get",
                                      .engine = {.memory_limit_bytes = settings.memory_limit_bytes,
                                                 .threads = settings.query_threads,
                                                 .cache_files = settings.cache_files}},
        std::move(facts)));
  }

  Result<GcsLogin> FindLogin(const Context& context, const connector::OpenRequest& request,
                             const GcsSettings& settings, json::object& facts) {
    const std::string_view type = GetString(request.authentication, "type");
    GcsLogin login;
    facts["user"] = "anonymous";
    if (type == "service_account") {
      const std::string_view document = SecretOf(request, "service_account_key");
      NSTARX_TRY(login.account, google::ServiceAccount::Parse(document));
      login.token = logins_.OfServiceAccount(document, login.account, kScope, HttpOf(settings));
      NSTARX_RETURN_IF_ERROR(login.token->GetFresh(context, kSharedFor));
      facts["user"] = login.account->email();
    } else if (type == "access_token") {
      NSTARX_TRY(login.token, logins_.OfToken(SecretOf(request, "access_token")));
      facts["user"] = "access token";
    }
    return login;
  }

  const connector::Spec spec_;
  const SystemClock clock_;
  google::Logins logins_{clock_};
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

std::unique_ptr<connector::Connector> MakeGcsConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<GcsConnector>(*std::move(spec));
}

}  // namespace nstarx::connectors::gcs
