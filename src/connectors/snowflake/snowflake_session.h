#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/snowflake/snowflake_client.h"

namespace nstarx::connectors::snowflake {

/// One session of the service.
class SnowflakeSession final : public connector::Session,
                               public connector::QueryFacet,
                               public connector::BrowseFacet,
                               public connector::IngestFacet {
 public:
  /// `home` are database and schema of the session, where it has them.
  SnowflakeSession(std::unique_ptr<SnowflakeClient> client, connector::SessionFacts facts,
                   std::vector<std::string> home, bool read_only)
      : client_(std::move(client)),
        facts_(std::move(facts)),
        home_(std::move(home)),
        read_only_(read_only) {}

  /// Needs no warehouse.
  Status Ping(const Context& context) override { return client_->Heartbeat(context); }
  void Cancel() override { client_->Abort(); }
  /// A session that a statement has changed (USE, SET, temporary tables …) is not used again.
  bool healthy() const override { return client_->alive() && !changed_; }
  connector::SessionFacts facts() const override { return facts_; }

  Result<std::unique_ptr<connector::BatchStream>> Execute(
      const Context& context, const connector::Statement& statement,
      const connector::ExecuteOptions& options) override;
  Result<std::vector<connector::Node>> List(const Context& context, std::string_view path,
                                            int64_t limit) override;
  Result<connector::Description> Describe(const Context& context, std::string_view path) override;
  Result<std::unique_ptr<connector::BatchStream>> Sample(const Context& context,
                                                         std::string_view path,
                                                         int64_t limit) override;
  Result<int64_t> Ingest(const Context& context, std::string_view path, connector::IngestMode mode,
                         connector::BatchStream& source) override;
  bool narrows_scans() const override { return true; }
  Result<std::unique_ptr<connector::BatchStream>> Scan(
      const Context& context, const connector::ScanRequest& request,
      const connector::ExecuteOptions& options) override;

 private:
  const std::unique_ptr<SnowflakeClient> client_;
  const connector::SessionFacts facts_;
  const std::vector<std::string> home_;
  const bool read_only_;
  std::atomic<bool> changed_ = false;
};

/// sqlText and bindings of a request. Errors: query.parameter_count, query.unsupported_parameter.
Result<json::object> StatementFields(const connector::Statement& statement, bool reads);

}  // namespace nstarx::connectors::snowflake
