#include "connectors/datahub/datahub_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/percent.h"
#include "connectors/catalogs/dataset_notes.h"

namespace nstarx::connectors::datahub {
namespace {

using connector::Dataset;

/// What one search of ours goes through before it answers with what it has.
constexpr int64_t kSearchedMax = 20'000;
constexpr int64_t kPageMax = 500;
constexpr int64_t kDownstreamMax = 1000;

constexpr std::string_view kMe = "query nstarxMe { me { corpUser { urn } } }";

constexpr std::string_view kScroll = R"(
query nstarxScroll($input: ScrollAcrossEntitiesInput!) {
  scrollAcrossEntities(input: $input) {
    nextScrollId
    searchResults { entity { urn ... on Dataset {
      properties { name description }
      editableProperties { description }
      subTypes { typeNames }
    } } }
  }
})";

constexpr std::string_view kPlatforms = R"(
query nstarxPlatforms($input: AggregateAcrossEntitiesInput!) {
  aggregateAcrossEntities(input: $input) { facets { field aggregations { value count } } }
})";

constexpr std::string_view kLineage = R"(
query nstarxLineage($input: SearchAcrossLineageInput!) {
  searchAcrossLineage(input: $input) { total searchResults { degree entity { urn } } }
})";

const json::object& ObjectAt(const json::object& object, std::string_view key) {
  static const json::object kNone;
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_object() ? found->get_object() : kNone;
}

const json::array& ArrayAt(const json::object& object, std::string_view key) {
  static const json::array kNone;
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_array() ? found->get_array() : kNone;
}

/// What a search shows of a dataset; an empty path when it is none.
Dataset ReadHit(const json::value& hit) {
  if (!hit.is_object()) return {};
  const json::object& entity = ObjectAt(hit.get_object(), "entity");
  const auto name = ReadUrn(GetString(entity, "urn"));
  if (!name) return {};
  const json::object& properties = ObjectAt(entity, "properties");
  Aspects aspects;
  aspects["datasetProperties"] = {{"name", GetString(properties, "name", name->name)},
                                  {"description", GetString(properties, "description")}};
  aspects["editableDatasetProperties"] = ObjectAt(entity, "editableProperties");
  aspects["subTypes"] = ObjectAt(entity, "subTypes");
  Dataset whole = ReadDataset(*name, aspects);
  return {.path = std::move(whole.path),
          .name = std::move(whole.name),
          .kind = std::move(whole.kind),
          .comment = std::move(whole.comment)};
}

std::optional<int64_t> Number(std::string_view part) {
  const std::string text(part);
  int64_t out = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, out);
  if (text.empty() || error != std::errc() || end != last || out < 0) return std::nullopt;
  return out;
}

/// "12:500:opaque": where a search goes on: how many of that page of so many were taken already.
struct Position {
  int64_t taken = 0;
  int64_t count = 0;
  std::string scroll_id;

  static Position Read(std::string_view text) {
    Position out;
    const size_t first = text.find(':');
    const size_t second = first == text.npos ? first : text.find(':', first + 1);
    if (second == text.npos) return out;
    const auto taken = Number(text.substr(0, first));
    const auto count = Number(text.substr(first + 1, second - first - 1));
    if (!taken || !count || *count < 1 || *count > kPageMax) return out;
    out = {.taken = *taken, .count = *count, .scroll_id = std::string(text.substr(second + 1))};
    return out;
  }
  std::string Write() const { return fmt::format("{}:{}:{}", taken, count, scroll_id); }
};

}  // namespace

Status DatahubSession::Ping(const Context& context) {
  const auto answer = client_->Graphql(context, kMe, {});
  if (!answer) return answer.error();
  if (const std::string_view urn = GetString(ObjectAt(ObjectAt(*answer, "me"), "corpUser"), "urn");
      !urn.empty()) {
    facts_["user"] = urn;
  }
  return {};
}

void DatahubSession::LearnFacts(const Context& context) {
  const auto answer = client_->Call(context, "GET", "/config");
  if (!answer) return;
  for (const auto& [product, about] : ObjectAt(*answer, "versions")) {
    if (!about.is_object()) continue;
    facts_["server_version"] = GetString(about.get_object(), "version");
  }
}

Result<DatahubSession::Scrolled> DatahubSession::Scroll(const Context& context,
                                                        std::string_view platform,
                                                        std::string_view scroll_id, int64_t count) {
  const json::object by_urn{{"field", "urn"}, {"sortOrder", "ASCENDING"}};
  json::object input{{"types", json::array{"DATASET"}},
                     {"query", "*"},
                     {"count", count},
                     {"keepAlive", "5m"},
                     {"sortInput", json::object{{"sortCriterion", by_urn}}},
                     {"searchFlags", json::object{{"skipAggregates", true}, {"skipCache", true}}}};
  if (!scroll_id.empty()) input["scrollId"] = scroll_id;
  if (!platform.empty()) {
    json::array criteria;
    criteria.push_back(json::object{{"field", "platform"},
                                    {"condition", "EQUAL"},
                                    {"values", json::array{PlatformUrn(platform)}}});
    json::array filters;
    filters.push_back(json::object{{"and", std::move(criteria)}});
    input["orFilters"] = std::move(filters);
  }
  NSTARX_TRY(const json::object answer,
             client_->Graphql(context, kScroll, json::object{{"input", std::move(input)}}));
  const json::object& found = ObjectAt(answer, "scrollAcrossEntities");
  Scrolled out;
  for (const json::value& hit : ArrayAt(found, "searchResults")) {
    out.items.push_back(ReadHit(hit));
  }
  // A service that says the same again would never end.
  if (const std::string_view next = GetString(found, "nextScrollId"); next != scroll_id) {
    out.next = next;
  }
  if (out.items.empty()) out.next.clear();
  return out;
}

Result<std::vector<std::string>> DatahubSession::Platforms(const Context& context) {
  json::object input{{"types", json::array{"DATASET"}},
                     {"query", "*"},
                     {"facets", json::array{"platform"}},
                     {"searchFlags", json::object{{"maxAggValues", 1000}, {"skipCache", true}}}};
  NSTARX_TRY(const json::object answer,
             client_->Graphql(context, kPlatforms, json::object{{"input", std::move(input)}}));
  std::vector<std::string> out;
  const std::string prefix = PlatformUrn("");
  for (const json::value& facet : ArrayAt(ObjectAt(answer, "aggregateAcrossEntities"), "facets")) {
    if (!facet.is_object() || GetString(facet.get_object(), "field") != "platform") continue;
    for (const json::value& row : ArrayAt(facet.get_object(), "aggregations")) {
      if (!row.is_object() || GetInt(row.get_object(), "count", 1) == 0) continue;
      const std::string_view urn = GetString(row.get_object(), "value");
      if (urn.starts_with(prefix)) out.emplace_back(urn.substr(prefix.size()));
    }
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

Result<bool> DatahubSession::HasPlatform(const Context& context, std::string_view platform) {
  NSTARX_TRY(const Aspects aspects, Fetch(context, PlatformUrn(platform)));
  return IsThere(aspects);
}

Result<std::vector<connector::Node>> DatahubSession::List(const Context& context,
                                                          std::string_view path, int64_t limit) {
  std::vector<connector::Node> out;
  const auto full = [&] { return static_cast<int64_t>(out.size()) >= limit; };
  if (path.empty()) {
    NSTARX_TRY(const auto platforms, Platforms(context));
    for (const std::string& name : platforms) {
      if (full()) break;
      out.push_back({.name = name, .path = name, .kind = "platform", .has_children = true});
    }
    return out;
  }
  const std::vector<std::string> parts = catalogs::SplitPath(path);
  if (parts.size() != 1 || ReadUrn(path)) {
    NSTARX_TRY(const DatasetName name, ReadPath(path));
    NSTARX_RETURN_IF_ERROR(FetchDataset(context, name));
    return out;
  }
  std::string scroll_id;
  do {
    const int64_t count = std::min(limit - static_cast<int64_t>(out.size()), kPageMax);
    NSTARX_TRY(Scrolled page, Scroll(context, parts[0], scroll_id, count));
    for (Dataset& dataset : page.items) {
      if (full() || dataset.path.empty()) continue;
      out.push_back({.name = std::move(dataset.name),
                     .path = std::move(dataset.path),
                     .kind = dataset.kind == "external_table" ? "table" : std::move(dataset.kind),
                     .comment = std::move(dataset.comment)});
    }
    scroll_id = page.next;
  } while (!scroll_id.empty() && !full());
  if (out.empty()) {
    NSTARX_TRY(const bool there, HasPlatform(context, parts[0]));
    if (!there) return catalogs::UndefinedTable(path);
  }
  return out;
}

Result<connector::Description> DatahubSession::Describe(const Context& context,
                                                        std::string_view path) {
  NSTARX_TRY(const Dataset dataset, GetDataset(context, path));
  return connector::Describe(dataset);
}

Result<std::unique_ptr<connector::BatchStream>> DatahubSession::Sample(const Context& context,
                                                                       std::string_view path,
                                                                       int64_t limit) {
  return Unimplemented("capability.missing",
                       "a catalog holds no rows: connections of type datahub have no 'sample'")
      .WithDetail("capability", "sample")
      .WithStage("query");
}

Result<connector::DatasetPage> DatahubSession::FindDatasets(
    const Context& context, const connector::DatasetFilter& filter) {
  const int64_t limit = std::max<int64_t>(filter.limit, 1);
  Position at = Position::Read(filter.continuation);
  if (at.count == 0) at.count = filter.text.empty() ? std::min(limit, kPageMax) : kPageMax;
  connector::DatasetPage page;
  for (int64_t searched = 0;;) {
    NSTARX_TRY(Scrolled found, Scroll(context, filter.path, at.scroll_id, at.count));
    searched += std::ssize(found.items);
    for (; at.taken < std::ssize(found.items); ++at.taken) {
      Dataset& dataset = found.items[static_cast<size_t>(at.taken)];
      if (dataset.path.empty() || !catalogs::Matches(filter, dataset)) continue;
      if (static_cast<int64_t>(page.items.size()) == limit) {
        page.next = at.Write();
        return page;
      }
      page.items.push_back(std::move(dataset));
    }
    if (found.next.empty()) break;
    at = {.taken = 0, .count = at.count, .scroll_id = found.next};
    const bool full = static_cast<int64_t>(page.items.size()) == limit;
    if (searched >= kSearchedMax || (full && filter.text.empty())) {
      page.next = at.Write();
      return page;
    }
  }
  if (page.items.empty() && !filter.path.empty() && filter.continuation.empty()) {
    NSTARX_TRY(const bool there, HasPlatform(context, filter.path));
    if (!there) return catalogs::UndefinedDatabase(filter.path);
  }
  return page;
}

Result<Aspects> DatahubSession::Fetch(const Context& context, std::string_view urn) {
  const auto answer = client_->Call(context, "GET", "/entitiesV2/" + PercentEncode(urn));
  if (answer) return ReadAspects(*answer);
  // Nothing is known of it.
  if (answer.error().code() == "query.undefined_table" ||
      answer.error().code() == "config.wrong_path") {
    return Aspects();
  }
  return answer.error();
}

Result<Aspects> DatahubSession::FetchDataset(const Context& context, const DatasetName& name) {
  NSTARX_TRY(Aspects aspects, Fetch(context, name.Urn()));
  if (!IsThere(aspects)) return catalogs::UndefinedTable(name.Path());
  return aspects;
}

Result<Dataset> DatahubSession::GetDataset(const Context& context, std::string_view path) {
  NSTARX_TRY(const DatasetName name, ReadPath(path));
  NSTARX_TRY(const Aspects aspects, FetchDataset(context, name));
  return ReadDataset(name, aspects);
}

Result<connector::PartitionPage> DatahubSession::ListPartitions(const Context& context,
                                                                std::string_view path,
                                                                int64_t limit,
                                                                std::string_view continuation) {
  return Unimplemented("capability.missing",
                       "DataHub knows no partitions: connections of type datahub have none")
      .WithDetail("capability", "partitions")
      .WithStage("query");
}

Result<Dataset> DatahubSession::PutDataset(const Context& context, std::string_view path,
                                           const connector::DatasetChange& change) {
  if (read_only_) return catalogs::ReadOnly();
  NSTARX_TRY(const DatasetName name, ReadPath(path));
  NSTARX_TRY(const Aspects now, Fetch(context, name.Urn()));
  if (!IsThere(now)) {
    NSTARX_TRY(const bool there, HasPlatform(context, name.platform));
    if (!there) return catalogs::UndefinedDatabase(name.platform);
  }
  NSTARX_TRY(const Aspects changed, WriteAspects(name, now, change, clock_.Now()));
  for (const auto& [aspect, value] : changed) {
    NSTARX_RETURN_IF_ERROR(client_->Propose(context, "dataset", name.Urn(), aspect, value));
  }
  return GetDataset(context, name.Urn());
}

Status DatahubSession::DeleteDataset(const Context& context, std::string_view path) {
  if (read_only_) return catalogs::ReadOnly();
  NSTARX_TRY(const DatasetName name, ReadPath(path));
  NSTARX_RETURN_IF_ERROR(FetchDataset(context, name));
  return client_->Propose(context, "dataset", name.Urn(), "status", {{"removed", true}});
}

Result<std::vector<connector::LineageEdge>> DatahubSession::Downstream(const Context& context,
                                                                       const DatasetName& name) {
  json::array criteria;
  criteria.push_back(
      json::object{{"field", "degree"}, {"condition", "EQUAL"}, {"values", json::array{"1"}}});
  json::array filters;
  filters.push_back(json::object{{"and", std::move(criteria)}});
  json::object input{{"urn", name.Urn()},
                     {"direction", "DOWNSTREAM"},
                     {"types", json::array{"DATASET"}},
                     {"query", "*"},
                     {"start", 0},
                     {"count", kDownstreamMax},
                     {"orFilters", std::move(filters)},
                     {"searchFlags", json::object{{"skipCache", true}}}};
  NSTARX_TRY(const json::object answer,
             client_->Graphql(context, kLineage, json::object{{"input", std::move(input)}}));
  const json::object& found = ObjectAt(answer, "searchAcrossLineage");
  if (GetInt(found, "total", 0) > kDownstreamMax) {
    return Error(ErrorKind::kResourceExhausted, "metadata.too_many_edges",
                 fmt::format("more than {} datasets are made from it", kDownstreamMax))
        .WithStage("query");
  }
  std::vector<connector::LineageEdge> out;
  const std::string here = name.Path();
  for (const json::value& hit : ArrayAt(found, "searchResults")) {
    if (!hit.is_object()) continue;
    const auto target = ReadUrn(GetString(ObjectAt(hit.get_object(), "entity"), "urn"));
    if (!target) continue;
    // Only the target knows by what it is made.
    NSTARX_TRY(const Aspects aspects, Fetch(context, target->Urn()));
    if (!IsThere(aspects)) continue;
    for (connector::LineageEdge& edge : ReadUpstream(*target, aspects)) {
      if (edge.from == here) out.push_back(std::move(edge));
    }
  }
  return out;
}

Result<std::vector<connector::LineageEdge>> DatahubSession::GetLineage(
    const Context& context, std::string_view path, connector::LineageDirection direction) {
  NSTARX_TRY(const DatasetName name, ReadPath(path));
  NSTARX_TRY(const Aspects aspects, FetchDataset(context, name));
  if (direction == connector::LineageDirection::kUpstream) return ReadUpstream(name, aspects);
  return Downstream(context, name);
}

Status DatahubSession::PutLineage(const Context& context, std::string_view path,
                                  const std::vector<connector::LineageEdge>& upstream) {
  if (read_only_) return catalogs::ReadOnly();
  NSTARX_TRY(const DatasetName name, ReadPath(path));
  NSTARX_RETURN_IF_ERROR(FetchDataset(context, name));
  NSTARX_TRY(const json::object value, WriteUpstream(upstream, clock_.Now()));
  return client_->Propose(context, "dataset", name.Urn(), "upstreamLineage", value);
}

}  // namespace nstarx::connectors::datahub
