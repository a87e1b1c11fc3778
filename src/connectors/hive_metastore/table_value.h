#pragma once

#include <string_view>

#include "base/status.h"
#include "connector/metadata.h"
#include "connectors/catalogs/dataset_notes.h"
#include "connectors/hive_metastore/thrift_value.h"

namespace nstarx::connectors::hive_metastore {

/// A Table struct of the metastore as a dataset.
connector::Dataset ReadTable(const ThriftValue& table);

/// The parameters of a Table or Partition, which have them under `field`.
catalogs::Properties ReadParameters(const ThriftValue& owner, int16_t field);
void WriteParameters(ThriftValue& owner, int16_t field, const catalogs::Properties& properties);
inline constexpr int16_t kTableParameters = 9;

/// A Partition struct.
connector::DatasetPartition ReadPartition(const ThriftValue& partition);

/// A new external Table struct. metadata.needs_columns when the change has none.
Result<ThriftValue> NewTable(std::string_view database, std::string_view name,
                             const connector::DatasetChange& change);

/// Lays the change over a Table struct that the metastore gave; what it does not name stays.
/// metadata.change_refused for other partition columns.
Status ChangeTable(ThriftValue& table, const connector::DatasetChange& change);

}  // namespace nstarx::connectors::hive_metastore
