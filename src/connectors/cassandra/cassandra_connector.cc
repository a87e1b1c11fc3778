#include "connectors/cassandra/cassandra_connector.h"

#include <algorithm>

#include "connector/connector.h"
#include "connectors/cassandra/cassandra_session.h"

namespace nstarx::connectors::cassandra {
namespace {

constexpr int64_t kConnectTimeoutMs = 10'000;
constexpr int64_t kPageRows = 20'000;
constexpr int64_t kIngestConcurrency = 64;

/// In the order of their numbers.
constexpr std::string_view kConsistencies[] = {
    "ANY",          "ONE",         "TWO",    "THREE",        "QUORUM",   "ALL",
    "LOCAL_QUORUM", "EACH_QUORUM", "SERIAL", "LOCAL_SERIAL", "LOCAL_ONE"};

Secret CopyOf(const SecretMap& secrets, std::string_view name) {
  const auto found = secrets.find(name);
  return found == secrets.end() ? Secret() : found->second.Clone();
}

class CassandraConnector final : public connector::Connector {
 public:
  explicit CassandraConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    const json::object& configuration = request.configuration;
    CassandraSession::Options options;
    LoginOptions& login = options.login;
    login.endpoint = request.endpoint;
    if (login.endpoint.port == 0) login.endpoint.port = spec_.default_port();
    login.ssl = request.ssl;
    login.user = GetString(request.authentication, "username");
    login.password = CopyOf(request.secrets, "password");
    login.client_certificate = CopyOf(request.secrets, "client_certificate").Reveal();
    login.client_key = CopyOf(request.secrets, "client_key");
    login.keyspace = GetString(configuration, "keyspace");
    login.datacenter = GetString(configuration, "local_datacenter");
    login.program_name = "nstarx " + request.connection_name;
    login.connect_timeout =
        std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", kConnectTimeoutMs));
    options.read_only = request.read_only || GetBool(configuration, "read_only", false);
    const auto* consistency =
        std::ranges::find(kConsistencies, GetString(configuration, "consistency", "LOCAL_QUORUM"));
    options.consistency = static_cast<uint16_t>(consistency - std::begin(kConsistencies));
    options.page_rows_max = static_cast<int32_t>(GetInt(configuration, "page_size", kPageRows));
    options.ingest_concurrency =
        static_cast<int>(GetInt(configuration, "ingest_concurrency", kIngestConcurrency));
    const std::string_view numeric = GetString(configuration, "numeric_as", "text");
    options.numeric = numeric == "decimal128"   ? NumericAs::kDecimal128
                      : numeric == "decimal256" ? NumericAs::kDecimal256
                                                : NumericAs::kText;
    auto session = CassandraSession::Open(context, std::move(options));
    if (!session) return spec_.Advise(std::move(session).error());
    return std::move(*session);
  }

 private:
  connector::Spec spec_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeCassandraConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<CassandraConnector>(std::move(*spec));
}

}  // namespace nstarx::connectors::cassandra
