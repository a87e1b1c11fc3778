#pragma once

#include <memory>
#include <string>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/bigquery/bigquery_client.h"
#include "connectors/bigquery/bigquery_job.h"

namespace nstarx::connectors::bigquery {

/// A login and its connections: the service itself keeps nothing between statements.
class BigquerySession final : public connector::Session,
                              public connector::QueryFacet,
                              public connector::BrowseFacet,
                              public connector::ExplainFacet,
                              public connector::IngestFacet {
 public:
  BigquerySession(std::unique_ptr<BigqueryClient> client, connector::SessionFacts facts,
                  bool read_only)
      : client_(std::move(client)),
        runner_(*client_),
        facts_(std::move(facts)),
        read_only_(read_only) {}

  /// Runs no job.
  Status Ping(const Context& context) override;
  void Cancel() override { runner_.Cancel(); }
  bool healthy() const override { return true; }
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
  /// What the service foresees of the statement, which is not run: its kind, the tables and the
  /// bytes that it would read and bill.
  Result<json::object> Explain(const Context& context,
                               const connector::Statement& statement) override;

 private:
  Result<std::unique_ptr<connector::BatchStream>> Run(const Context& context,
                                                      const connector::Statement& statement);
  Status CheckReads(const Context& context, const connector::Statement& statement);

  const std::unique_ptr<BigqueryClient> client_;
  JobRunner runner_;
  const connector::SessionFacts facts_;
  const bool read_only_;
};

}  // namespace nstarx::connectors::bigquery
