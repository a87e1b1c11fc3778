#pragma once

#include <chrono>
#include <memory>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/aws/json_client.h"
#include "connectors/messages/schema_registry.h"

namespace nstarx::connectors::kinesis {

/// One client of one region.
class KinesisSession final : public connector::Session,
                             public connector::BrowseFacet,
                             public connector::StreamFacet {
 public:
  KinesisSession(std::unique_ptr<aws::JsonClient> client, connector::SessionFacts facts,
                 bool read_only, std::chrono::milliseconds poll)
      : client_(std::move(client)), facts_(std::move(facts)), read_only_(read_only), poll_(poll) {}

  Status Ping(const Context& context) override;
  /// Connections are opened anew where needed.
  bool healthy() const override { return true; }
  connector::SessionFacts facts() const override { return facts_; }
  Status CheckCompanions(const Context& context) override {
    return registry_ == nullptr ? Status() : registry_->Check(context);
  }
  /// Whose schemas values are decoded by; null: none.
  void Use(std::unique_ptr<messages::SchemaRegistry> registry) { registry_ = std::move(registry); }

  Result<std::vector<connector::Node>> List(const Context& context, std::string_view path,
                                            int64_t limit) override;
  Result<connector::Description> Describe(const Context& context, std::string_view path) override;
  /// The oldest records: Kinesis can't be asked for the last ones.
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
  const std::unique_ptr<aws::JsonClient> client_;
  const connector::SessionFacts facts_;
  const bool read_only_;
  const std::chrono::milliseconds poll_;
  std::unique_ptr<messages::SchemaRegistry> registry_;  ///< null: none
};

}  // namespace nstarx::connectors::kinesis
