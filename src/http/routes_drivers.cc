#include <fmt/format.h>

#include "drivers/drivers.h"
#include "http/byte_chunks.h"
#include "http/route.h"

namespace nstarx::http {
namespace {

constexpr auto kDownload = std::chrono::minutes(30);

Result<Response> List(Call& call) {
  NSTARX_TRY(json::object found, call.services.drivers.List(call.context, call.Boolean("refresh")));
  const auto limit = static_cast<size_t>(call.Integer("limit", 100));
  const std::string_view after = call.Text("cursor");
  json::array items;
  json::value next;
  for (json::value& item : found.at("items").as_array()) {
    const std::string id(GetString(item.as_object(), "id"));
    if (!after.empty() && id <= after) continue;
    if (call.Boolean("installed") && !GetBool(item.as_object(), "installed", false)) continue;
    if (items.size() == limit) {
      next = GetString(items.back().as_object(), "id");
      break;
    }
    items.push_back(std::move(item));
  }
  return JsonResponse(200, {{"items", std::move(items)},
                            {"next", std::move(next)},
                            {"problems", std::move(found.at("problems"))}});
}

Result<Response> Get(Call& call) {
  NSTARX_TRY(const json::object found,
             call.services.drivers.Get(call.context, call.capture(0), call.Boolean("refresh")));
  return JsonResponse(200, found);
}

Result<Response> Install(Call& call) {
  NSTARX_TRY(
      const json::object done,
      call.services.drivers.Install(call.context, call.capture(0), GetString(call.body, "version"),
                                    GetBool(call.body, "dry_run", false)));
  return JsonResponse(200, done);
}

Result<Response> Update(Call& call) {
  NSTARX_TRY(const json::object done,
             call.services.drivers.Update(call.context, call.capture(0),
                                          GetBool(call.body, "dry_run", false)));
  return JsonResponse(200, done);
}

Result<Response> Rollback(Call& call) {
  NSTARX_TRY(const json::object done,
             call.services.drivers.Rollback(call.context, call.capture(0)));
  return JsonResponse(200, done);
}

Result<Response> Verify(Call& call) {
  NSTARX_TRY(const json::object done,
             call.services.drivers.Verify(call.context, call.capture(0), call.Text("version")));
  return JsonResponse(200, done);
}

Result<Response> SetPolicy(Call& call) {
  NSTARX_TRY(const json::object done,
             call.services.drivers.SetPolicy(call.context, call.capture(0),
                                             GetString(call.body, "auto_update")));
  return JsonResponse(200, done);
}

Result<Response> Remove(Call& call) {
  NSTARX_RETURN_IF_ERROR(call.services.drivers.Remove(call.context, call.capture(0),
                                                      call.Text("version"), call.Boolean("force")));
  return NoContent();
}

Result<Response> Import(Call& call) {
  NSTARX_TRY(const json::object done,
             call.services.drivers.Import(call.context, *call.request.stream));
  return JsonResponse(200, done);
}

Result<Response> Export(Call& call) {
  NSTARX_TRY(drivers::Drivers::Bundle bundle,
             call.services.drivers.Export(call.context, call.capture(0), call.Text("version")));
  Response response;
  response.content_type = "application/x-tar";
  response.With("Content-Disposition", fmt::format("attachment; filename=\"{}\"", bundle.file));
  response.length = bundle.bytes;
  response.stream = std::make_unique<ByteChunks>(std::move(bundle.content));
  response.stream_context = call.context;
  return response;
}

Parameter VersionParameter() {
  return {.name = "version",
          .description = "of this version; the current one if absent",
          .length_max = 64};
}

Parameter RefreshParameter() {
  return {.name = "refresh",
          .type = ParameterType::kBoolean,
          .description = "ask the HTTP indexes now (admin)"};
}

/// A change of one driver.
Route Change(const std::string& action, std::string operation, std::string summary,
             Handler handler) {
  return {.method = Method::kPost,
          .path = "/drivers/{id}/" + action,
          .operation = std::move(operation),
          .tag = "drivers",
          .summary = std::move(summary),
          .permission = "admin",
          .access = Access::kAdmin,
          .timeout = kDownload,
          .handler = handler};
}

void AddReads(std::vector<Route>& table) {
  table.push_back({.path = "/drivers",
                   .operation = "listDrivers",
                   .tag = "drivers",
                   .summary = "The drivers that are installed and those that the indexes offer",
                   .description = "HTTP indexes are asked only with `refresh`.",
                   .permission = "any key; admin for `refresh`",
                   .parameters = {{.name = "installed",
                                   .type = ParameterType::kBoolean,
                                   .description = "only those that are installed"},
                                  RefreshParameter(),
                                  {.name = "limit",
                                   .type = ParameterType::kInteger,
                                   .description = "at most so many",
                                   .default_value = "100",
                                   .minimum = 1,
                                   .maximum = 1000},
                                  {.name = "cursor", .description = "`next` of the page before"}},
                   .response_schema = "DriverList",
                   .handler = List});
  table.push_back({.path = "/drivers/{id}",
                   .operation = "getDriver",
                   .tag = "drivers",
                   .summary = "One driver; with `refresh` the versions that there are to install",
                   .permission = "any key; admin for `refresh`",
                   .parameters = {RefreshParameter()},
                   .response_schema = "Driver",
                   .handler = Get});
  table.push_back({.path = "/drivers/{id}/bundle",
                   .operation = "exportDriver",
                   .tag = "drivers",
                   .summary = "An installed version as a bundle for a machine without a network",
                   .permission = "admin",
                   .access = Access::kAdmin,
                   .parameters = {VersionParameter()},
                   .response_media = {"application/x-tar"},
                   .timeout = kDownload,
                   .handler = Export});
}

}  // namespace

void AddDriverRoutes(std::vector<Route>& table) {
  AddReads(table);
  Route install = Change("install", "installDriver",
                         "Install a version, or switch to one that is installed", Install);
  install.description =
      "Downloads, checks checksums and signatures, then switches in one step. Sessions opened "
      "later use it.";
  install.body = BodyKind::kJson;
  install.request_schema = "DriverInstall";
  install.request_examples = {R"({"version": "42.7.4"})", R"({"dry_run": true})"};
  install.response_schema = "DriverChange";
  table.push_back(install);
  Route update = Change("update", "updateDriver", "Install the newest release, if newer", Update);
  update.body = BodyKind::kJson;
  update.request_schema = "DriverUpdate";
  update.request_examples = {R"({"dry_run": true})"};
  update.response_schema = "DriverChange";
  table.push_back(update);
  Route rollback =
      Change("rollback", "rollbackDriver", "Go back to the version used before", Rollback);
  rollback.response_schema = "DriverChange";
  table.push_back(rollback);
  Route verify = Change("verify", "verifyDriver", "Hash the installed files again", Verify);
  verify.parameters = {VersionParameter()};
  verify.response_schema = "DriverVerdict";
  table.push_back(verify);
  table.push_back({.method = Method::kPost,
                   .path = "/drivers/import",
                   .operation = "importDriver",
                   .tag = "drivers",
                   .summary = "Install a driver from a bundle",
                   .description = "Checked as a download is; needs no network.",
                   .permission = "admin",
                   .access = Access::kAdmin,
                   .body = BodyKind::kBytes,
                   .request_media = {"application/octet-stream"},
                   .response_schema = "DriverChange",
                   .timeout = kDownload,
                   .handler = Import});
  table.push_back({.method = Method::kPatch,
                   .path = "/drivers/{id}",
                   .operation = "setDriverPolicy",
                   .tag = "drivers",
                   .summary = "Set how far automatic updates of a driver go",
                   .permission = "admin",
                   .access = Access::kAdmin,
                   .body = BodyKind::kJson,
                   .request_schema = "DriverPolicy",
                   .request_examples = {R"({"auto_update": "patch"})"},
                   .response_schema = "Driver",
                   .handler = SetPolicy});
  table.push_back(
      {.method = Method::kDelete,
       .path = "/drivers/{id}",
       .operation = "removeDriver",
       .tag = "drivers",
       .summary = "Remove a driver, or one version that is not the current one",
       .permission = "admin",
       .access = Access::kAdmin,
       .parameters = {{.name = "version", .description = "only this one", .length_max = 64},
                      {.name = "force",
                       .type = ParameterType::kBoolean,
                       .description = "also when an adapter names the driver"}},
       .success = 204,
       .handler = Remove});
}

}  // namespace nstarx::http
