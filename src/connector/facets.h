#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/json.h"
#include "base/status.h"
#include "connector/scan.h"
#include "connector/session.h"

namespace arrow {
class RecordBatch;
class Schema;
}  // namespace arrow

namespace nstarx::connector {

/// Rows as Arrow record batches, pulled one at a time: the puller's pace is the back-pressure. Not
/// thread-safe. Must not outlive the session it came from; the destructor stops what still runs and
/// leaves the session usable or marked unhealthy.
class BatchStream {
 public:
  virtual ~BatchStream() = default;
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  /// The next batch, null at the end. Batches are at most a few MiB.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) = 0;
  /// Rows that a writing statement changed; -1 when the system does not say or it was a query.
  virtual int64_t rows_affected() const { return -1; }
};

struct Statement {
  std::string text;
  json::array parameters;  ///< positional: null, bool, int64, double, string
  std::optional<int64_t>
      limit;  ///< at most so many rows are pulled; a hint to the connector, enforced above it
};

struct ExecuteOptions {
  int parallelism = 1;  ///< sessions that a big scan may use, itself included
  SessionSource* siblings =
      nullptr;  ///< where the others come from; null: none. Valid during Execute and the stream
};

/// Runs statements in the system's own language.
class QueryFacet {
 public:
  virtual ~QueryFacet() = default;
  /// The stream of the (last) result; a statement without rows gives an empty schema and
  /// rows_affected.
  virtual Result<std::unique_ptr<BatchStream>> Execute(const Context& context,
                                                       const Statement& statement,
                                                       const ExecuteOptions& options) = 0;
};

/// A thing that can be browsed.
struct Node {
  std::string name;
  std::string path;  ///< what browse, describe and sample take: `schema.table` (quoted where
                     ///< needed), a prefix, …
  std::string
      kind;  ///< schema, table, view, materialized_view, foreign_table, bucket, prefix, object, …
  bool has_children = false;
  std::string comment;
  std::optional<int64_t> row_estimate;
  std::optional<int64_t> size_bytes;
};

struct Column {
  std::string name;
  std::string native_type;
  std::string arrow_type;
  bool nullable = true;
  bool primary_key = false;
  std::string default_value;
  std::string comment;
};

struct Key {
  std::string name;
  std::string kind;  ///< primary, unique, foreign
  std::vector<std::string> columns;
  std::string references;  ///< of a foreign key: `schema.table(column, …)`
};

struct Index {
  std::string name;
  std::vector<std::string> columns;
  bool unique = false;
  std::string definition;
};

struct Description {
  std::string path;
  std::string kind;
  std::string comment;
  std::vector<Column> columns;
  std::vector<Key> keys;
  std::vector<Index> indexes;
  std::vector<std::string> partitions;
  std::optional<int64_t> row_estimate;
  std::optional<int64_t> size_bytes;
};

json::object ToJson(const Node& node);
json::object ToJson(const Description& description);

class BrowseFacet {
 public:
  virtual ~BrowseFacet() = default;
  /// Children of `path` (empty: the top), sorted by name, at most `limit`. not_found as
  /// query.undefined_table.
  virtual Result<std::vector<Node>> List(const Context& context, std::string_view path,
                                         int64_t limit) = 0;
  virtual Result<Description> Describe(const Context& context, std::string_view path) = 0;
  /// The first rows of a table or file.
  virtual Result<std::unique_ptr<BatchStream>> Sample(const Context& context, std::string_view path,
                                                      int64_t limit) = 0;

  /// Whether Scan leaves out columns and rows that are not asked for.
  virtual bool narrows_scans() const { return false; }
  /// All rows of a table or file, for one SQL over connections; of a stream of messages those that
  /// are there now. More columns and rows than asked for may come.
  virtual Result<std::unique_ptr<BatchStream>> Scan(const Context& context,
                                                    const ScanRequest& request,
                                                    const ExecuteOptions& options) {
    return Sample(context, request.path, kAllRows);
  }
  static constexpr int64_t kAllRows = int64_t{1} << 53;
};

enum class IngestMode { kAppend, kCreate, kReplace };

class IngestFacet {
 public:
  virtual ~IngestFacet() = default;
  /// Writes all of `source` into `path` by the system's bulk path, all or nothing where the system
  /// has transactions. Returns the rows written.
  virtual Result<int64_t> Ingest(const Context& context, std::string_view path, IngestMode mode,
                                 BatchStream& source) = 0;
};

struct ObjectInfo {
  std::string key;
  int64_t size = 0;
  TimePoint modified{};
  std::string etag;
  std::string content_type;
};

struct ObjectPage {
  std::vector<ObjectInfo> items;
  std::vector<std::string> prefixes;
  std::string next;  ///< continuation, empty at the end
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Fills at most all of `into`; 0 at the end.
  virtual Result<size_t> Read(const Context& context, std::span<std::byte> into) = 0;
};

struct ObjectRange {
  int64_t offset = 0;
  std::optional<int64_t> length;
};

class ObjectsFacet {
 public:
  virtual ~ObjectsFacet() = default;
  virtual Result<ObjectPage> ListObjects(const Context& context, std::string_view prefix,
                                         std::string_view delimiter, int64_t limit,
                                         std::string_view continuation) = 0;
  virtual Result<ObjectInfo> Stat(const Context& context, std::string_view key) = 0;
  virtual Result<std::unique_ptr<ByteStream>> Get(const Context& context, std::string_view key,
                                                  ObjectRange range) = 0;
  /// Streams; multipart when large. `size` if the sender said it.
  virtual Result<ObjectInfo> Put(const Context& context, std::string_view key, ByteStream& content,
                                 std::optional<int64_t> size, std::string_view content_type) = 0;
  virtual Status Delete(const Context& context, std::string_view key) = 0;
  /// A URL that lets its bearer GET or PUT the key for a while.
  virtual Result<std::string> Presign(const Context& context, std::string_view method,
                                      std::string_view key, std::chrono::seconds expires) = 0;
};

/// What this login may do, against what the spec says it needs.
struct PrivilegeReport {
  std::string user;
  std::vector<std::string> granted;
  std::vector<std::string> missing;
  json::object facts;
};

class PrivilegesFacet {
 public:
  virtual ~PrivilegesFacet() = default;
  virtual Result<PrivilegeReport> CheckPrivileges(const Context& context) = 0;
};

class ExplainFacet {
 public:
  virtual ~ExplainFacet() = default;
  /// {"plan": {"node", "rows", "cost", "children": […], …}, "native": the system's own answer}.
  virtual Result<json::object> Explain(const Context& context, const Statement& statement) = 0;
};

/// Where a topic is read from.
enum class StreamStart {
  kEarliest,   ///< the oldest message that is kept
  kLatest,     ///< only what comes from now on
  kOffset,     ///< the position that is given, in every partition
  kTimestamp,  ///< the first message of that time or later
  kCommitted,  ///< where the group has committed; the oldest message where it has not
};

/// How the bytes of messages become columns.
enum class MessageFormat {
  kAuto,   ///< text when the first messages are UTF-8, else bytes
  kText,   ///< UTF-8; another message is an error that names it
  kBytes,  ///< as they are
  kJson,   ///< text that is checked to be JSON; another message is an error that names it
  kAvro,   ///< Avro behind the id of a schema that the connection's schema registry knows
};

/// Where a message lies in its partition: a number where the system counts (an offset of Kafka),
/// else the system's own text (a sequence number of Kinesis, a message id of Pulsar).
struct StreamPosition {
  StreamPosition() = default;
  StreamPosition(int64_t counted) : number(counted) {}
  StreamPosition(std::string own_text) : text(std::move(own_text)) {}
  /// Digits that fit are a number, all else is text.
  static StreamPosition Parse(std::string_view written);
  bool counted() const { return text.empty(); }
  std::string ToString() const { return counted() ? std::to_string(number) : text; }
  bool operator==(const StreamPosition&) const = default;

  int64_t number = 0;
  std::string text;  ///< empty where the system counts
};

struct ConsumeRequest {
  std::string topic;
  std::vector<int32_t> partitions;  ///< empty: all
  StreamStart from = StreamStart::kEarliest;
  StreamPosition position;   ///< of kOffset
  int64_t timestamp_ms = 0;  ///< of kTimestamp, since the epoch
  std::string group;         ///< of kCommitted
  std::optional<int64_t> limit;
  std::chrono::milliseconds wait{0};  ///< how long to wait for more after the last message
  bool follow = false;                ///< never ends by itself
  MessageFormat format = MessageFormat::kAuto;
};

/// Messages of one partition: first to last when written, the next one to read when committed.
struct PartitionOffset {
  int32_t partition = 0;
  StreamPosition offset;
  int64_t count = 0;  ///< of written messages
};

struct ProduceReport {
  int64_t count = 0;
  std::vector<PartitionOffset> partitions;  ///< with the offset of the last message of each
};

struct Lag {
  int32_t partition = 0;
  StreamPosition first;                     ///< the oldest offset that is kept
  StreamPosition end;                       ///< the offset that the next message will have
  std::optional<StreamPosition> committed;  ///< by the group
  std::optional<int64_t> lag;               ///< messages between committed (or first) and end
  std::optional<int64_t> lag_ms;            ///< their age, where only that is known
};

/// stream.invalid_offset unless every position is a number: for systems that count.
Status CheckCounted(const ConsumeRequest& request);
Status CheckCounted(const std::vector<PartitionOffset>& offsets);

/// Message systems. Reading commits nothing: Commit is a call of its own.
class StreamFacet {
 public:
  virtual ~StreamFacet() = default;
  /// Writes messages and waits until the system has taken all of them. Columns of `messages`, of
  /// which any may be missing: key (binary), value (binary; NULL deletes in compacted topics),
  /// headers (map of string to binary), partition (int32), timestamp (ms, UTC).
  virtual Result<ProduceReport> Produce(const Context& context, std::string_view topic,
                                        BatchStream& messages) = 0;
  /// Rows of topic, partition (int32), offset (int64, or text where positions are), timestamp (ms,
  /// UTC), key, headers (map of string to binary) and value. A batch without rows says only that
  /// nothing came for a while.
  virtual Result<std::unique_ptr<BatchStream>> Consume(const Context& context,
                                                       const ConsumeRequest& request) = 0;
  virtual Status Commit(const Context& context, std::string_view group, std::string_view topic,
                        const std::vector<PartitionOffset>& next) = 0;
  virtual Result<std::vector<Lag>> GetLag(const Context& context, std::string_view topic,
                                          std::string_view group) = 0;
};

}  // namespace nstarx::connector
