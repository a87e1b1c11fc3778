#include "base/percent.h"
#include "discover/templates.h"
#include "http/etag.h"
#include "http/route.h"

namespace nstarx::http {
namespace {

Response Show(int status, const json::object& found) {
  Response response = JsonResponse(status, found);
  if (const int64_t version = GetInt(found, "version", 0); version > 0) {
    response.With("ETag", TagOf(version));
  }
  return response;
}

Result<Response> List(Call& call) {
  NSTARX_TRY(json::array items, call.services.templates.List(call.context, call.Text("type")));
  return JsonResponse(200, {{"items", std::move(items)}, {"next", nullptr}});
}

Result<Response> Create(Call& call) {
  NSTARX_TRY(const json::object made, call.services.templates.Create(call.context, call.body));
  Response response = Show(201, made);
  response.With("Location", "/templates/" + PercentEncode(GetString(made, "id")));
  return response;
}

Result<Response> Get(Call& call) {
  NSTARX_TRY(const json::object found, call.services.templates.Get(call.context, call.capture(0)));
  const std::string_view known = call.request.Header("If-None-Match");
  if (!known.empty() && NamesTag(known, TagOf(GetInt(found, "version", 0)))) {
    Response response;
    response.status = 304;
    response.With("ETag", TagOf(GetInt(found, "version", 0)));
    return response;
  }
  return Show(200, found);
}

Result<Response> Update(Call& call) {
  NSTARX_TRY(const int64_t version, ExpectedVersion(call.request));
  NSTARX_TRY(const json::object changed,
             call.services.templates.Update(call.context, call.capture(0), call.body, version));
  return Show(200, changed);
}

Result<Response> Delete(Call& call) {
  NSTARX_RETURN_IF_ERROR(call.services.templates.Delete(call.context, call.capture(0)));
  return NoContent();
}

}  // namespace

void AddTemplateRoutes(std::vector<Route>& table) {
  table.push_back(
      {.method = Method::kGet,
       .path = "/templates",
       .operation = "listTemplates",
       .tag = "templates",
       .summary = "The variants of the types, and the templates that the caller may see",
       .permission = "view",
       .parameters = {{.name = "type", .description = "for this type", .length_max = 64}},
       .response_schema = "TemplateList",
       .handler = List});
  table.push_back({.method = Method::kPost,
                   .path = "/templates",
                   .operation = "createTemplate",
                   .tag = "templates",
                   .summary = "Keep a part of a connection under a name, for connections to come",
                   .description =
                       "From values, or from an existing connection. Holds no secret; a value like "
                       "<account>.example.com shows its shape and must be given later.",
                   .permission = "role editor or admin",
                   .body = BodyKind::kJson,
                   .request_schema = "TemplateRequest",
                   .request_examples = {R"({"name": "corp-pg", "type": "postgresql",
  "configuration": {"host": "<team>.db.example.com", "port": 6432}, "ssl": {"enabled": true, "mode": "verify-full"},
  "hints": ["Ask the platform team for a login."], "sharing": {"scope": "organization"}})"},
                   .success = 201,
                   .response_schema = "Template",
                   .idempotent_key = true,
                   .handler = Create});
  table.push_back({.method = Method::kGet,
                   .path = "/templates/{ref}",
                   .operation = "getTemplate",
                   .tag = "templates",
                   .summary = "One template, by id, by name, or as <type>/<variant>",
                   .permission = "view",
                   .response_schema = "Template",
                   .preconditions = true,
                   .handler = Get});
  table.push_back({.method = Method::kPatch,
                   .path = "/templates/{ref}",
                   .operation = "updateTemplate",
                   .tag = "templates",
                   .summary = "Change a template by a merge patch",
                   .description = "Connections that were made from it stay as they are.",
                   .permission = "edit; share for `sharing`",
                   .body = BodyKind::kJson,
                   .request_schema = "TemplatePatch",
                   .request_examples = {R"({"configuration": {"port": 5432}})"},
                   .response_schema = "Template",
                   .idempotent_key = true,
                   .preconditions = true,
                   .handler = Update});
  table.push_back({.method = Method::kDelete,
                   .path = "/templates/{ref}",
                   .operation = "deleteTemplate",
                   .tag = "templates",
                   .summary = "Delete a template; connections that were made from it stay",
                   .permission = "manage",
                   .success = 204,
                   .idempotent_key = true,
                   .handler = Delete});
}

}  // namespace nstarx::http
