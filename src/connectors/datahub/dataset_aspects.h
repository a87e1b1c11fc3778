#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "connector/metadata.h"

namespace nstarx::connectors::datahub {

/// What names a dataset.
struct DatasetName {
  std::string platform;  ///< without urn:li:dataPlatform:
  std::string name;
  std::string environment = "PROD";

  std::string Urn() const;
  /// `platform."name"`; with the environment as third part when it is not PROD.
  std::string Path() const;
};

/// Reads a path, or a dataset's URN; query.undefined_table for anything else.
Result<DatasetName> ReadPath(std::string_view path);
/// Nothing when the text is no URN of a dataset.
std::optional<DatasetName> ReadUrn(std::string_view urn);
std::string PlatformUrn(std::string_view platform);

/// Aspects of an entity by name, as DataHub has them.
using Aspects = std::map<std::string, json::object, std::less<>>;

/// The aspects that a dataset is made of here.
inline constexpr std::string_view kAspects[] = {"datasetProperties", "editableDatasetProperties",
                                                "schemaMetadata",    "editableSchemaMetadata",
                                                "ownership",         "globalTags",
                                                "glossaryTerms",     "domains",
                                                "subTypes",          "viewProperties",
                                                "upstreamLineage",   "status"};

/// Of an answer of GET /entitiesV2.
Aspects ReadAspects(const json::object& entity);
/// Whether there is more than its name, and it is not removed.
bool IsThere(const Aspects& aspects);
connector::Dataset ReadDataset(const DatasetName& name, const Aspects& aspects);

/// The aspects that change, whole. Errors: metadata.needs_columns, metadata.change_refused.
Result<Aspects> WriteAspects(const DatasetName& name, const Aspects& now,
                             const connector::DatasetChange& change, TimePoint at);

std::vector<connector::LineageEdge> ReadUpstream(const DatasetName& name, const Aspects& aspects);
/// Edges may come from a path, a dataset's URN, or a place outside (`kafka://events/orders`).
Result<json::object> WriteUpstream(const std::vector<connector::LineageEdge>& upstream,
                                   TimePoint at);

}  // namespace nstarx::connectors::datahub
