#include <fmt/format.h>

#include <algorithm>

#include "base/percent.h"
#include "connectors/atlas/atlas_session.h"
#include "connectors/catalogs/dataset_notes.h"

namespace nstarx::connectors::atlas {
namespace {

using connector::LineageDirection;
using connector::LineageEdge;

/// Begins the qualified names of the processes that are written here.
constexpr std::string_view kOurs = "nstarx:";

/// The whole of it; names of processes may be of any length, paths too.
std::string ProcessName(std::string_view path, std::string_view process) {
  return fmt::format("{}{}:{}", kOurs, path, process);
}

bool Holds(const std::vector<std::string>& list, const std::string& item) {
  return std::ranges::find(list, item) != list.end();
}

bool IsDeleted(const json::object& header) { return GetString(header, "status") == "DELETED"; }

/// The guids at the other ends of a relationship, without those that were removed.
std::vector<std::string> AliveEnds(const json::object& entity, std::string_view attribute) {
  std::vector<std::string> out;
  for (const json::value& item : ArrayAt(ObjectAt(entity, "relationshipAttributes"), attribute)) {
    if (!item.is_object()) continue;
    const json::object& end = item.get_object();
    if (GetString(end, "entityStatus") == "DELETED" ||
        GetString(end, "relationshipStatus") == "DELETED") {
      continue;
    }
    out.emplace_back(GetString(end, "guid"));
  }
  return out;
}

/// How a process is called in an edge; ours may have no name.
std::string NameOf(const json::object& header) {
  const json::object& attributes = ObjectAt(header, "attributes");
  const std::string_view qualified = GetString(attributes, "qualifiedName");
  if (qualified.starts_with(kOurs) && qualified.ends_with(':')) return "";
  const std::string_view name = GetString(attributes, "name");
  return std::string(name.empty() ? qualified : name);
}

json::object Reference(std::string_view type, std::string_view qualified_name) {
  return {{"typeName", type}, {"uniqueAttributes", {{"qualifiedName", qualified_name}}}};
}

}  // namespace

Result<std::vector<AtlasSession::Neighbour>> AtlasSession::Neighbours(const Context& context,
                                                                      const std::string& guid,
                                                                      std::string_view path,
                                                                      LineageDirection direction) {
  const bool up = direction == LineageDirection::kUpstream;
  const auto answer = client_->Get(context, "/v2/lineage/" + PercentEncode(guid),
                                   {{"direction", up ? "INPUT" : "OUTPUT"}, {"depth", "1"}});
  if (!answer && answer.error().code() == "query.undefined_table") {
    return catalogs::UndefinedTable(path);
  }
  if (!answer) return answer.error();
  const json::object& headers = ObjectAt(*answer, "guidEntityMap");
  std::vector<std::string> processes;
  for (const json::value& item : ArrayAt(*answer, "relations")) {
    if (!item.is_object()) continue;
    const std::string_view near = GetString(item.get_object(), up ? "toEntityId" : "fromEntityId");
    std::string far(GetString(item.get_object(), up ? "fromEntityId" : "toEntityId"));
    if (near != guid || IsDeleted(ObjectAt(headers, far)) || Holds(processes, far)) continue;
    processes.push_back(std::move(far));
  }
  std::vector<Neighbour> out;
  // Lineage also has edges that were removed: only the processes themselves tell.
  NSTARX_RETURN_IF_ERROR(
      EachEntity(context, processes, false, [&](const json::object& process) -> Status {
        if (IsDeleted(process)) return {};
        const auto here = AliveEnds(process, up ? "outputs" : "inputs");
        if (!Holds(here, guid)) return {};
        Neighbour found{
            .guid = std::string(GetString(process, "guid")), .name = NameOf(process), .paths = {}};
        for (const std::string& end : AliveEnds(process, up ? "inputs" : "outputs")) {
          const json::object& header = ObjectAt(headers, end);
          if (header.empty() || IsDeleted(header)) continue;
          found.paths.push_back(PathOf(GetString(header, "typeName"),
                                       GetString(ObjectAt(header, "attributes"), "qualifiedName")));
        }
        out.push_back(std::move(found));
        return {};
      }));
  return out;
}

Result<std::vector<LineageEdge>> AtlasSession::GetLineage(const Context& context,
                                                          std::string_view path,
                                                          LineageDirection direction) {
  NSTARX_TRY(const json::object now, GetEntity(context, path));
  const json::object& entity = ObjectAt(now, "entity");
  const std::string guid(GetString(entity, "guid"));
  const std::string here = PathOf(GetString(entity, "typeName"),
                                  GetString(ObjectAt(entity, "attributes"), "qualifiedName"));
  NSTARX_TRY(auto neighbours, Neighbours(context, guid, path, direction));
  std::vector<LineageEdge> out;
  for (Neighbour& neighbour : neighbours) {
    for (std::string& other : neighbour.paths) {
      const bool up = direction == LineageDirection::kUpstream;
      out.push_back(
          {.from = up ? other : here, .to = up ? here : other, .process = neighbour.name});
    }
  }
  return out;
}

Status AtlasSession::Detach(const Context& context, const std::string& process,
                            std::string_view dataset) {
  const std::string path = "/v2/entity/guid/" + PercentEncode(process);
  NSTARX_TRY(const json::object answer, client_->Get(context, path));
  const json::object& entity = ObjectAt(answer, "entity");
  json::array others;
  for (const std::string& output : AliveEnds(entity, "outputs")) {
    if (output != dataset) others.push_back(json::object{{"guid", output}});
  }
  if (others.empty()) {
    NSTARX_RETURN_IF_ERROR(client_->Call(context, "DELETE", path));
    return {};
  }
  const EntityName name{
      .type = std::string(GetString(entity, "typeName")),
      .qualified_name = std::string(GetString(ObjectAt(entity, "attributes"), "qualifiedName"))};
  const json::object changed{
      {"guid", process},
      {"typeName", name.type},
      {"attributes", json::object{{"qualifiedName", name.qualified_name}}},
      {"relationshipAttributes", json::object{{"outputs", std::move(others)}}}};
  return Update(context, name, json::object{{"entity", changed}});
}

Status AtlasSession::PutProcess(const Context& context, std::string_view path,
                                std::string_view dataset, std::string_view process,
                                const std::vector<std::string>& sources) {
  json::array entities;
  json::array inputs;
  for (const std::string& source : sources) {
    NSTARX_TRY(const EntityName name, ReadPath(source));
    if (name.type == "DataSet" && source == name.qualified_name) {
      // A place outside of Atlas, which may be there already.
      const std::string guid = fmt::format("-{}", 2 + entities.size());
      const json::object attributes{{"qualifiedName", source}, {"name", source}};
      entities.push_back(
          json::object{{"guid", guid}, {"typeName", name.type}, {"attributes", attributes}});
      inputs.push_back(json::object{{"guid", guid}, {"typeName", name.type}});
    } else {
      NSTARX_RETURN_IF_ERROR(GetEntity(context, name));  // says which one is not there
      inputs.push_back(Reference(name.type, name.qualified_name));
    }
  }
  json::array outputs;
  outputs.push_back(json::object{{"guid", dataset}});
  const json::object attributes{{"qualifiedName", ProcessName(path, process)},
                                {"name", process.empty() ? path : process},
                                {"inputs", std::move(inputs)},
                                {"outputs", std::move(outputs)}};
  entities.push_back(
      json::object{{"guid", "-1"}, {"typeName", "Process"}, {"attributes", attributes}});
  const json::object body{{"entities", std::move(entities)}};
  NSTARX_RETURN_IF_ERROR(client_->Call(context, "POST", "/v2/entity/bulk", {}, body));
  return {};
}

Status AtlasSession::PutLineage(const Context& context, std::string_view path,
                                const std::vector<LineageEdge>& upstream) {
  if (read_only_) return catalogs::ReadOnly();
  NSTARX_TRY(const json::object now, GetEntity(context, path));
  const json::object& entity = ObjectAt(now, "entity");
  const std::string guid(GetString(entity, "guid"));
  const std::string here = PathOf(GetString(entity, "typeName"),
                                  GetString(ObjectAt(entity, "attributes"), "qualifiedName"));
  std::map<std::string, std::vector<std::string>, std::less<>> wanted;
  for (const LineageEdge& edge : upstream) {
    NSTARX_TRY(const EntityName name, ReadPath(edge.from));
    auto& sources = wanted[edge.process];
    std::string from = PathOf(name.type, name.qualified_name);
    if (!Holds(sources, from)) sources.push_back(std::move(from));
  }
  for (auto& [process, sources] : wanted) std::ranges::sort(sources);
  NSTARX_TRY(auto neighbours, Neighbours(context, guid, path, LineageDirection::kUpstream));
  std::vector<std::string> obsolete;
  for (Neighbour& neighbour : neighbours) {
    std::ranges::sort(neighbour.paths);
    const auto same = wanted.find(neighbour.name);
    if (same != wanted.end() && same->second == neighbour.paths) {
      wanted.erase(same);  // it is there as it should be
    } else {
      obsolete.push_back(neighbour.guid);
    }
  }
  for (const std::string& process : obsolete) {
    NSTARX_RETURN_IF_ERROR(Detach(context, process, guid));
  }
  for (const auto& [process, sources] : wanted) {
    NSTARX_RETURN_IF_ERROR(PutProcess(context, here, guid, process, sources));
  }
  return {};
}

}  // namespace nstarx::connectors::atlas
