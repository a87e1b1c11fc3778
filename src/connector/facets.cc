#include "connector/facets.h"

#include <fmt/format.h>

#include <charconv>
#include <memory>

namespace nstarx::connector {
namespace {

Status CheckCounted(const StreamPosition& position) {
  if (position.counted()) return {};
  return InvalidArgument("request.invalid_parameter",
                         fmt::format("an offset can't be '{}'", position.text.substr(0, 100)))
      .WithStage("query")
      .WithDetail("parameter", "offset")
      .WithHint("Offsets of this system are whole numbers.");
}

json::array Strings(const std::vector<std::string>& values) {
  return json::array(values.begin(), values.end());
}

void PutIfAny(json::object* out, std::string_view key, const std::string& text) {
  if (!text.empty()) (*out)[key] = text;
}

}  // namespace

StreamPosition StreamPosition::Parse(std::string_view written) {
  int64_t number = 0;
  const char* end = std::to_address(written.end());
  const auto [at, error] = std::from_chars(std::to_address(written.begin()), end, number);
  if (error == std::errc() && at == end) return number;
  return std::string(written);
}

Status CheckCounted(const ConsumeRequest& request) { return CheckCounted(request.position); }

Status CheckCounted(const std::vector<PartitionOffset>& offsets) {
  for (const PartitionOffset& row : offsets) NSTARX_RETURN_IF_ERROR(CheckCounted(row.offset));
  return {};
}

json::object ToJson(const Node& node) {
  json::object out;
  out["name"] = node.name;
  out["path"] = node.path;
  out["kind"] = node.kind;
  out["has_children"] = node.has_children;
  PutIfAny(&out, "comment", node.comment);
  if (node.row_estimate) out["row_estimate"] = *node.row_estimate;
  if (node.size_bytes) out["size_bytes"] = *node.size_bytes;
  return out;
}

json::object ToJson(const Description& description) {
  json::object out;
  out["path"] = description.path;
  out["kind"] = description.kind;
  PutIfAny(&out, "comment", description.comment);
  json::array columns;
  for (const auto& column : description.columns) {
    json::object row;
    row["name"] = column.name;
    row["native_type"] = column.native_type;
    row["arrow_type"] = column.arrow_type;
    row["nullable"] = column.nullable;
    row["primary_key"] = column.primary_key;
    PutIfAny(&row, "default", column.default_value);
    PutIfAny(&row, "comment", column.comment);
    columns.push_back(std::move(row));
  }
  out["columns"] = std::move(columns);
  json::array keys;
  for (const auto& key : description.keys) {
    json::object row;
    row["name"] = key.name;
    row["kind"] = key.kind;
    row["columns"] = Strings(key.columns);
    PutIfAny(&row, "references", key.references);
    keys.push_back(std::move(row));
  }
  out["keys"] = std::move(keys);
  json::array indexes;
  for (const auto& index : description.indexes) {
    json::object row;
    row["name"] = index.name;
    row["columns"] = Strings(index.columns);
    row["unique"] = index.unique;
    PutIfAny(&row, "definition", index.definition);
    indexes.push_back(std::move(row));
  }
  out["indexes"] = std::move(indexes);
  out["partitions"] = Strings(description.partitions);
  if (description.row_estimate) out["row_estimate"] = *description.row_estimate;
  if (description.size_bytes) out["size_bytes"] = *description.size_bytes;
  return out;
}

}  // namespace nstarx::connector
