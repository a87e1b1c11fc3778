#include "connectors/event_hubs/event_hubs_connector.h"

#include "connectors/event_hubs/connection_string.h"
#include "connectors/kafka/kafka_connector.h"

namespace nstarx::connectors::event_hubs {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

/// The user by which Event Hubs tells that the password is a connection string.
constexpr const char* kUser = "$ConnectionString";

class EventHubsConnector final : public connector::Connector {
 public:
  explicit EventHubsConnector(connector::Spec spec) : spec_(std::move(spec)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    NSTARX_TRY(auto endpoints, Endpoints(request.configuration));
    const std::string& host = request.endpoint.host;
    Secret password;
    if (GetString(request.authentication, "type") == "connection_string") {
      const auto given = request.secrets.find("connection_string");
      if (given != request.secrets.end()) password = given->second.Clone();
      NSTARX_RETURN_IF_ERROR(CheckConnectionString(password, host));
    } else {
      const auto key = request.secrets.find("key");
      password = ConnectionStringOf(host, GetString(request.authentication, "policy"),
                                    key == request.secrets.end() ? Secret() : key->second.Clone());
    }
    return kafka::OpenWithPlain(context, request, std::move(endpoints), kUser, std::move(password));
  }

 private:
  connector::Spec spec_;
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

std::unique_ptr<connector::Connector> MakeEventHubsConnector() {
  auto spec = connector::Spec::Parse(SpecDocument());
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<EventHubsConnector>(std::move(*spec));
}

}  // namespace nstarx::connectors::event_hubs
