#pragma once

#include <memory>
#include <string>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/aws/json_client.h"
#include "connectors/dynamodb/dynamodb_statement.h"

namespace nstarx::connectors::dynamodb {

struct SessionOptions {
  bool read_only = false;
};

/// One client of one region.
class DynamodbSession final : public connector::Session,
                              public connector::QueryFacet,
                              public connector::BrowseFacet,
                              public connector::IngestFacet {
 public:
  DynamodbSession(std::unique_ptr<aws::JsonClient> client, connector::SessionFacts facts,
                  SessionOptions options)
      : client_(std::move(client)), facts_(std::move(facts)), options_(options) {}

  Status Ping(const Context& context) override;
  /// Connections are opened anew where needed.
  bool healthy() const override { return true; }
  connector::SessionFacts facts() const override { return facts_; }
  /// For a helper's part of a scan.
  aws::JsonClient& client() { return *client_; }

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

 private:
  Result<std::unique_ptr<connector::BatchStream>> Run(const Context& context, Operation operation,
                                                      int64_t limit,
                                                      const connector::ExecuteOptions& options);

  const std::unique_ptr<aws::JsonClient> client_;
  const connector::SessionFacts facts_;
  const SessionOptions options_;
};

}  // namespace nstarx::connectors::dynamodb
