#pragma once

#include <memory>
#include <string>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/redis/redis_client.h"
#include "connectors/redis/redis_commands.h"
#include "connectors/redis/redis_statement.h"

namespace nstarx::connectors::redis {

/// One logged-in connection and what can be done with it.
class RedisSession final : public connector::Session,
                           public connector::QueryFacet,
                           public connector::BrowseFacet,
                           public connector::IngestFacet,
                           public connector::PrivilegesFacet {
 public:
  struct Options {
    Login login;
    bool read_only = false;
    std::string separator = ":";
  };
  static Result<std::unique_ptr<RedisSession>> Open(const Context& context, Options options);

  Status Ping(const Context& context) override;
  bool healthy() const override { return client_->healthy(); }
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
  Result<connector::PrivilegeReport> CheckPrivileges(const Context& context) override;

 private:
  explicit RedisSession(Options options) : options_(std::move(options)) {}
  /// Back to the database of the connection, whatever the request before did.
  Status GoHome(const Context& context);
  Result<TableScan> ScanOf(std::string_view path) const;

  Options options_;
  std::unique_ptr<Client> client_;
  ReadOnlyGuard guard_;
};

}  // namespace nstarx::connectors::redis
