#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "connector/facets.h"
#include "connectors/redis/redis_client.h"
#include "connectors/redis/redis_statement.h"

namespace nstarx::connectors::redis {

enum class ColumnSource { kKey, kType, kTtl, kField, kValue, kDrift };

struct TableColumn {
  std::string name;
  ColumnSource source = ColumnSource::kField;
  ColumnType type = ColumnType::kText;
  std::string field;  ///< of a hash, for kField
};

/// The keys of a pattern one by one: SCAN, a page at a time; all at once and sorted when asked for.
class KeyScan {
 public:
  KeyScan(Client& client, TableScan scan) : client_(client), scan_(std::move(scan)) {}
  /// Reads on until `wanted` keys wait or there are no more.
  Status Gather(const Context& context, size_t wanted);
  std::deque<std::string>& waiting() { return waiting_; }
  bool at_end() const { return at_end_; }
  const TableScan& scan() const { return scan_; }

 private:
  Status Lookup(const Context& context, std::string key);
  Client& client_;
  TableScan scan_;
  std::string cursor_ = "0";
  bool at_end_ = false;
  std::deque<std::string> waiting_;
};

/// What one key holds.
struct KeyValue {
  std::string key;
  std::string type;
  int64_t ttl_ms = -1;  ///< negative: none
  Reply value;          ///< null of types that we can't read
};

/// What of keys is asked for besides their values.
struct KeyFacts {
  bool types = true;  ///< else all are hashes
  bool ttls = true;
};

/// Types, times to live and values, pipelined. Keys that are gone are left out.
Result<std::vector<KeyValue>> FetchKeys(const Context& context, Client& client,
                                        const std::vector<std::string>& keys, KeyFacts facts);

/// The columns that the samples suggest; or FIELDS. key; type and value when not all are hashes;
/// ttl_ms when one has a time to live; the fields; _drift for what fits none of them, unless the
/// samples are all there is (`complete`) and fit.
std::vector<TableColumn> InferColumns(const TableScan& scan, const std::vector<KeyValue>& samples,
                                      bool complete);

/// Starts the scan; `columns` tells what was inferred. query.undefined_table without any key,
/// unless every field has a type.
Result<std::unique_ptr<connector::BatchStream>> ScanTable(const Context& context, Client& client,
                                                          const TableScan& scan,
                                                          std::vector<TableColumn>* columns);

}  // namespace nstarx::connectors::redis
