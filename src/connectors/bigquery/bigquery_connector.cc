#include "connectors/bigquery/bigquery_connector.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "connectors/bigquery/bigquery_client.h"
#include "connectors/bigquery/bigquery_errors.h"
#include "connectors/bigquery/bigquery_session.h"
#include "connectors/bigquery/statement_text.h"
#include "connectors/google/logins.h"
#include "connectors/object_store/service_cause.h"

namespace nstarx::connectors::bigquery {
namespace {

constexpr std::string_view kScope = "https://www.googleapis.com/auth/bigquery";
/// For external tables over Google Drive.
constexpr std::string_view kDriveScope = "https://www.googleapis.com/auth/drive.readonly";
/// New sessions share a token that is at most so old; a test of a connection thus finds out about a
/// withdrawn key within a minute.
constexpr std::chrono::seconds kSharedFor{60};

std::string_view SecretOf(const connector::OpenRequest& request, std::string_view name) {
  const auto found = request.secrets.find(name);
  return found == request.secrets.end() ? std::string_view() : found->second.Reveal();
}

Result<net::ServiceUrl> UrlOf(const json::object& configuration) {
  const std::string_view endpoint = GetString(configuration, "endpoint");
  return net::ServiceUrl::Parse(endpoint.empty() ? "https://bigquery.googleapis.com" : endpoint);
}

Status ReadLabels(const json::object& configuration, Service* out) {
  const auto* labels = configuration.if_contains("labels");
  if (labels == nullptr || !labels->is_object()) return {};
  for (const auto& label : labels->get_object()) {
    if (!label.value().is_string()) {
      return InvalidArgument("config.malformed_labels",
                             fmt::format("The label '{}' is no text",
                                         std::string_view(label.key()).substr(0, 100)))
          .WithDetail("field", "labels");
    }
  }
  out->labels = labels->get_object();
  return {};
}

Result<Service> ReadService(const json::object& configuration) {
  Service out;
  NSTARX_TRY(out.url, UrlOf(configuration));
  out.project = GetString(configuration, "project");
  out.default_project = out.project;
  if (const std::string_view dataset = GetString(configuration, "dataset"); !dataset.empty()) {
    const auto path = ReadPath(dataset, out.project);
    // "project.dataset" of a project without hyphen looks like a table.
    if (!path || path->dataset.empty() || (!path->table.empty() && path->project != out.project)) {
      return InvalidArgument("config.malformed_dataset",
                             "The dataset is neither dataset nor project.dataset")
          .WithDetail("field", "dataset");
    }
    out.default_project = path->table.empty() ? path->project : path->dataset;
    out.default_dataset = path->table.empty() ? path->dataset : path->table;
  }
  out.location = GetString(configuration, "location");
  out.quota_project = GetString(configuration, "quota_project");
  out.maximum_bytes_billed = GetInt(configuration, "maximum_bytes_billed", 0);
  out.use_cache = GetBool(configuration, "use_query_cache", true);
  out.http.ca_pem = GetString(configuration, "tls_ca");
  out.http.connect_timeout =
      std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 10'000));
  out.http.request_timeout =
      std::chrono::milliseconds(GetInt(configuration, "request_timeout_ms", 120'000));
  NSTARX_RETURN_IF_ERROR(ReadLabels(configuration, &out));
  return out;
}

class BigqueryConnector final : public connector::Connector {
 public:
  explicit BigqueryConnector(connector::Spec spec) : spec_(std::move(spec)) {}

  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    NSTARX_TRY(Service read, ReadService(request.configuration));
    if (read.http.ca_pem.empty()) read.http.ca_pem = request.ssl.certificate;
    const net::ServiceUrl url = read.url;
    const std::string ca_pem = read.http.ca_pem;
    auto session = LogIn(context, request, std::move(read));
    if (session) return session;
    Error error = std::move(session).error();
    if (object_store::IsTransport(error)) {
      error = object_store::NameCause(context, url, ca_pem, std::move(error));
    }
    return spec_.Advise(std::move(error));
  }

  Result<std::vector<model::Endpoint>> Endpoints(const json::object& configuration) const override {
    NSTARX_TRY(const net::ServiceUrl url, UrlOf(configuration));
    return std::vector<model::Endpoint>{{.host = url.host, .port = url.port}};
  }

  bool UsesTls(const json::object& configuration, const model::Ssl& /*ssl*/) const override {
    const auto url = UrlOf(configuration);
    return url && url->https;
  }

 private:
  Result<std::unique_ptr<connector::Session>> LogIn(const Context& context,
                                                    const connector::OpenRequest& request,
                                                    Service service) {
    connector::SessionFacts facts = {{"endpoint", service.url.Origin()},
                                     {"project", service.project},
                                     {"read_only", request.read_only}};
    NSTARX_RETURN_IF_ERROR(FindToken(context, request, &service, &facts));
    if (!service.default_dataset.empty()) {
      facts["dataset"] = WritePath(
          {.project = service.default_project, .dataset = service.default_dataset, .table = {}},
          service.project);
    }
    NSTARX_TRY(auto client, BigqueryClient::Open(std::make_shared<const Service>(service)));
    NSTARX_RETURN_IF_ERROR(CheckHome(context, *client, &facts));
    auto session =
        std::make_unique<BigquerySession>(std::move(client), std::move(facts), request.read_only);
    if (service.default_dataset.empty()) {
      const Status there = session->Ping(context);
      if (!there) return AtLogin(there.error());
    }
    return std::unique_ptr<connector::Session>(std::move(session));
  }

  static Error AtLogin(Error error) {
    if (error.stage() == "query") error.WithStage("login");
    if (error.code() != "query.undefined_table") return error;
    return NotFound("login.project_not_found", error.message())
        .WithStage("login")
        .WithConnector("bigquery")
        .WithVendorCode(error.vendor_code());
  }

  /// The dataset of the configuration is asked for, which proves the login too.
  static Status CheckHome(const Context& context, BigqueryClient& client,
                          connector::SessionFacts* facts) {
    const Service& service = client.service();
    if (service.default_dataset.empty()) return {};
    const auto dataset = client.Send(
        context, {.method = "GET",
                  .path = ResourcePath(service.default_project, service.default_dataset),
                  .query = {},
                  .body = {},
                  .text = {}});
    if (dataset) {
      (*facts)["location"] = GetString(*dataset, "location");
      return {};
    }
    // Who may read its tables but not see the dataset is logged in all the same.
    if (dataset.error().code() == "query.no_privilege") return {};
    if (dataset.error().code() != "query.undefined_table") return AtLogin(dataset.error());
    return NotFound("login.dataset_not_found",
                    fmt::format("The dataset '{}' does not exist in project '{}'",
                                service.default_dataset.substr(0, 200),
                                service.default_project.substr(0, 200)))
        .WithStage("login")
        .WithConnector("bigquery")
        .WithVendorCode(dataset.error().vendor_code())
        .WithDetail("field", "dataset");
  }

  Status FindToken(const Context& context, const connector::OpenRequest& request, Service* service,
                   connector::SessionFacts* facts) {
    const std::string_view type = GetString(request.authentication, "type");
    if (type == "service_account") {
      const std::string_view document = SecretOf(request, "service_account_key");
      NSTARX_TRY(const auto account, google::ServiceAccount::Parse(document));
      std::string scope(kScope);
      if (GetBool(request.configuration, "drive", false)) {
        scope += ' ';
        scope += kDriveScope;
      }
      service->token = logins_.OfServiceAccount(document, account, scope, service->http);
      (*facts)["user"] = account->email();
    } else if (type == "refresh_token") {
      NSTARX_TRY(const auto endpoint,
                 net::ServiceUrl::Parse(GetString(request.configuration, "token_endpoint",
                                                  "https://oauth2.googleapis.com/token")));
      const google::UserGrant grant{
          .client_id = std::string(GetString(request.authentication, "client_id")),
          .client_secret = SecretOf(request, "client_secret"),
          .refresh_token = SecretOf(request, "refresh_token")};
      service->token = logins_.OfUser(grant, endpoint, service->http);
      (*facts)["user"] = "refresh token";
    } else if (type == "access_token") {
      NSTARX_TRY(service->token, logins_.OfToken(SecretOf(request, "access_token")));
      (*facts)["user"] = "access token";
    } else {
      (*facts)["user"] = "anonymous";
      return {};
    }
    NSTARX_RETURN_IF_ERROR(service->token->GetFresh(context, kSharedFor));
    return {};
  }

  const connector::Spec spec_;
  const SystemClock clock_;
  google::Logins logins_{clock_};
};

}  // namespace

std::unique_ptr<connector::Connector> MakeBigqueryConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<BigqueryConnector>(*std::move(spec));
}

}  // namespace nstarx::connectors::bigquery
