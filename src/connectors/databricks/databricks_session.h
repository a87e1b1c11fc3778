#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/databricks/databricks_client.h"

namespace nstarx::connectors::databricks {

/// A login to one SQL warehouse. Statements stand alone: the service has no sessions.
class DatabricksSession final : public connector::Session,
                                public connector::QueryFacet,
                                public connector::BrowseFacet,
                                public connector::IngestFacet {
 public:
  DatabricksSession(std::unique_ptr<DatabricksClient> client, connector::SessionFacts facts,
                    bool read_only)
      : client_(std::move(client)), facts_(std::move(facts)), read_only_(read_only) {}

  /// Asks for the warehouse's state, which does not start it.
  Status Ping(const Context& context) override;
  void Cancel() override;
  /// Connections are opened anew where needed.
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
  bool narrows_scans() const override { return true; }
  Result<std::unique_ptr<connector::BatchStream>> Scan(
      const Context& context, const connector::ScanRequest& request,
      const connector::ExecuteOptions& options) override;

 private:
  Result<std::unique_ptr<connector::BatchStream>> Run(const Context& context,
                                                      const connector::Statement& statement,
                                                      bool reads);
  Result<json::object> Submit(const Context& context, const json::object& fields,
                              std::string_view text);
  Result<json::object> Await(const Context& context, json::object answer, std::string_view text);
  void CancelStatement(const std::string& id);

  const std::unique_ptr<DatabricksClient> client_;
  connector::SessionFacts facts_;
  const bool read_only_;
  bool inline_only_ = false;
  std::mutex mutex_;
  std::string running_ NSTARX_GUARDED_BY(mutex_);
};

/// The body of POST /statements but for where the result goes. Errors: query.parameter_count,
/// query.unsupported_parameter.
Result<json::object> StatementFields(const Workspace& workspace,
                                     const connector::Statement& statement, bool reads);

}  // namespace nstarx::connectors::databricks
