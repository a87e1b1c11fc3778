#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/postgresql/postgres_result.h"
#include "connectors/postgresql/postgres_sql.h"
#include "connectors/postgresql/postgres_wire.h"

namespace nstarx::connectors::postgresql {

/// What a system that speaks the protocol does otherwise than PostgreSQL.
struct Dialect {
  bool page_ranges = true;        ///< has ctid and exported snapshots
  bool read_only_blocks = false;  ///< has no read-only sessions: each statement gets a block
  bool resets = true;             ///< has DISCARD ALL; else a changed session is given up
  /// Decides a column's way before the general rules; nullopt: they decide.
  std::optional<ColumnType> (*type_of)(uint32_t oid) = nullptr;
};

struct SessionOptions {
  std::string user;
  std::string database;
  OpenNumeric open_numeric = OpenNumeric::kDecimal;
  bool prepared_statements = true;
  bool read_only = false;
  Dialect dialect = {};
};

/// Rows of a question of our own, as text; absent is NULL.
using TextRow = std::vector<std::optional<std::string>>;

/// Parameters as the server reads them; query.bad_value for what can't be one.
Result<std::vector<std::optional<std::string>>> ParameterTexts(const json::array& values);

/// What a session remembers about statements, so that the next run costs one round trip.
class StatementMemory {
 public:
  struct Prepared {
    std::string name;  ///< on the server; empty: seen once, not prepared
    std::vector<ResultColumn> columns;
    bool leaves_state = false;
    bool scan = false;  ///< a plain scan, which several sessions may share
    uint64_t shape = 0;
    uint64_t used = 0;
  };
  StatementMemory();
  /// Null when the text is new.
  Prepared* Find(const std::string& text);
  /// Remembers a text that ran; returns the name of a statement that has to be closed for it.
  std::string Remember(const std::string& text, Prepared prepared);
  void Forget(const std::string& text) { prepared_.erase(text); }
  std::string NextName();

  /// Columns that the statements of a shape gave; null when it is new.
  const std::vector<ResultColumn>* FindShape(uint64_t shape) const;
  void RememberShape(uint64_t shape, const std::vector<ResultColumn>& columns);
  /// Shapes that the planner said to be small scans.
  bool SmallScan(uint64_t shape) const { return small_scans_.contains(shape); }
  void RememberSmallScan(uint64_t shape);
  /// A scan that was thought small was not.
  void ForgetSmallScan(uint64_t shape, const std::string& text) {
    small_scans_.erase(shape);
    prepared_.erase(text);
  }
  void Clear();

 private:
  std::unordered_map<std::string, Prepared> prepared_;
  std::unordered_map<uint64_t, std::vector<ResultColumn>> shapes_;
  std::unordered_map<uint64_t, bool> small_scans_;
  uint64_t clock_ = 0;
  uint64_t names_ = 0;
  uint32_t token_;  ///< keeps the names of sessions apart that share one behind a pooler
};

/// One logged-in PostgreSQL session. Thread-safety as the contract says: one thread at a time,
/// Cancel() and healthy() from any.
class PostgresSession : public connector::Session,
                        public connector::QueryFacet,
                        public connector::BrowseFacet,
                        public connector::IngestFacet,
                        public connector::PrivilegesFacet,
                        public connector::ExplainFacet {
 public:
  PostgresSession(std::unique_ptr<Client> client, SessionOptions options);
  ~PostgresSession() override;

  Status Ping(const Context& context) override;
  void Cancel() override { wire_.Cancel(); }
  bool healthy() const override { return !wire_.broken() && !wire_.gone(); }
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
  Result<connector::PrivilegeReport> CheckPrivileges(const Context& context) override;
  Result<json::object> Explain(const Context& context,
                               const connector::Statement& statement) override;

  // For the other files of this room.
  /// What every session has set, where the server's own default is another.
  Status SetDefaults(const Context& context);
  Wire& wire() { return wire_; }
  const SessionOptions& options() const { return options_; }
  StatementMemory& memory() { return memory_; }
  bool check_utf8() const { return check_utf8_; }
  void set_streaming(bool streaming) { streaming_ = streaming; }
  /// Runs a statement of our own and collects its rows as text.
  Result<std::vector<TextRow>> Ask(const Context& context, std::string_view sql,
                                   const std::vector<std::optional<std::string>>& parameters = {});
  /// Makes the session ready for the next statement: stops what still runs unless it is
  /// `finished`, takes back an open transaction, forgets what was set.
  Status EndStatement(const Context& context, bool finished, bool leaves_state);
  ColumnType TypeOf(const ResultColumn& column) const {
    if (options_.dialect.type_of != nullptr) {
      if (auto own = options_.dialect.type_of(column.oid)) return *std::move(own);
    }
    return TypeOfColumn(column.oid, column.modifier, options_.open_numeric);
  }
  std::unique_ptr<BatchDecoder> DecoderFor(const std::vector<ResultColumn>& columns) const;

 private:
  struct Run;
  using Parameters = std::vector<std::optional<std::string>>;
  /// How many rows the server is asked for; 0: all.
  static int32_t RowsMax(const Run& run);
  Result<std::unique_ptr<connector::BatchStream>> RunPrepared(const Context& context, Run& run,
                                                              StatementMemory::Prepared& prepared);
  Result<std::unique_ptr<connector::BatchStream>> RunLast(const Context& context, Run& run);
  Result<std::vector<ResultColumn>> DescribeColumns(const Context& context, const Run& run,
                                                    const std::string& name);
  /// Reads up to the description of a statement that was sent unseen; false when its columns come
  /// in other formats than was thought. `columns` becomes what it really gives.
  Result<bool> DescribedAs(const Context& context, std::vector<ResultColumn>& columns);
  Status RunLeading(const Context& context, const std::string& text, const SqlStatement& statement);
  Result<connector::PrivilegeReport> AddSchemaPrivileges(const Context& context,
                                                         connector::PrivilegeReport report);
  Status CheckAllowed(const std::vector<SqlStatement>& statements, bool with_parameters) const;
  Status Recover(const Context& context, const Status& status);
  Result<std::unique_ptr<connector::BatchStream>> StartStream(
      const Context& context, Run& run, const std::vector<ResultColumn>& columns);

  Wire wire_;
  SessionOptions options_;
  StatementMemory memory_;
  bool check_utf8_;
  bool streaming_ = false;
  bool in_block_ = false;  ///< a read-only block of our own is open
  bool resting_ = false;   ///< EndStatement asks: a further failure ends the session
};

}  // namespace nstarx::connectors::postgresql
