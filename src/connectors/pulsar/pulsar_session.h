#pragma once

#include <map>
#include <memory>
#include <string>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/messages/schema_registry.h"
#include "connectors/pulsar/pulsar_admin.h"
#include "connectors/pulsar/pulsar_client.h"
#include "connectors/pulsar/pulsar_reader.h"

namespace nstarx::connectors::pulsar {

/// One login at a cluster: the admin API, and a client of the library from the first message on.
class PulsarSession final : public connector::Session,
                            public connector::BrowseFacet,
                            public connector::StreamFacet {
 public:
  static Result<std::unique_ptr<PulsarSession>> Open(const Context& context, Login login,
                                                     bool read_only);

  Status Ping(const Context& context) override;
  bool healthy() const override { return healthy_; }
  connector::SessionFacts facts() const override;
  Status CheckCompanions(const Context& context) override {
    return registry_ == nullptr ? Status() : registry_->Check(context);
  }
  /// Whose schemas values are decoded by; null: none.
  void Use(std::unique_ptr<messages::SchemaRegistry> registry) { registry_ = std::move(registry); }

  /// Tenants, namespaces, topics, partitions.
  Result<std::vector<connector::Node>> List(const Context& context, std::string_view path,
                                            int64_t limit) override;
  Result<connector::Description> Describe(const Context& context, std::string_view path) override;
  /// The last messages.
  Result<std::unique_ptr<connector::BatchStream>> Sample(const Context& context,
                                                         std::string_view path,
                                                         int64_t limit) override;

  Result<connector::ProduceReport> Produce(const Context& context, std::string_view topic,
                                           connector::BatchStream& messages) override;
  Result<std::unique_ptr<connector::BatchStream>> Consume(
      const Context& context, const connector::ConsumeRequest& request) override;
  Status Commit(const Context& context, std::string_view group, std::string_view topic,
                const std::vector<connector::PartitionOffset>& next) override;
  Result<std::vector<connector::Lag>> GetLag(const Context& context, std::string_view topic,
                                             std::string_view group) override;

 private:
  explicit PulsarSession(Login login, bool read_only)
      : login_(std::move(login)), read_only_(read_only) {}

  Status Connect(const Context& context);
  Result<Client*> TheClient();
  Status CheckWritable() const;
  Result<PartitionRange> RangeOf(const Context& context, const connector::ConsumeRequest& request,
                                 const Topic& topic, int32_t number);
  Status CommitPartition(const Context& context, std::string_view group, const Topic& topic,
                         const MessageId& next, int32_t number);
  /// Notes an error that the session does not survive.
  Error Noted(Error error);

  const Login login_;
  const bool read_only_;
  bool healthy_ = true;
  Greeting greeting_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<messages::SchemaRegistry> registry_;  ///< null: none
};

}  // namespace nstarx::connectors::pulsar
