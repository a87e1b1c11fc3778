#include "connectors/sqlite/sqlite_connector.h"

#include "connector/connector.h"
#include "connectors/sqlite/sqlite_session.h"

namespace nstarx::connectors::sqlite {
namespace {

class SqliteConnector final : public connector::Connector {
 public:
  explicit SqliteConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    const json::object& configuration = request.configuration;
    auto database = Database::Open(
        context,
        {.path = std::string(GetString(configuration, "path")),
         .read_only = request.read_only || GetBool(configuration, "read_only", false),
         .create = GetBool(configuration, "create", false),
         .busy_timeout_ms = static_cast<int>(GetInt(configuration, "busy_timeout_ms", 5000))});
    if (!database) return spec_.Advise(std::move(database).error());
    return std::make_unique<SqliteSession>(std::move(*database));
  }

  Result<std::vector<model::Endpoint>> Endpoints(const json::object&) const override {
    return std::vector<model::Endpoint>();
  }
  bool UsesTls(const json::object&, const model::Ssl&) const override { return false; }

 private:
  connector::Spec spec_;
};

}  // namespace

std::unique_ptr<connector::Connector> MakeSqliteConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<SqliteConnector>(std::move(*spec));
}

}  // namespace nstarx::connectors::sqlite
