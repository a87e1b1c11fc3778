#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "audit/journal.h"
#include "base/context.h"
#include "connector/facets.h"
#include "connector/metadata.h"
#include "model/test_report.h"
#include "registry/registry.h"

namespace arrow {
class Schema;
}
namespace nstarx::monitor {
class Metrics;
}

namespace nstarx::gateway {

struct QueryRequest {
  std::string query;
  json::array parameters;
  std::optional<int64_t> limit;
  std::string lane = "interactive";  ///< interactive | background
  int parallelism = 0;               ///< 0: the server's choice
};

/// A table as one SQL over connections sees it.
struct OpenTable {
  std::shared_ptr<arrow::Schema> schema;
  std::optional<int64_t> row_estimate;
  /// All rows, begun; null where Scan brings less than that and is called instead.
  std::unique_ptr<connector::BatchStream> rows;
};

struct Limits {
  int scan_parallelism = 2;  ///< sessions a big scan may use
  std::chrono::milliseconds test_deadline = std::chrono::seconds(15);
};

/// The one path of every use: may they → which secret → how to reach → pool → run → meter → audit.
/// The only room that opens a session. Streams and byte streams that it returns hold their session;
/// destroy them to give it back (destroying an unfinished one cancels the statement on the system).
/// Thread-safe.
class Gateway {
 public:
  static std::unique_ptr<Gateway> Make(registry::Registry& registry, audit::Journal& journal,
                                       monitor::Metrics& metrics, Limits limits);
  virtual ~Gateway() = default;

  virtual Result<std::unique_ptr<connector::BatchStream>> Query(const Context& context,
                                                                std::string_view ref,
                                                                const QueryRequest& request) = 0;
  virtual Result<json::object> Explain(const Context& context, std::string_view ref,
                                       const QueryRequest& request) = 0;
  virtual Result<std::vector<connector::Node>> Browse(const Context& context, std::string_view ref,
                                                      std::string_view path, int64_t limit) = 0;
  virtual Result<connector::Description> Describe(const Context& context, std::string_view ref,
                                                  std::string_view path) = 0;
  virtual Result<std::unique_ptr<connector::BatchStream>> Sample(const Context& context,
                                                                 std::string_view ref,
                                                                 std::string_view path,
                                                                 int64_t limit) = 0;
  /// The columns of a table, for a statement over several connections (audited with the
  /// statement's `fingerprint`).
  virtual Result<OpenTable> OpenForScan(const Context& context, std::string_view ref,
                                        std::string_view path, std::string_view fingerprint) = 0;
  /// The rows of a table that OpenForScan gave none of.
  virtual Result<std::unique_ptr<connector::BatchStream>> Scan(
      const Context& context, std::string_view ref, const connector::ScanRequest& request,
      std::string_view fingerprint) = 0;
  virtual Result<int64_t> Ingest(const Context& context, std::string_view ref,
                                 std::string_view path, connector::IngestMode mode,
                                 connector::BatchStream& source) = 0;

  virtual Result<connector::ProduceReport> Produce(const Context& context, std::string_view ref,
                                                   std::string_view topic,
                                                   connector::BatchStream& messages) = 0;
  virtual Result<std::unique_ptr<connector::BatchStream>> Consume(
      const Context& context, std::string_view ref, const connector::ConsumeRequest& request) = 0;
  virtual Status Commit(const Context& context, std::string_view ref, std::string_view group,
                        std::string_view topic,
                        const std::vector<connector::PartitionOffset>& next) = 0;
  virtual Result<std::vector<connector::Lag>> GetLag(const Context& context, std::string_view ref,
                                                     std::string_view topic,
                                                     std::string_view group) = 0;

  virtual Result<connector::DatasetPage> FindDatasets(const Context& context, std::string_view ref,
                                                      const connector::DatasetFilter& filter) = 0;
  virtual Result<connector::Dataset> GetDataset(const Context& context, std::string_view ref,
                                                std::string_view path) = 0;
  virtual Result<connector::PartitionPage> ListPartitions(const Context& context,
                                                          std::string_view ref,
                                                          std::string_view path, int64_t limit,
                                                          std::string_view continuation) = 0;
  virtual Result<connector::Dataset> PutDataset(const Context& context, std::string_view ref,
                                                std::string_view path,
                                                const connector::DatasetChange& change) = 0;
  virtual Status DeleteDataset(const Context& context, std::string_view ref,
                               std::string_view path) = 0;
  virtual Result<std::vector<connector::LineageEdge>> GetLineage(
      const Context& context, std::string_view ref, std::string_view path,
      connector::LineageDirection direction) = 0;
  virtual Status PutLineage(const Context& context, std::string_view ref, std::string_view path,
                            const std::vector<connector::LineageEdge>& upstream) = 0;

  virtual Result<connector::ObjectPage> ListObjects(const Context& context, std::string_view ref,
                                                    std::string_view prefix,
                                                    std::string_view delimiter, int64_t limit,
                                                    std::string_view continuation) = 0;
  virtual Result<connector::ObjectInfo> StatObject(const Context& context, std::string_view ref,
                                                   std::string_view key) = 0;
  virtual Result<std::unique_ptr<connector::ByteStream>> GetObject(
      const Context& context, std::string_view ref, std::string_view key,
      connector::ObjectRange range) = 0;
  virtual Result<connector::ObjectInfo> PutObject(const Context& context, std::string_view ref,
                                                  std::string_view key,
                                                  connector::ByteStream& content,
                                                  std::optional<int64_t> size,
                                                  std::string_view content_type) = 0;
  virtual Status DeleteObject(const Context& context, std::string_view ref,
                              std::string_view key) = 0;
  virtual Result<std::string> PresignObject(const Context& context, std::string_view ref,
                                            std::string_view method, std::string_view key,
                                            std::chrono::seconds expires) = 0;

  /// The staged test of a saved connection (its result is recorded) or of an unsaved draft. An
  /// error only when the caller may not test or the draft is invalid; everything the system does is
  /// in the report.
  virtual Result<model::TestReport> Test(const Context& context, std::string_view ref) = 0;
  virtual Result<model::TestReport> TestDraft(const Context& context,
                                              const model::ConnectionDraft& draft) = 0;

  /// Sizes and waits of the connection's pool: {"open","idle","in_use","waiting","max", "holders":
  /// […]}.
  virtual Result<json::object> PoolState(const Context& context, std::string_view ref) = 0;
};

}  // namespace nstarx::gateway
