#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/json.h"
#include "base/status.h"
#include "connector/facets.h"

namespace nstarx::connector {

struct DatasetOwner {
  std::string name;
  std::string kind;  ///< user, group, role
};

/// What a catalog knows of one table, view, topic or file set; the data itself is elsewhere.
struct Dataset {
  std::string path;  ///< `database.table`, quoted where needed; what every call takes
  std::string name;
  std::string kind;  ///< table, external_table, view, materialized_view, …
  std::string comment;
  std::vector<Column> columns;  ///< without the partition columns
  std::vector<Column> partition_columns;
  std::vector<DatasetOwner> owners;
  std::vector<std::string> tags;
  json::object properties;  ///< of the system, text by text
  std::string location;
  std::string format;      ///< parquet, orc, avro, csv, json, iceberg, …; empty: not known
  std::string definition;  ///< of a view
  std::optional<TimePoint> created;
  std::optional<TimePoint> modified;
  std::optional<int64_t> row_estimate;
  std::optional<int64_t> size_bytes;
};

struct DatasetFilter {
  std::string path;  ///< only inside of this database or namespace; empty: everywhere
  std::string text;  ///< in the path or the comment, whatever the case; empty: all
  int64_t limit = 100;
  std::string continuation;
};

/// Datasets in short: path, name, kind, comment.
struct DatasetPage {
  std::vector<Dataset> items;
  std::string next;  ///< continuation, empty at the end
};

/// Members that are absent stay as they are; a dataset that is not there is made and needs columns.
struct DatasetChange {
  std::optional<std::string> comment;
  std::optional<std::vector<Column>> columns;  ///< name, native_type, comment
  std::optional<std::vector<Column>> partition_columns;
  std::optional<std::string> owner;
  std::optional<std::vector<std::string>> tags;
  json::object properties;  ///< null removes one
  std::optional<std::string> location;
  std::optional<std::string> format;
};

struct DatasetPartition {
  std::vector<std::string> values;  ///< in the order of partition_columns
  std::string location;
  json::object properties;
  std::optional<TimePoint> created;
};

struct PartitionPage {
  std::vector<DatasetPartition> items;
  std::string next;
};

enum class LineageDirection { kUpstream, kDownstream };

/// `from` is read to make `to`.
struct LineageEdge {
  std::string from;
  std::string to;
  std::string process;  ///< what makes it: a job, a query; may be empty
};

/// Catalogs. Nothing of it reads data.
class MetadataFacet {
 public:
  virtual ~MetadataFacet() = default;
  virtual Result<DatasetPage> FindDatasets(const Context& context, const DatasetFilter& filter) = 0;
  /// query.undefined_table when it is not there.
  virtual Result<Dataset> GetDataset(const Context& context, std::string_view path) = 0;
  virtual Result<PartitionPage> ListPartitions(const Context& context, std::string_view path,
                                               int64_t limit, std::string_view continuation) = 0;
  /// Makes or changes a dataset and returns it as the system has it now.
  virtual Result<Dataset> PutDataset(const Context& context, std::string_view path,
                                     const DatasetChange& change) = 0;
  /// Removes what the catalog knows; data that the catalog does not manage stays.
  virtual Status DeleteDataset(const Context& context, std::string_view path) = 0;
  /// The edges next to a dataset.
  virtual Result<std::vector<LineageEdge>> GetLineage(const Context& context, std::string_view path,
                                                      LineageDirection direction) = 0;
  /// Replaces the upstream edges of `path`; none removes them.
  virtual Status PutLineage(const Context& context, std::string_view path,
                            const std::vector<LineageEdge>& upstream) = 0;
};

json::object ToJson(const Dataset& dataset);
json::object ToJson(const DatasetPartition& partition);
/// As describe shows it: partition columns come last.
Description Describe(const Dataset& dataset);

}  // namespace nstarx::connector
