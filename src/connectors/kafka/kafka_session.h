#pragma once

#include <memory>
#include <string>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/kafka/kafka_client.h"
#include "connectors/messages/schema_registry.h"

namespace nstarx::connectors::kafka {

/// One login at a cluster: a reading client, and a writing one and one for a consumer group from
/// their first use on.
class KafkaSession final : public connector::Session,
                           public connector::BrowseFacet,
                           public connector::StreamFacet {
 public:
  static Result<std::unique_ptr<KafkaSession>> Open(
      const Context& context, Login login, bool read_only,
      std::unique_ptr<messages::SchemaRegistry> registry);

  Status Ping(const Context& context) override;
  bool healthy() const override { return healthy_; }
  connector::SessionFacts facts() const override;
  /// The schema registry, if there is one.
  Status CheckCompanions(const Context& context) override;

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
  KafkaSession(Login login, bool read_only, std::unique_ptr<messages::SchemaRegistry> registry)
      : login_(std::move(login)), read_only_(read_only), registry_(std::move(registry)) {}

  Status Connect(const Context& context);
  Result<TopicFacts> FindTopic(const Context& context, std::string_view topic);
  Result<Client*> GroupClient(std::string_view group);
  Result<std::map<int32_t, int64_t>> StartOf(const Context& context,
                                             const connector::ConsumeRequest& request,
                                             const std::vector<int32_t>& partitions);
  Status CheckWritable() const;
  /// Notes an error that the session does not survive.
  Error Noted(Error error);

  const Login login_;
  const bool read_only_;
  const std::unique_ptr<messages::SchemaRegistry> registry_;
  bool healthy_ = true;
  ClusterFacts cluster_;
  std::unique_ptr<Client> reader_;
  std::unique_ptr<Client> writer_;
  std::unique_ptr<Client> group_client_;
  std::string group_;
};

}  // namespace nstarx::connectors::kafka
