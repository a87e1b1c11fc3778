#include "connectors/atlas/atlas_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/percent.h"
#include "connectors/catalogs/dataset_notes.h"

namespace nstarx::connectors::atlas {
namespace {

using connector::Dataset;

/// What one search of ours goes through before it answers with what it has.
constexpr int64_t kSearchedMax = 20'000;
constexpr int64_t kPageMax = 500;
/// Columns that are asked for at once.
constexpr size_t kGuidsAtOnce = 50;

bool IsGuid(std::string_view text) {
  return text.size() == 36 && text.find_first_not_of("0123456789abcdefABCDEF-") == text.npos;
}

/// "12:hive_table": where a search goes on.
struct Position {
  int64_t offset = 0;
  std::string type;

  static Position Read(std::string_view text) {
    Position out;
    const size_t colon = text.find(':');
    if (colon == text.npos) return out;
    const std::string number(text.substr(0, colon));
    const char* last = number.data() + number.size();
    const auto [end, error] = std::from_chars(number.data(), last, out.offset);
    if (error != std::errc() || end != last || out.offset < 0) return {};
    out.type = text.substr(colon + 1);
    return out;
  }
  std::string Write() const { return fmt::format("{}:{}", offset, type); }
};

std::string GuidPath(std::string_view guid, std::string_view rest = "") {
  return fmt::format("/v2/entity/guid/{}{}", PercentEncode(guid), rest);
}

std::string NamedPath(std::string_view type) {
  return "/v2/entity/uniqueAttribute/type/" + PercentEncode(type);
}

}  // namespace

Status AtlasSession::Ping(const Context& context) {
  const auto answer = client_->Get(context, "/v2/types/entitydef/name/DataSet");
  if (answer) return {};
  // Who may not read types, and an Atlas without its usual types, are reached all the same.
  if (answer.error().kind() == ErrorKind::kPermissionDenied ||
      answer.error().vendor_code().starts_with("ATLAS-40")) {
    return {};
  }
  return answer.error();
}

void AtlasSession::LearnVersion(const Context& context) {
  const auto answer = client_->Get(context, "/admin/version");
  if (!answer) return;
  if (const std::string_view version = GetString(*answer, "Version"); !version.empty()) {
    facts_["server_version"] = version;
  }
}

Status AtlasSession::ReadModel(const Context& context) {
  NSTARX_TRY(const json::object answer,
             client_->Get(context, "/v2/types/typedefs", {{"type", "entity"}}));
  model_ = TypeModel::Read(answer);
  return {};
}

Status AtlasSession::Learn(const Context& context, std::string_view type) {
  return model_.Has(type) ? Status() : ReadModel(context);
}

Result<std::set<std::string, std::less<>>> AtlasSession::NamesOf(const Context& context,
                                                                 std::string_view kind) {
  std::set<std::string, std::less<>> out;
  NSTARX_TRY(const json::object answer,
             client_->Get(context, "/v2/types/typedefs", {{"type", std::string(kind)}}));
  const bool business = kind == "business_metadata";
  for (const json::value& item :
       ArrayAt(answer, business ? "businessMetadataDefs" : "classificationDefs")) {
    if (item.is_object()) out.emplace(GetString(item.get_object(), "name"));
  }
  return out;
}

Result<std::vector<Dataset>> AtlasSession::Search(const Context& context, const std::string& type,
                                                  int64_t offset, int64_t limit, int64_t& seen) {
  json::array attributes;
  for (const char* name : {"qualifiedName", "name", "displayName", "description", "userDescription",
                           "comment", "tableType", "type"}) {
    if (model_.HasAttribute(type, name)) attributes.emplace_back(name);
  }
  const json::object body{{"typeName", type},
                          {"includeSubTypes", false},
                          {"excludeDeletedEntities", true},
                          {"sortBy", "qualifiedName"},
                          {"sortOrder", "ASCENDING"},
                          {"attributes", std::move(attributes)},
                          {"offset", offset},
                          {"limit", limit}};
  NSTARX_TRY(const json::value answer,
             client_->Call(context, "POST", "/v2/search/basic", {}, body));
  std::vector<Dataset> out;
  if (!answer.is_object()) return out;
  for (const json::value& item : ArrayAt(answer.get_object(), "entities")) {
    ++seen;
    if (!item.is_object()) continue;
    out.push_back(ReadHeader(model_, item.get_object()));
  }
  return out;
}

Result<std::vector<connector::Node>> AtlasSession::List(const Context& context,
                                                        std::string_view path, int64_t limit) {
  std::vector<connector::Node> out;
  const auto full = [&] { return static_cast<int64_t>(out.size()) >= limit; };
  if (path.empty()) {
    NSTARX_RETURN_IF_ERROR(ReadModel(context));
    for (const std::string& type : model_.DatasetTypes("DataSet")) {
      if (full()) break;
      out.push_back({.name = type, .path = type, .kind = "type", .has_children = true});
    }
    return out;
  }
  const std::vector<std::string> parts = catalogs::SplitPath(path);
  if (parts.size() != 1 || path.contains("://")) {
    NSTARX_RETURN_IF_ERROR(GetEntity(context, path));
    return out;
  }
  NSTARX_RETURN_IF_ERROR(Learn(context, parts[0]));
  if (!model_.IsDataset(parts[0])) return catalogs::UndefinedTable(path);
  int64_t offset = 0;
  while (!full()) {
    const int64_t wanted = std::min(limit - static_cast<int64_t>(out.size()), kPageMax);
    int64_t seen = 0;
    NSTARX_TRY(auto found, Search(context, parts[0], offset, wanted, seen));
    for (Dataset& dataset : found) {
      if (dataset.path.empty()) continue;
      out.push_back({.name = std::move(dataset.name),
                     .path = std::move(dataset.path),
                     .kind = dataset.kind == "external_table" ? "table" : std::move(dataset.kind),
                     .comment = std::move(dataset.comment)});
    }
    if (seen < wanted) break;
    offset += seen;
  }
  return out;
}

Result<connector::Description> AtlasSession::Describe(const Context& context,
                                                      std::string_view path) {
  NSTARX_TRY(const Dataset dataset, GetDataset(context, path));
  return connector::Describe(dataset);
}

Result<std::unique_ptr<connector::BatchStream>> AtlasSession::Sample(const Context& context,
                                                                     std::string_view path,
                                                                     int64_t limit) {
  return Unimplemented("capability.missing",
                       "a catalog holds no rows: connections of type atlas have no 'sample'")
      .WithDetail("capability", "sample")
      .WithStage("query");
}

Result<connector::DatasetPage> AtlasSession::FindDatasets(const Context& context,
                                                          const connector::DatasetFilter& filter) {
  NSTARX_RETURN_IF_ERROR(filter.path.empty() ? ReadModel(context) : Learn(context, filter.path));
  const auto types = model_.DatasetTypes(filter.path.empty() ? "DataSet" : filter.path);
  if (types.empty() && !filter.path.empty()) return catalogs::UndefinedDatabase(filter.path);
  const auto limit = static_cast<size_t>(std::max<int64_t>(filter.limit, 1));
  Position at = Position::Read(filter.continuation);
  connector::DatasetPage page;
  int64_t searched = 0;
  for (const std::string& type : types) {
    if (type < at.type) continue;
    if (type != at.type) at = {.offset = 0, .type = type};
    for (bool more = true; more;) {
      if (searched >= kSearchedMax) {
        page.next = at.Write();
        return page;
      }
      // One more than fits tells whether there is a next page.
      const int64_t wanted =
          filter.text.empty()
              ? std::min(static_cast<int64_t>(limit - page.items.size()) + 1, kPageMax)
              : kPageMax;
      int64_t seen = 0;
      NSTARX_TRY(auto found, Search(context, type, at.offset, wanted, seen));
      more = seen >= wanted;
      searched += seen;
      for (Dataset& dataset : found) {
        if (!dataset.path.empty() && catalogs::Matches(filter, dataset)) {
          if (page.items.size() == limit) {
            page.next = at.Write();
            return page;
          }
          page.items.push_back(std::move(dataset));
        }
        ++at.offset;
      }
      if (seen == 0) more = false;
    }
  }
  return page;
}

Result<json::object> AtlasSession::GetEntity(const Context& context, std::string_view path) {
  if (!IsGuid(path)) {
    NSTARX_TRY(const EntityName name, ReadPath(path));
    return GetEntity(context, name);
  }
  auto answer = client_->Get(context, GuidPath(path));
  if (!answer && answer.error().code() != "query.undefined_table") return answer;
  if (!answer || GetString(ObjectAt(*answer, "entity"), "status") == "DELETED") {
    return catalogs::UndefinedTable(path);
  }
  const std::string type(GetString(ObjectAt(*answer, "entity"), "typeName"));
  NSTARX_RETURN_IF_ERROR(Learn(context, type));
  if (!model_.IsDataset(type)) return catalogs::UndefinedTable(path);
  return answer;
}

Result<json::object> AtlasSession::GetEntity(const Context& context, const EntityName& name) {
  NSTARX_RETURN_IF_ERROR(Learn(context, name.type));
  const std::string path = PathOf(name.type, name.qualified_name);
  if (!model_.IsDataset(name.type)) return catalogs::UndefinedTable(path);
  auto answer =
      client_->Get(context, NamedPath(name.type), {{"attr:qualifiedName", name.qualified_name}});
  const bool gone =
      !answer ? answer.error().code() == "query.undefined_table" ||
                    answer.error().code() == "metadata.undefined_database"
              // Atlas also answers with an entity of a type below the one that is asked for.
              : GetString(ObjectAt(*answer, "entity"), "status") == "DELETED" ||
                    GetString(ObjectAt(*answer, "entity"), "typeName") != name.type;
  if (gone) return catalogs::UndefinedTable(path);
  return answer;
}

Status AtlasSession::Update(const Context& context, const EntityName& name,
                            const json::object& body) {
  NSTARX_RETURN_IF_ERROR(client_->Call(context, "PUT", NamedPath(name.type),
                                       {{"attr:qualifiedName", name.qualified_name}}, body));
  return {};
}

Status AtlasSession::EachEntity(const Context& context, const std::vector<std::string>& guids,
                                bool short_form,
                                const std::function<Status(const json::object&)>& take) {
  for (size_t first = 0; first < guids.size(); first += kGuidsAtOnce) {
    net::HttpFields query{{"ignoreRelationships", short_form ? "true" : "false"},
                          {"minExtInfo", "true"}};
    for (size_t i = first; i < std::min(guids.size(), first + kGuidsAtOnce); ++i) {
      query.emplace_back("guid", guids[i]);
    }
    NSTARX_TRY(const json::object answer, client_->Get(context, "/v2/entity/bulk", query));
    for (const json::value& item : ArrayAt(answer, "entities")) {
      if (item.is_object()) NSTARX_RETURN_IF_ERROR(take(item.get_object()));
    }
  }
  return {};
}

Status AtlasSession::Complete(const Context& context, json::object& answer) {
  json::object referred = ObjectAt(answer, "referredEntities");
  const json::object& entity = ObjectAt(answer, "entity");
  const Relation* columns = model_.Columns(GetString(entity, "typeName"));
  std::vector<std::string> missing;
  for (const std::string_view attribute :
       {columns != nullptr ? std::string_view(columns->attribute) : "columns",
        std::string_view("partitionKeys")}) {
    for (const json::value& item : ArrayAt(ObjectAt(entity, "relationshipAttributes"), attribute)) {
      if (!item.is_object()) continue;
      const std::string_view guid = GetString(item.get_object(), "guid");
      if (!guid.empty() && !referred.contains(guid)) missing.emplace_back(guid);
    }
  }
  NSTARX_RETURN_IF_ERROR(
      EachEntity(context, missing, true, [&](const json::object& item) -> Status {
        referred[GetString(item, "guid")] = item;
        return {};
      }));
  answer["referredEntities"] = std::move(referred);
  return {};
}

Result<Dataset> AtlasSession::GetDataset(const Context& context, std::string_view path) {
  NSTARX_TRY(json::object answer, GetEntity(context, path));
  NSTARX_RETURN_IF_ERROR(Complete(context, answer));
  return ReadEntity(model_, answer);
}

Result<connector::PartitionPage> AtlasSession::ListPartitions(const Context& context,
                                                              std::string_view path, int64_t limit,
                                                              std::string_view continuation) {
  return Unimplemented("capability.missing",
                       "Atlas knows no partitions: connections of type atlas have none")
      .WithDetail("capability", "partitions")
      .WithStage("query");
}

Status AtlasSession::PutTags(const Context& context, const std::string& guid,
                             const json::object& entity, const std::vector<std::string>& tags) {
  NSTARX_TRY(const auto known, NamesOf(context, "classification"));
  std::set<std::string, std::less<>> wanted;
  json::array labels;
  for (const std::string& tag : tags) {
    if (known.contains(tag)) {
      wanted.insert(tag);
    } else {
      labels.emplace_back(tag);
    }
  }
  // Labels first: what Atlas refuses in them is the likeliest mistake.
  NSTARX_RETURN_IF_ERROR(client_->Call(context, "POST", GuidPath(guid, "/labels"), {}, labels));
  for (const json::value& item : ArrayAt(entity, "classifications")) {
    if (!item.is_object()) continue;
    const std::string_view name = GetString(item.get_object(), "typeName");
    const std::string_view owner = GetString(item.get_object(), "entityGuid", guid);
    // One that comes from elsewhere by propagation is removed there.
    if (wanted.erase(std::string(name)) > 0 || owner != guid) continue;
    NSTARX_RETURN_IF_ERROR(
        client_->Call(context, "DELETE", GuidPath(guid, "/classification/" + PercentEncode(name))));
  }
  json::array added;
  for (const std::string& name : wanted) added.push_back(json::object{{"typeName", name}});
  if (added.empty()) return {};
  NSTARX_RETURN_IF_ERROR(
      client_->Call(context, "POST", GuidPath(guid, "/classifications"), {}, added));
  return {};
}

Result<Dataset> AtlasSession::PutDataset(const Context& context, std::string_view path,
                                         const connector::DatasetChange& change) {
  if (read_only_) return catalogs::ReadOnly();
  auto now = GetEntity(context, path);
  if (!now && now.error().code() != "query.undefined_table") return std::move(now).error();
  if (!now && IsGuid(path)) return std::move(now).error();
  EntityName name;
  if (now) {
    const json::object& entity = ObjectAt(*now, "entity");
    name = {
        .type = std::string(GetString(entity, "typeName")),
        .qualified_name = std::string(GetString(ObjectAt(entity, "attributes"), "qualifiedName"))};
  } else {
    NSTARX_TRY(name, ReadPath(path));
    if (!model_.IsDataset(name.type)) return catalogs::UndefinedDatabase(name.type);
  }
  std::set<std::string, std::less<>> business;
  for (const auto& [key, value] : change.properties) {
    if (!key.contains(".") || key.starts_with("attribute.")) continue;
    NSTARX_TRY(business, NamesOf(context, "business_metadata"));
    break;
  }
  NSTARX_TRY(EntityChange written,
             WriteEntity(model_, name, now ? &*now : nullptr, change, business));
  if (now) {
    NSTARX_RETURN_IF_ERROR(Update(context, name, written.body));
  } else {
    NSTARX_RETURN_IF_ERROR(client_->Call(context, "POST", "/v2/entity", {}, written.body));
  }
  NSTARX_TRY(const json::object made, GetEntity(context, name));
  const json::object& entity = ObjectAt(made, "entity");
  const std::string guid(GetString(entity, "guid"));
  if (change.tags) NSTARX_RETURN_IF_ERROR(PutTags(context, guid, entity, *change.tags));
  if (!written.business.empty()) {
    NSTARX_RETURN_IF_ERROR(client_->Call(context, "POST", GuidPath(guid, "/businessmetadata"),
                                         {{"isOverwrite", "false"}}, written.business));
  }
  return GetDataset(context, PathOf(name.type, name.qualified_name));
}

Status AtlasSession::DeleteDataset(const Context& context, std::string_view path) {
  if (read_only_) return catalogs::ReadOnly();
  NSTARX_TRY(const json::object now, GetEntity(context, path));
  NSTARX_RETURN_IF_ERROR(
      client_->Call(context, "DELETE", GuidPath(GetString(ObjectAt(now, "entity"), "guid"))));
  return {};
}

}  // namespace nstarx::connectors::atlas
