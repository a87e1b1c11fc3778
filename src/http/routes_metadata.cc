#include "gateway/gateway.h"
#include "http/route.h"

namespace nstarx::http {
namespace {

using connector::Column;

Parameter DatasetParameter() {
  return {.name = "path",
          .description = "the dataset, as datasets lists it",
          .required = true,
          .length_max = 4096};
}

std::vector<Parameter> PageParameters(std::string limit) {
  return {{.name = "limit",
           .type = ParameterType::kInteger,
           .description = "at most so many",
           .default_value = std::move(limit),
           .minimum = 1,
           .maximum = 1000},
          {.name = "cursor", .description = "`next` of the page before", .length_max = 8192}};
}

json::object Page(json::array items, const std::string& next) {
  json::object out{{"items", std::move(items)}};
  if (!next.empty()) out["next"] = next;
  return out;
}

Result<Response> FindDatasets(Call& call) {
  const connector::DatasetFilter filter{.path = std::string(call.Text("path")),
                                        .text = std::string(call.Text("q")),
                                        .limit = call.Integer("limit", 100),
                                        .continuation = std::string(call.Text("cursor"))};
  NSTARX_TRY(const auto page,
             call.services.gateway.FindDatasets(call.context, call.capture(0), filter));
  json::array items;
  for (const connector::Dataset& item : page.items) {
    json::object row{{"path", item.path}, {"name", item.name}, {"kind", item.kind}};
    if (!item.comment.empty()) row["comment"] = item.comment;
    items.push_back(std::move(row));
  }
  return JsonResponse(200, Page(std::move(items), page.next));
}

Result<Response> GetDataset(Call& call) {
  NSTARX_TRY(const auto dataset,
             call.services.gateway.GetDataset(call.context, call.capture(0), call.Text("path")));
  return JsonResponse(200, ToJson(dataset));
}

std::vector<Column> ReadColumns(const json::value& list) {
  std::vector<Column> out;
  for (const json::value& item : list.get_array()) {
    const json::object& row = item.get_object();
    out.push_back({.name = std::string(GetString(row, "name")),
                   .native_type = std::string(GetString(row, "native_type")),
                   .comment = std::string(GetString(row, "comment"))});
  }
  return out;
}

std::vector<std::string> ReadTexts(const json::value& list) {
  std::vector<std::string> out;
  for (const json::value& item : list.get_array()) out.emplace_back(item.get_string());
  return out;
}

connector::DatasetChange ReadChange(const json::object& body) {
  connector::DatasetChange change;
  const auto text = [&](std::string_view name, std::optional<std::string>& into) {
    if (body.contains(name)) into = std::string(GetString(body, name));
  };
  text("comment", change.comment);
  text("owner", change.owner);
  text("location", change.location);
  text("format", change.format);
  if (const auto* list = body.if_contains("columns")) change.columns = ReadColumns(*list);
  if (const auto* list = body.if_contains("partition_columns")) {
    change.partition_columns = ReadColumns(*list);
  }
  if (const auto* list = body.if_contains("tags")) change.tags = ReadTexts(*list);
  if (const auto* map = body.if_contains("properties")) change.properties = map->get_object();
  return change;
}

Result<Response> PutDataset(Call& call) {
  NSTARX_TRY(const auto dataset,
             call.services.gateway.PutDataset(call.context, call.capture(0), call.Text("path"),
                                              ReadChange(call.body)));
  return JsonResponse(200, ToJson(dataset));
}

Result<Response> DeleteDataset(Call& call) {
  NSTARX_RETURN_IF_ERROR(
      call.services.gateway.DeleteDataset(call.context, call.capture(0), call.Text("path")));
  return NoContent();
}

Result<Response> ListPartitions(Call& call) {
  NSTARX_TRY(const auto page, call.services.gateway.ListPartitions(
                                  call.context, call.capture(0), call.Text("path"),
                                  call.Integer("limit", 1000), call.Text("cursor")));
  json::array items;
  for (const auto& item : page.items) items.push_back(ToJson(item));
  return JsonResponse(200, Page(std::move(items), page.next));
}

Result<Response> GetLineage(Call& call) {
  const auto direction = call.Text("direction") == "downstream"
                             ? connector::LineageDirection::kDownstream
                             : connector::LineageDirection::kUpstream;
  NSTARX_TRY(const auto edges, call.services.gateway.GetLineage(call.context, call.capture(0),
                                                                call.Text("path"), direction));
  json::array items;
  for (const connector::LineageEdge& edge : edges) {
    json::object row{{"from", edge.from}, {"to", edge.to}};
    if (!edge.process.empty()) row["process"] = edge.process;
    items.push_back(std::move(row));
  }
  return JsonResponse(
      200, {{"path", call.Text("path")}, {"direction", call.Text("direction")}, {"items", items}});
}

Result<Response> PutLineage(Call& call) {
  const std::string path(call.Text("path"));
  std::vector<connector::LineageEdge> upstream;
  for (const json::value& item : call.body.at("upstream").get_array()) {
    const json::object& row = item.get_object();
    upstream.push_back({.from = std::string(GetString(row, "from")),
                        .to = path,
                        .process = std::string(GetString(row, "process"))});
  }
  NSTARX_RETURN_IF_ERROR(
      call.services.gateway.PutLineage(call.context, call.capture(0), path, upstream));
  return NoContent();
}

void AddLineageRoutes(std::vector<Route>& table) {
  table.push_back({.method = Method::kGet,
                   .path = "/connections/{ref}/lineage",
                   .operation = "getLineage",
                   .tag = "metadata",
                   .summary = "What a dataset is made from, or what is made from it",
                   .permission = "use",
                   .parameters = {DatasetParameter(),
                                  {.name = "direction",
                                   .description = "which way to look",
                                   .default_value = "upstream",
                                   .values = {"upstream", "downstream"}}},
                   .response_schema = "LineageReport",
                   .handler = GetLineage});
  table.push_back({.method = Method::kPut,
                   .path = "/connections/{ref}/lineage",
                   .operation = "putLineage",
                   .tag = "metadata",
                   .summary = "Write down what a dataset is made from",
                   .description = "Replaces what was written before; an empty list removes it.",
                   .permission = "use",
                   .parameters = {DatasetParameter()},
                   .body = BodyKind::kJson,
                   .request_schema = "LineageChange",
                   .success = 204,
                   .handler = PutLineage});
}

}  // namespace

void AddMetadataRoutes(std::vector<Route>& table) {
  std::vector<Parameter> find = {
      {.name = "path", .description = "only inside of this database", .length_max = 4096},
      {.name = "q", .description = "only with this text in path or comment"}};
  for (Parameter& parameter : PageParameters("100")) find.push_back(std::move(parameter));
  table.push_back({.method = Method::kGet,
                   .path = "/connections/{ref}/datasets",
                   .operation = "findDatasets",
                   .tag = "metadata",
                   .summary = "Datasets that a metadata catalog knows",
                   .permission = "use",
                   .parameters = std::move(find),
                   .response_schema = "DatasetList",
                   .handler = FindDatasets});
  table.push_back({.method = Method::kGet,
                   .path = "/connections/{ref}/dataset",
                   .operation = "getDataset",
                   .tag = "metadata",
                   .summary = "Schema, owners, tags, properties and place of a dataset",
                   .permission = "use",
                   .parameters = {DatasetParameter()},
                   .response_schema = "Dataset",
                   .handler = GetDataset});
  table.push_back({.method = Method::kPut,
                   .path = "/connections/{ref}/dataset",
                   .operation = "putDataset",
                   .tag = "metadata",
                   .summary = "Make a dataset in the catalog, or change what it says of one",
                   .description = "Members that are left out stay as they are; a property that is "
                                  "null is removed. A new dataset needs columns.",
                   .permission = "use",
                   .parameters = {DatasetParameter()},
                   .body = BodyKind::kJson,
                   .request_schema = "DatasetChange",
                   .response_schema = "Dataset",
                   .handler = PutDataset});
  table.push_back({.method = Method::kDelete,
                   .path = "/connections/{ref}/dataset",
                   .operation = "deleteDataset",
                   .tag = "metadata",
                   .summary = "Remove a dataset from the catalog",
                   .description = "The data itself is not deleted.",
                   .permission = "use",
                   .parameters = {DatasetParameter()},
                   .success = 204,
                   .handler = DeleteDataset});
  std::vector<Parameter> partitions = {DatasetParameter()};
  for (Parameter& parameter : PageParameters("1000")) partitions.push_back(std::move(parameter));
  table.push_back({.method = Method::kGet,
                   .path = "/connections/{ref}/partitions",
                   .operation = "listPartitions",
                   .tag = "metadata",
                   .summary = "Partitions of a dataset",
                   .permission = "use",
                   .parameters = std::move(partitions),
                   .response_schema = "PartitionList",
                   .handler = ListPartitions});
  AddLineageRoutes(table);
}

}  // namespace nstarx::http
