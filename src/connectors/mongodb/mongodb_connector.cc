#include "connectors/mongodb/mongodb_connector.h"

#include "connector/connector.h"
#include "connectors/mongodb/mongodb_session.h"
#include "connectors/mongodb/mongodb_srv.h"

namespace nstarx::connectors::mongodb {
namespace {

constexpr int64_t kConnectTimeoutMs = 10'000;

Secret CopyOf(const SecretMap& secrets, std::string_view name) {
  const auto found = secrets.find(name);
  return found == secrets.end() ? Secret() : found->second.Clone();
}

bool UsesSrv(const json::object& configuration) {
  return GetString(configuration, "scheme") == "mongodb+srv";
}

class MongodbConnector final : public connector::Connector {
 public:
  explicit MongodbConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    NSTARX_TRY(MongoSession::Options options, ReadOptions(request));
    auto session = MongoSession::Open(context, std::move(options));
    if (!session) return spec_.Advise(std::move(session).error());
    return std::move(*session);
  }

  /// Of a replica set each member is a way in, but the driver goes through them by itself.
  Result<std::vector<model::Endpoint>> Endpoints(const json::object& configuration) const override {
    if (UsesSrv(configuration)) {
      NSTARX_TRY(Seedlist seeds, LookUpSeedlist(std::string(GetString(configuration, "host"))));
      return std::move(seeds.endpoints);
    }
    return Connector::Endpoints(configuration);
  }

  bool UsesTls(const json::object& configuration, const model::Ssl& ssl) const override {
    return ssl.enabled || UsesSrv(configuration);
  }

 private:
  Result<MongoSession::Options> ReadOptions(const connector::OpenRequest& request) const {
    const json::object& configuration = request.configuration;
    MongoSession::Options options;
    LoginOptions& login = options.login;
    login.replica_set = GetString(configuration, "replica_set");
    login.auth_source = GetString(request.authentication, "auth_source");
    login.ssl = request.ssl;
    if (UsesSrv(configuration)) {
      NSTARX_TRY(Seedlist seeds, LookUpSeedlist(std::string(GetString(configuration, "host"))));
      login.endpoints = std::move(seeds.endpoints);
      if (login.replica_set.empty()) login.replica_set = seeds.replica_set;
      if (login.auth_source.empty()) login.auth_source = seeds.auth_source;
      if (!login.ssl.enabled) {
        login.ssl.enabled = true;
        login.ssl.mode = "verify-full";
      }
      login.direct = false;
    } else if (!login.replica_set.empty()) {
      NSTARX_TRY(login.endpoints, Connector::Endpoints(configuration));
      login.direct = false;
    } else {
      login.endpoints = {request.endpoint};
    }
    if (GetBool(configuration, "direct_connection", false)) {
      login.direct = true;
      login.endpoints = {request.endpoint};
      login.replica_set.clear();
    }
    for (auto& endpoint : login.endpoints) {
      if (endpoint.port == 0) endpoint.port = spec_.default_port();
    }
    const std::string_view type = GetString(request.authentication, "type");
    if (type == "basic") {
      login.mechanism = GetString(request.authentication, "mechanism", "default");
      if (login.mechanism == "default") login.mechanism = "DEFAULT";
    } else if (type == "certificate") {
      login.mechanism = "MONGODB-X509";
    }
    login.user = GetString(request.authentication, "username");
    login.password = CopyOf(request.secrets, "password");
    login.client_certificate = CopyOf(request.secrets, "client_certificate");
    login.client_key = CopyOf(request.secrets, "client_key");
    login.read_preference = GetString(configuration, "read_preference", "primary");
    login.program_name = "nstarx " + request.connection_name;
    login.connect_timeout =
        std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", kConnectTimeoutMs));
    options.database = GetString(configuration, "database", "test");
    options.read_only = request.read_only || GetBool(configuration, "read_only", false);
    options.batch_size = GetInt(configuration, "batch_size", 5000);
    options.sample_size = GetInt(configuration, "sample_size", 1000);
    return options;
  }

  connector::Spec spec_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeMongodbConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<MongodbConnector>(std::move(*spec));
}

}  // namespace nstarx::connectors::mongodb
