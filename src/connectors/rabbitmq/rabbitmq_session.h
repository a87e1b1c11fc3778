#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "connector/facets.h"
#include "connectors/messages/schema_registry.h"
#include "connectors/rabbitmq/amqp_connection.h"
#include "connectors/rabbitmq/rabbitmq_management.h"

namespace nstarx::connectors::rabbitmq {

/// One AMQP connection; each call has a channel of its own.
class RabbitmqSession final : public connector::Session,
                              public connector::BrowseFacet,
                              public connector::StreamFacet {
 public:
  static Result<std::unique_ptr<RabbitmqSession>> Open(const Context& context, const Login& login,
                                                       Management management, bool read_only,
                                                       std::chrono::milliseconds quiet);

  Status Ping(const Context& context) override;
  bool healthy() const override { return healthy_; }
  connector::SessionFacts facts() const override;
  Status CheckCompanions(const Context& context) override {
    return registry_ == nullptr ? Status() : registry_->Check(context);
  }
  /// Whose schemas values are decoded by; null: none.
  void Use(std::unique_ptr<messages::SchemaRegistry> registry) { registry_ = std::move(registry); }

  Result<std::vector<connector::Node>> List(const Context& context, std::string_view path,
                                            int64_t limit) override;
  Result<connector::Description> Describe(const Context& context, std::string_view path) override;
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
  RabbitmqSession(std::unique_ptr<Connection> connection, Management management, const Login& login,
                  bool read_only, std::chrono::milliseconds quiet)
      : connection_(std::move(connection)),
        management_(std::move(management)),
        user_(login.user),
        virtual_host_(login.virtual_host),
        address_(login.endpoint),
        read_only_(read_only),
        quiet_(quiet) {}
  Status CheckWritable() const;
  /// Marks the session when its connection is gone.
  Error Noted(Error error);
  Result<std::vector<connector::Node>> ListTop(const Context& context);

  std::unique_ptr<Connection> connection_;
  Management management_;
  const std::string user_;
  const std::string virtual_host_;
  const model::Endpoint address_;
  const bool read_only_;
  const std::chrono::milliseconds quiet_;
  std::unique_ptr<messages::SchemaRegistry> registry_;  ///< null: none
  std::atomic<bool> healthy_{true};
};

}  // namespace nstarx::connectors::rabbitmq
