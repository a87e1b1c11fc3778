#include "connectors/catalogs/dataset_notes.h"

#include <fmt/format.h>

#include <algorithm>

namespace nstarx::connectors::catalogs {
namespace {

json::array ArrayOf(const Properties& properties, std::string_view name) {
  const auto found = properties.find(name);
  if (found == properties.end()) return {};
  auto parsed = ParseJson(found->second);
  return parsed && parsed->is_array() ? std::move(parsed->get_array()) : json::array();
}

void SetArray(Properties& properties, std::string_view name, const json::array& value) {
  if (value.empty()) {
    properties.erase(std::string(name));
  } else {
    properties[std::string(name)] = json::serialize(value);
  }
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string Quoted(std::string_view part) {
  if (!part.empty() && part.find_first_of(".\"") == part.npos) return std::string(part);
  std::string out = "\"";
  for (const char c : part) {
    if (c == '"') out += c;
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::vector<std::string> TagsOf(const Properties& properties) {
  std::vector<std::string> out;
  for (const json::value& item : ArrayOf(properties, kTagsProperty)) {
    if (item.is_string()) out.emplace_back(item.get_string());
  }
  return out;
}

void SetTags(Properties& properties, const std::vector<std::string>& tags) {
  SetArray(properties, kTagsProperty, json::array(tags.begin(), tags.end()));
}

std::vector<connector::LineageEdge> UpstreamOf(std::string_view path,
                                               const Properties& properties) {
  std::vector<connector::LineageEdge> out;
  for (const json::value& item : ArrayOf(properties, kUpstreamProperty)) {
    if (!item.is_object()) continue;
    const std::string_view from = GetString(item.get_object(), "from");
    if (from.empty()) continue;
    out.push_back({.from = std::string(from),
                   .to = std::string(path),
                   .process = std::string(GetString(item.get_object(), "process"))});
  }
  return out;
}

void SetUpstream(Properties& properties, const std::vector<connector::LineageEdge>& upstream) {
  json::array rows;
  for (const connector::LineageEdge& edge : upstream) {
    json::object row{{"from", edge.from}};
    if (!edge.process.empty()) row["process"] = edge.process;
    rows.push_back(std::move(row));
  }
  SetArray(properties, kUpstreamProperty, rows);
}

void Apply(const connector::DatasetChange& change, Properties& properties) {
  for (const auto& [name, value] : change.properties) {
    if (value.is_string()) {
      properties[std::string(name)] = std::string(value.get_string());
    } else {
      properties.erase(std::string(name));
    }
  }
  if (change.tags) SetTags(properties, *change.tags);
}

std::vector<std::string> SplitPath(std::string_view path) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '"' && quoted && i + 1 < path.size() && path[i + 1] == '"') {
      parts.back() += c;
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (path.empty()) parts.clear();
  return parts;
}

std::string JoinPath(std::string_view database, std::string_view name) {
  return Quoted(database) + "." + Quoted(name);
}

bool Matches(const connector::DatasetFilter& filter, const connector::Dataset& dataset) {
  if (filter.text.empty()) return true;
  const std::string text = Lower(filter.text);
  return Lower(dataset.path).find(text) != std::string::npos ||
         Lower(dataset.comment).find(text) != std::string::npos;
}

Error UndefinedTable(std::string_view path) {
  return NotFound("query.undefined_table",
                  fmt::format("the catalog has no '{}'", path.substr(0, 200)))
      .WithStage("query")
      .WithDetail("path", path.substr(0, 512));
}

Error UndefinedDatabase(std::string_view path) {
  return NotFound("metadata.undefined_database",
                  fmt::format("the catalog has no database '{}'", path.substr(0, 200)))
      .WithStage("query")
      .WithDetail("path", path.substr(0, 512));
}

Error ReadOnly() {
  return Error(ErrorKind::kPermissionDenied, "query.read_only",
               "this connection is read-only: the catalog is not changed")
      .WithStage("query")
      .WithAction(Action::kAskOperator);
}

Result<connector::DatasetPage> PageOver(
    std::vector<std::string> databases, const connector::DatasetFilter& filter,
    const std::function<Result<std::vector<connector::Dataset>>(const std::string&)>& tables) {
  connector::DatasetPage page;
  std::ranges::sort(databases);
  const std::vector<std::string> after = SplitPath(filter.continuation);
  const auto limit = static_cast<size_t>(std::max<int64_t>(filter.limit, 1));
  for (const std::string& database : databases) {
    if (!after.empty() && database < after[0]) continue;
    NSTARX_TRY(std::vector<connector::Dataset> found, tables(database));
    std::ranges::sort(found, {}, &connector::Dataset::name);
    for (connector::Dataset& dataset : found) {
      if (after.size() > 1 && database == after[0] && dataset.name <= after[1]) continue;
      if (!Matches(filter, dataset)) continue;
      if (page.items.size() == limit) {
        page.next = page.items.back().path;
        return page;
      }
      page.items.push_back(std::move(dataset));
    }
  }
  return page;
}

}  // namespace nstarx::connectors::catalogs
