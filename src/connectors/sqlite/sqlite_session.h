#pragma once

#include <memory>
#include <string>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/sqlite/sqlite_database.h"

namespace nstarx::connectors::sqlite {

/// One open file. Temporary tables live as long as the session.
class SqliteSession final : public connector::Session,
                            public connector::QueryFacet,
                            public connector::BrowseFacet,
                            public connector::IngestFacet,
                            public connector::ExplainFacet,
                            public connector::PrivilegesFacet {
 public:
  explicit SqliteSession(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  Status Ping(const Context& context) override;
  void Cancel() override { database_->Interrupt(); }
  bool healthy() const override { return true; }
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

 private:
  std::unique_ptr<Database> database_;
};

}  // namespace nstarx::connectors::sqlite
