#include "connectors/hdfs/hdfs_connector.h"

#include "connectors/hdfs/hdfs_errors.h"
#include "connectors/hdfs/webhdfs_client.h"
#include "connectors/object_store/client_files.h"
#include "connectors/object_store/object_session.h"
#include "connectors/object_store/service_cause.h"

namespace nstarx::connectors::hdfs {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

/// Why a name node could not be reached, in the words of the one that was tried.
Error NameCause(const Context& context, const HdfsSettings& settings, Error error) {
  const json::value* name = error.details().if_contains("name_node");
  net::ServiceUrl node = settings.name_nodes.front();
  for (const net::ServiceUrl& other : settings.name_nodes) {
    if (name != nullptr && name->is_string() && name->get_string() == other.Authority()) {
      node = other;
    }
  }
  return object_store::NameCause(context, node, settings.ca_pem, std::move(error));
}

/// Who the connection is, as it is shown.
std::string UserOf(const connector::OpenRequest& request) {
  const std::string_view type = GetString(request.authentication, "type");
  if (type == "kerberos") return "Kerberos ticket";
  if (type == "delegation_token") return "delegation token";
  const std::string_view user = GetString(request.authentication, "user");
  return std::string(user.empty() ? "anonymous" : user);
}

class HdfsConnector final : public connector::Connector {
 public:
  explicit HdfsConnector(connector::Spec spec) : spec_(std::move(spec)) {}

  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    NSTARX_TRY(HdfsSettings settings, HdfsSettings::Read(request.configuration));
    if (settings.ca_pem.empty()) settings.ca_pem = request.ssl.certificate;
    auto session = OpenSession(context, request, settings);
    if (session || !object_store::IsTransport(session.error())) return session;
    return NameCause(context, settings, std::move(session).error());
  }

  Result<std::vector<model::Endpoint>> Endpoints(const json::object& configuration) const override {
    const std::string_view host = GetString(configuration, "host");
    if (host.find("${") != std::string_view::npos) {  // what it stands for is known when it opens
      const int port = static_cast<int>(GetInt(configuration, "port", 9870));
      return std::vector<model::Endpoint>{{.host = std::string(host), .port = port}};
    }
    NSTARX_TRY(const HdfsSettings settings, HdfsSettings::Read(configuration));
    std::vector<model::Endpoint> endpoints;
    endpoints.reserve(settings.name_nodes.size());
    for (const net::ServiceUrl& node : settings.name_nodes) {
      endpoints.push_back({.host = node.host, .port = node.port});
    }
    return endpoints;
  }

  bool UsesTls(const json::object& configuration, const model::Ssl& ssl) const override {
    const auto settings = HdfsSettings::Read(configuration);
    return settings && settings->tls;
  }

 private:
  Result<std::unique_ptr<connector::Session>> OpenSession(const Context& context,
                                                          const connector::OpenRequest& request,
                                                          const HdfsSettings& settings) {
    NSTARX_TRY(const HdfsLogin login, LogIn(context, request, settings, tokens_, clock_));
    const auto active = std::make_shared<std::atomic<size_t>>(0);
    const auto make = [settings, login,
                       active]() -> Result<std::unique_ptr<object_store::ObjectClient>> {
      NSTARX_TRY(auto http, net::HttpClient::Open({.ca_pem = settings.ca_pem,
                                                   .connect_timeout = settings.connect_timeout,
                                                   .request_timeout = settings.request_timeout}));
      return std::make_unique<WebHdfsClient>(settings, login, active, std::move(http));
    };
    NSTARX_TRY(auto client, make());
    json::object facts = {{"user", UserOf(request)}, {"path", settings.Root()}};
    NSTARX_RETURN_IF_ERROR(CheckFolder(context, static_cast<WebHdfsClient&>(*client), settings));
    facts["name_node"] = settings.name_nodes[active->load()].Authority();
    if (const auto page = client->Peek(context, settings.prefix, 1); !page) {
      // Who may read files but not list the folder is logged in all the same.
      if (page.error().code() != "object.no_privilege") return page.error();
      facts["list"] = "denied";
    }
    return std::unique_ptr<connector::Session>(std::make_unique<object_store::ObjectSession>(
        std::move(client), std::make_unique<object_store::ClientFiles>(make, settings.prefix),
        object_store::SessionSettings{.prefix = settings.prefix,
                                      .read_only = request.read_only,
                                      .list_privilege = "READ_EXECUTE",
                                      .read_privilege = "READ",
                                      .engine = {.memory_limit_bytes = settings.memory_limit_bytes,
                                                 .threads = settings.query_threads,
                                                 .cache_files = settings.cache_files}},
        std::move(facts)));
  }

  static Status CheckFolder(const Context& context, WebHdfsClient& client,
                            const HdfsSettings& settings) {
    const auto status = client.Stat(context, settings.Root().substr(1));
    if (status && status->is_folder) return {};
    if (status || status.error().code() == "object.not_found") {
      return NotFound("folder.not_found", fmt::format("The folder {} {}", settings.Root(),
                                                      status ? "is a file" : "does not exist"))
          .WithStage("login");
    }
    Error error = status.error();
    if (error.stage() == "query") error.WithStage("login");
    return error;
  }

  const connector::Spec spec_;
  const SystemClock clock_;
  object_store::TokenCache tokens_;
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

std::unique_ptr<connector::Connector> MakeHdfsConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<HdfsConnector>(*std::move(spec));
}

}  // namespace nstarx::connectors::hdfs
