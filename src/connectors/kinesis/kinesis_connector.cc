#include "connectors/kinesis/kinesis_connector.h"

#include "connectors/aws/service_login.h"
#include "connectors/kinesis/kinesis_session.h"
#include "connectors/object_store/service_cause.h"

namespace nstarx::connectors::kinesis {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

class KinesisConnector final : public connector::Connector {
 public:
  explicit KinesisConnector(connector::Spec spec) : spec_(std::move(spec)), login_(clock_) {}

  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    NSTARX_TRY(aws::ServiceSettings settings, Settings(request.configuration));
    if (settings.ca_pem.empty()) settings.ca_pem = request.ssl.certificate;
    json::object facts = {{"endpoint", settings.endpoint.Origin()},
                          {"region", settings.region},
                          {"read_only", request.read_only}};
    auto credentials = login_.Find(context, request, settings, facts);
    if (!credentials) {
      return Explain(context, settings.sts, settings, std::move(credentials).error());
    }
    auto session = LogIn(context, request, settings, *std::move(credentials), std::move(facts));
    if (session) return session;
    return Explain(context, settings.endpoint, settings, std::move(session).error());
  }

  Result<std::vector<model::Endpoint>> Endpoints(const json::object& configuration) const override {
    NSTARX_TRY(const aws::ServiceSettings settings, Settings(configuration));
    return std::vector<model::Endpoint>{
        {.host = settings.endpoint.host, .port = settings.endpoint.port}};
  }

  bool UsesTls(const json::object& configuration, const model::Ssl& /*ssl*/) const override {
    const auto settings = Settings(configuration);
    return settings && settings->endpoint.https;
  }

 private:
  static Result<aws::ServiceSettings> Settings(const json::object& configuration) {
    return aws::ServiceSettings::Read(configuration, "kinesis", "KINESIS");
  }

  /// The cause behind a failure of the transport, and what the spec advises.
  Error Explain(const Context& context, const net::ServiceUrl& dialled,
                const aws::ServiceSettings& settings, Error error) const {
    if (object_store::IsTransport(error)) {
      error = object_store::NameCause(context, dialled, settings.ca_pem, std::move(error));
    }
    return spec_.Advise(std::move(error));
  }

  Result<std::unique_ptr<connector::Session>> LogIn(
      const Context& context, const connector::OpenRequest& request,
      const aws::ServiceSettings& settings, std::shared_ptr<aws::CredentialSource> credentials,
      json::object facts) {
    NSTARX_TRY(auto http, settings.OpenHttp());
    auto client =
        std::make_unique<aws::JsonClient>(aws::JsonClient::Settings{.endpoint = settings.endpoint,
                                                                    .region = settings.region,
                                                                    .service = "kinesis",
                                                                    .target = "Kinesis_20131202",
                                                                    .version = "1.1"},
                                          std::move(credentials), std::move(http), clock_);
    const json::object& configuration = request.configuration;
    const bool read_only = request.read_only || GetBool(configuration, "read_only", false);
    auto session = std::make_unique<KinesisSession>(
        std::move(client), std::move(facts), read_only,
        std::chrono::milliseconds(GetInt(configuration, "poll_interval_ms", 200)));
    NSTARX_TRY(auto registry, messages::SchemaRegistry::Make(configuration, request.authentication,
                                                             request.secrets));
    session->Use(std::move(registry));
    const Status there = session->Ping(context);
    // Who may read a stream but not list all of them is logged in all the same.
    if (!there && there.error().code() != "query.no_privilege") {
      Error error = there.error();
      if (error.stage() == "query") error.WithStage("login");
      return error;
    }
    return std::unique_ptr<connector::Session>(std::move(session));
  }

  const connector::Spec spec_;
  const SystemClock clock_;
  aws::ServiceLogin login_;
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

std::unique_ptr<connector::Connector> MakeKinesisConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<KinesisConnector>(*std::move(spec));
}

}  // namespace nstarx::connectors::kinesis
