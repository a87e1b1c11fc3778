#pragma once

#include <string_view>

#include "base/json.h"
#include "connector/metadata.h"
#include "connectors/catalogs/dataset_notes.h"

namespace nstarx::connectors::glue {

/// A Table of Glue as a dataset; anything may be missing or of another type.
connector::Dataset ReadTable(const json::object& table);
connector::DatasetPartition ReadPartition(const json::object& partition);

catalogs::Properties ReadParameters(const json::object& owner);
json::object WriteParameters(const catalogs::Properties& properties);

/// What UpdateTable takes of a Table: without what the service itself keeps.
json::object InputOf(const json::object& table);

/// TableInput of a new external table. metadata.needs_columns.
Result<json::object> NewTable(std::string_view name, const connector::DatasetChange& change);

/// Lays the change over a TableInput; what it does not name stays.
void ChangeTable(json::object& input, const connector::DatasetChange& change);

}  // namespace nstarx::connectors::glue
