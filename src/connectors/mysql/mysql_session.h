#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/mysql/mysql_protocol.h"
#include "connectors/mysql/mysql_reader.h"

namespace nstarx::connectors::mysql {

/// One logged-in session. Its time zone is UTC and its character set utf8mb4.
class MysqlSession final : public connector::Session,
                           public connector::QueryFacet,
                           public connector::BrowseFacet,
                           public connector::IngestFacet,
                           public connector::ExplainFacet,
                           public connector::PrivilegesFacet,
                           private StatementOwner {
 public:
  struct Options {
    LoginOptions login;
    bool read_only = false;
    ZeroDates zero_dates = ZeroDates::kError;
    int64_t statement_timeout_ms = 0;
  };
  static Result<std::unique_ptr<MysqlSession>> Open(const Context& context, Options options);
  ~MysqlSession() override;

  Status Ping(const Context& context) override;
  void Cancel() override;
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
  bool narrows_scans() const override { return true; }
  Result<std::unique_ptr<connector::BatchStream>> Scan(
      const Context& context, const connector::ScanRequest& request,
      const connector::ExecuteOptions& options) override;
  Result<int64_t> Ingest(const Context& context, std::string_view path, connector::IngestMode mode,
                         connector::BatchStream& source) override;
  Result<json::object> Explain(const Context& context,
                               const connector::Statement& statement) override;
  Result<connector::PrivilegeReport> CheckPrivileges(const Context& context) override;

 private:
  explicit MysqlSession(Options options) : options_(std::move(options)) {}
  void StopRunning() override;
  Status StatementEnded(uint16_t status) override;
  void Begin();
  /// The header of the last result of a statement.
  Result<ResultHeader> FirstHeader(const connector::Statement& statement);
  Result<ResultHeader> LastHeader(const connector::Statement& statement);
  /// Ends a statement that failed before its first row.
  Error Fail(Error error);
  Status RefuseFile();

  Options options_;
  std::unique_ptr<Conversation> conversation_;
  json::object facts_;
  uint64_t thread_id_ = 0;
  int socket_ = -1;  ///< the conversation's
  bool is_mariadb_ = false;

  std::mutex stop_lock_;
  bool running_ NSTARX_GUARDED_BY(stop_lock_) = false;
  bool stopped_ NSTARX_GUARDED_BY(stop_lock_) = false;  ///< a KILL was sent for this statement
  std::atomic<bool> cancelled_ = false;                 ///< Cancel() was called for this statement
  std::atomic<bool> broken_ = false;
  std::atomic<bool> tainted_ = false;  ///< a statement may have changed the session's settings
};

}  // namespace nstarx::connectors::mysql
