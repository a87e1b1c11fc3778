#include "connector/metadata.h"

namespace nstarx::connector {
namespace {

void PutIfAny(json::object& out, std::string_view key, const std::string& text) {
  if (!text.empty()) out[key] = text;
}

json::array Columns(const std::vector<Column>& columns) {
  json::array out;
  for (const Column& column : columns) {
    json::object row{{"name", column.name},
                     {"native_type", column.native_type},
                     {"arrow_type", column.arrow_type},
                     {"nullable", column.nullable}};
    PutIfAny(row, "comment", column.comment);
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

json::object ToJson(const Dataset& dataset) {
  json::object out{{"path", dataset.path}, {"name", dataset.name}, {"kind", dataset.kind}};
  PutIfAny(out, "comment", dataset.comment);
  out["columns"] = Columns(dataset.columns);
  out["partition_columns"] = Columns(dataset.partition_columns);
  json::array owners;
  for (const DatasetOwner& owner : dataset.owners) {
    owners.push_back({{"name", owner.name}, {"kind", owner.kind}});
  }
  out["owners"] = std::move(owners);
  out["tags"] = json::array(dataset.tags.begin(), dataset.tags.end());
  out["properties"] = dataset.properties;
  PutIfAny(out, "location", dataset.location);
  PutIfAny(out, "format", dataset.format);
  PutIfAny(out, "definition", dataset.definition);
  if (dataset.created) out["created"] = FormatTime(*dataset.created);
  if (dataset.modified) out["modified"] = FormatTime(*dataset.modified);
  if (dataset.row_estimate) out["row_estimate"] = *dataset.row_estimate;
  if (dataset.size_bytes) out["size_bytes"] = *dataset.size_bytes;
  return out;
}

json::object ToJson(const DatasetPartition& partition) {
  json::object out;
  out["values"] = json::array(partition.values.begin(), partition.values.end());
  PutIfAny(out, "location", partition.location);
  out["properties"] = partition.properties;
  if (partition.created) out["created"] = FormatTime(*partition.created);
  return out;
}

Description Describe(const Dataset& dataset) {
  Description out{.path = dataset.path,
                  .kind = dataset.kind,
                  .comment = dataset.comment,
                  .columns = dataset.columns,
                  .row_estimate = dataset.row_estimate,
                  .size_bytes = dataset.size_bytes};
  for (const Column& column : dataset.partition_columns) {
    out.columns.push_back(column);
    out.partitions.push_back(column.name);
  }
  return out;
}

}  // namespace nstarx::connector
