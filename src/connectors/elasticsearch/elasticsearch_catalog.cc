#include "connectors/elasticsearch/elasticsearch_catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "connectors/elasticsearch/elasticsearch_errors.h"
#include "connectors/elasticsearch/elasticsearch_mappings.h"

namespace nstarx::connectors::elasticsearch {
namespace {

const json::array& ArrayOf(const json::object& object, std::string_view key) {
  static const json::array kEmpty;
  const auto* found = object.if_contains(key);
  return found && found->is_array() ? found->get_array() : kEmpty;
}

const json::object& ObjectOf(const json::object& object, std::string_view key) {
  static const json::object kEmpty;
  const auto* found = object.if_contains(key);
  return found && found->is_object() ? found->get_object() : kEmpty;
}

std::optional<int64_t> CountOf(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string> NamesOf(const json::array& names) {
  std::vector<std::string> out;
  for (const auto& name : names) {
    if (name.is_string()) out.emplace_back(name.get_string());
  }
  return out;
}

std::string Joined(const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    out += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kShown) out += fmt::format(" and {} more", names.size() - kShown);
  return out;
}

connector::Node IndexNode(const json::object& row) {
  const std::string name(GetString(row, "index"));
  connector::Node node{.name = name, .path = name, .kind = "table"};
  const std::string_view status = GetString(row, "status", "open");
  if (status != "open") node.comment = fmt::format("index, {}", status);
  node.row_estimate = CountOf(GetString(row, "docs.count"));
  node.size_bytes = CountOf(GetString(row, "store.size"));
  return node;
}

Result<std::vector<connector::Node>> IndicesOf(const Context& context, Client& client,
                                               std::string_view pattern) {
  NSTARX_TRY(
      const json::value reply,
      client.Ask(
          context, "GET", "/_cat/indices" + IndexPath(pattern),
          {{"format", "json"}, {"bytes", "b"}, {"h", "index,status,docs.count,store.size"}}));
  std::vector<connector::Node> out;
  if (!reply.is_array()) return out;
  for (const auto& row : reply.get_array()) {
    if (row.is_object()) out.push_back(IndexNode(row.get_object()));
  }
  return out;
}

void AddNamed(const json::array& rows, std::string_view kind, std::string_view members,
              std::vector<connector::Node>& out) {
  for (const auto& row : rows) {
    if (!row.is_object()) continue;
    const std::string name(GetString(row.get_object(), "name"));
    if (name.starts_with('.')) continue;
    out.push_back({.name = name,
                   .path = name,
                   .kind = std::string(kind),
                   .has_children = true,
                   .comment = "of " + Joined(NamesOf(ArrayOf(row.get_object(), members)))});
  }
}

}  // namespace

Result<std::vector<connector::Node>> ListIndices(const Context& context, Client& client,
                                                 std::string_view path, int64_t limit) {
  std::vector<connector::Node> out;
  if (path.empty()) {
    NSTARX_TRY(out, IndicesOf(context, client, "*"));
    std::erase_if(out, [](const connector::Node& node) { return node.name.starts_with('.'); });
    NSTARX_TRY(const json::value named, client.Ask(context, "GET", "/_resolve/index/*"));
    if (const auto* found = named.if_object()) {
      AddNamed(ArrayOf(*found, "aliases"), "alias", "indices", out);
      AddNamed(ArrayOf(*found, "data_streams"), "data_stream", "backing_indices", out);
    }
  } else {
    NSTARX_RETURN_IF_ERROR(CheckIndex(path));
    NSTARX_TRY(out, IndicesOf(context, client, path));
    std::erase_if(out, [&](const connector::Node& node) { return node.name == path; });
  }
  std::ranges::sort(out, {}, &connector::Node::name);
  if (static_cast<int64_t>(out.size()) > limit) out.resize(static_cast<size_t>(limit));
  return out;
}

Result<connector::Description> DescribeIndex(const Context& context, Client& client,
                                             std::string_view path) {
  NSTARX_RETURN_IF_ERROR(CheckIndex(path));
  NSTARX_TRY(const json::value reply, client.Ask(context, "GET", IndexPath(path)));
  const auto* indices = reply.if_object();
  if (indices == nullptr || indices->empty()) {
    return Failed(ErrorKind::kNotFound, "query.undefined_table",
                  fmt::format("There is no index '{}'", path));
  }
  connector::Description out;
  out.path = path;
  const bool alone = indices->size() == 1 && indices->begin()->key() == path;
  out.kind = alone ? "table" : "alias";
  std::vector<std::string> names;
  std::vector<std::string> aliases;
  for (const auto& [name, value] : *indices) {
    names.emplace_back(name);
    if (!value.is_object()) continue;
    const json::object& index = value.get_object();
    if (index.contains("data_stream") && !alone) out.kind = "data_stream";
    for (const auto& alias : ObjectOf(index, "aliases")) aliases.emplace_back(alias.key());
  }
  if (alone) {
    const json::object& settings =
        ObjectOf(ObjectOf(indices->begin()->value().get_object(), "settings"), "index");
    out.comment = fmt::format("{} shards, {} replicas", GetString(settings, "number_of_shards"),
                              GetString(settings, "number_of_replicas"));
    if (!aliases.empty()) out.comment += ", alias " + Joined(aliases);
  } else {
    out.comment = "of " + Joined(names);
    out.partitions = names;
  }
  out.columns.push_back(
      {.name = "_id", .native_type = "_id", .nullable = false, .primary_key = true});
  for (const auto& field : ReadMappings(reply).fields) {
    out.columns.push_back({.name = field.name, .native_type = field.native_type});
  }
  out.keys.push_back({.name = "_id", .kind = "primary", .columns = {"_id"}, .references = {}});
  NSTARX_TRY(const auto nodes, IndicesOf(context, client, path));
  for (const auto& node : nodes) {
    out.row_estimate = out.row_estimate.value_or(0) + node.row_estimate.value_or(0);
    out.size_bytes = out.size_bytes.value_or(0) + node.size_bytes.value_or(0);
  }
  return out;
}

}  // namespace nstarx::connectors::elasticsearch
