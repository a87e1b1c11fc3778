#pragma once

#include <memory>

#include "connectors/postgresql/postgres_session.h"

namespace nstarx::connectors::redshift {

/// How Redshift differs from PostgreSQL on the wire and in its session.
postgresql::Dialect RedshiftDialect();

/// One line of EXPLAIN's text and what it is indented by.
json::object PlanOfLines(const std::vector<std::string>& lines);

/// One logged-in Redshift session: PostgreSQL's protocol with catalog, plans and writing of its
/// own. Threads as PostgresSession.
class RedshiftSession final : public postgresql::PostgresSession {
 public:
  using PostgresSession::PostgresSession;

  Result<std::unique_ptr<connector::BatchStream>> Execute(
      const Context& context, const connector::Statement& statement,
      const connector::ExecuteOptions& options) override;
  Result<std::vector<connector::Node>> List(const Context& context, std::string_view path,
                                            int64_t limit) override;
  Result<connector::Description> Describe(const Context& context, std::string_view path) override;
  Result<std::unique_ptr<connector::BatchStream>> Sample(const Context& context,
                                                         std::string_view path,
                                                         int64_t limit) override;
  Result<std::unique_ptr<connector::BatchStream>> Scan(
      const Context& context, const connector::ScanRequest& request,
      const connector::ExecuteOptions& options) override;
  Result<int64_t> Ingest(const Context& context, std::string_view path, connector::IngestMode mode,
                         connector::BatchStream& source) override;
  Result<connector::PrivilegeReport> CheckPrivileges(const Context& context) override;
  Result<json::object> Explain(const Context& context,
                               const connector::Statement& statement) override;

 private:
  /// Schema and table of a path, with the schema found when the path has none.
  Result<std::pair<std::string, std::string>> Find(const Context& context, std::string_view path,
                                                   connector::Description& description);
};

}  // namespace nstarx::connectors::redshift
