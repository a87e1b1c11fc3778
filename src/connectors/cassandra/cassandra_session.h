#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/cassandra/cassandra_reader.h"
#include "connectors/cassandra/cql_client.h"
#include "connectors/cassandra/cql_statement.h"

namespace nstarx::connectors::cassandra {

/// A statement that the server knows by its id.
struct Prepared {
  std::string id;
  std::vector<ResultColumn> markers;
};

/// One connection to one node. Cassandra has no cancel and no transactions: a statement that is
/// given up takes the connection with it.
class CassandraSession final : public connector::Session,
                               public connector::QueryFacet,
                               public connector::BrowseFacet,
                               public connector::IngestFacet,
                               public connector::PrivilegesFacet,
                               private StatementOwner {
 public:
  struct Options {
    LoginOptions login;
    bool read_only = false;
    uint16_t consistency = 0;
    int32_t page_rows_max = 0;
    int ingest_concurrency = 0;
    NumericAs numeric = NumericAs::kText;
  };
  static Result<std::unique_ptr<CassandraSession>> Open(const Context& context, Options options);

  Status Ping(const Context& context) override;
  void Cancel() override;
  bool healthy() const override;
  connector::SessionFacts facts() const override { return client_->facts(); }

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
  explicit CassandraSession(Options options) : options_(std::move(options)) {}
  void StatementEnded() override { busy_ = false; }
  std::stop_source Begin();
  /// Runs `work` with a context that Cancel() stops too; ends the statement.
  template <class Work>
  auto Run(const Context& context, const Work& work) -> decltype(work(context));
  Result<Prepared> Prepare(const Context& context, const std::string& text);
  Result<Request> RequestOf(const Context& context, const connector::Statement& statement);
  /// The answer's first page; the request as it was sent at last.
  Result<FirstPage> FirstAnswer(const Context& context, const connector::Statement& statement,
                                Request* request);
  Result<std::unique_ptr<connector::BatchStream>> Stream(const Context& context,
                                                         const std::stop_source& stop,
                                                         const connector::Statement& statement,
                                                         int parallelism);
  /// The statement as parts of the ring, if it can be cut and is worth it.
  Result<std::deque<Request>> PartsOf(const Context& context, const std::string& text, int lanes);

  Options options_;
  std::unique_ptr<CqlClient> client_;
  std::map<std::string, Prepared, std::less<>> prepared_;
  std::mutex stop_lock_;
  std::stop_source stop_ NSTARX_GUARDED_BY(stop_lock_);
  std::atomic<bool> busy_ = false;
  std::atomic<bool> tainted_ = false;  ///< the keyspace is another one now
};

}  // namespace nstarx::connectors::cassandra
