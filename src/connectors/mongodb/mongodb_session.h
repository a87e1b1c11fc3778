#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/mongodb/mongodb_client.h"
#include "connectors/mongodb/mongodb_shape.h"
#include "connectors/mongodb/mongodb_statement.h"

namespace nstarx::connectors::mongodb {

/// One logged-in client of one deployment.
class MongoSession final : public connector::Session,
                           public connector::QueryFacet,
                           public connector::BrowseFacet,
                           public connector::IngestFacet,
                           public connector::ExplainFacet,
                           public connector::PrivilegesFacet {
 public:
  struct Options {
    LoginOptions login;
    std::string database;
    bool read_only = false;
    int64_t batch_size = 5000;
    int64_t sample_size = 1000;
  };
  static Result<std::unique_ptr<MongoSession>> Open(const Context& context, Options options);

  Status Ping(const Context& context) override;
  bool healthy() const override;
  connector::SessionFacts facts() const override;

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
  Result<json::object> Explain(const Context& context,
                               const connector::Statement& statement) override;
  Result<connector::PrivilegeReport> CheckPrivileges(const Context& context) override;

  /// Tells the server by another connection to forget a cursor, when this one is out of step.
  void KillElsewhere(const std::string& database, const std::string& collection, int64_t cursor);

 private:
  explicit MongoSession(Options options) : options_(std::move(options)) {}
  Result<std::unique_ptr<connector::BatchStream>> Send(const Context& context,
                                                       const Command& command, int64_t limit);
  /// The columns of a find or aggregate that gave nothing: those of the collection's first
  /// documents. query.undefined_table when there is no such collection.
  Result<Shape> ShapeOfNothing(const Context& context, const Command& command);
  /// What the first documents have in common.
  Result<Shape> Learn(const Context& context, const Command& find, int64_t documents);

  Options options_;
  std::unique_ptr<Client> client_;
};

}  // namespace nstarx::connectors::mongodb
