#include "connectors/hive_metastore/hive_metastore_connector.h"

#include "connectors/hive_metastore/hive_metastore_session.h"

namespace nstarx::connectors::hive_metastore {
namespace {

class HiveMetastoreConnector final : public connector::Connector {
 public:
  explicit HiveMetastoreConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    const json::object& configuration = request.configuration;
    Login login{.endpoint = request.endpoint, .ssl = request.ssl};
    login.timeout = std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 10'000));
    login.user = GetString(request.authentication, "username");
    login.with_password = GetString(request.authentication, "type") == "basic";
    if (const auto found = request.secrets.find("password"); found != request.secrets.end()) {
      login.password = found->second.Clone();
    }
    auto session = HiveMetastoreSession::Open(
        context, login, request.read_only || GetBool(configuration, "read_only", false));
    if (!session) return spec_.Advise(std::move(session).error());
    return std::move(*session);
  }

 private:
  connector::Spec spec_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeHiveMetastoreConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<HiveMetastoreConnector>(std::move(*spec));
}

}  // namespace nstarx::connectors::hive_metastore
