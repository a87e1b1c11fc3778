#include "access/access.h"
#include "audit/journal.h"
#include "base/percent.h"
#include "connector/connector.h"
#include "discover/templates.h"
#include "gateway/gateway.h"
#include "http/etag.h"
#include "http/route.h"
#include "model/connection.h"
#include "model/test_report.h"
#include "registry/registry.h"

namespace nstarx::http {
namespace {

using access::Permission;

// ---- Types ----

Result<Response> ListTypes(Call& call) {
  json::array items;
  for (const auto& connector : call.services.connectors.all()) {
    const connector::Spec& spec = connector->spec();
    json::object row;
    row["type"] = spec.type();
    row["title"] = spec.title();
    row["family"] = spec.family();
    row["default_port"] =
        spec.default_port() > 0 ? json::value(spec.default_port()) : json::value(nullptr);
    row["schemes"] = json::array(spec.schemes().begin(), spec.schemes().end());
    row["capabilities"] = json::array(spec.capabilities().begin(), spec.capabilities().end());
    json::array methods;
    for (const auto& method : spec.auth_methods()) {
      methods.push_back({{"type", method.type}, {"title", method.title}});
    }
    row["auth_methods"] = std::move(methods);
    items.push_back(std::move(row));
  }
  return JsonResponse(200, {{"items", std::move(items)}, {"next", nullptr}});
}

Result<Response> GetType(Call& call) {
  auto found = call.services.connectors.Find(call.capture(0));
  if (!found) {
    const Error& unknown = found.error();
    return NotFound(unknown.code(), unknown.message()).WithHints(unknown.hints());
  }
  json::object document = (*found)->spec().document();
  // With the caller's own templates, so that whoever offers the variants offers them too.
  NSTARX_TRY(document["templates"],
             call.services.templates.List(call.context, (*found)->spec().type()));
  return JsonResponse(200, std::move(document));
}

Result<Response> TakeUriApart(Call& call) {
  const std::string_view uri = GetString(call.body, "uri");
  NSTARX_TRY(connector::Connector * connector, call.services.connectors.FindByUri(uri));
  NSTARX_TRY(json::object parts, connector->spec().FromUri(uri));
  parts["type"] = connector->spec().type();
  for (const auto* key : {"configuration", "authentication"}) {
    if (!parts.contains(key)) parts[key] = json::object();
  }
  return JsonResponse(200, parts);
}

// ---- One connection ----

/// The connection and what the caller may do with it, with its ETag.
Response Show(const Call& call, int status, const model::Connection& connection) {
  json::object body = model::ToJson(connection);
  json::object permissions;
  for (const Permission permission : {Permission::kView, Permission::kUse, Permission::kEdit,
                                      Permission::kTest, Permission::kShare, Permission::kManage}) {
    permissions[access::ToString(permission)] =
        access::Decide(call.context.principal(), permission, &connection).allowed;
  }
  body["permissions"] = std::move(permissions);
  Response response = JsonResponse(status, body);
  response.With("ETag", TagOf(connection.version));
  return response;
}

/// The draft of the body, laid over the template that it names.
Result<model::ConnectionDraft> ReadDraft(Call& call) {
  NSTARX_TRY(const json::object body,
             call.services.templates.Apply(call.context, std::move(call.body)));
  return model::DraftFromJson(body);
}

Result<Response> CreateConnection(Call& call) {
  NSTARX_TRY(const model::ConnectionDraft draft, ReadDraft(call));
  NSTARX_TRY(const model::Connection made, call.services.registry.Create(call.context, draft));
  Response response = Show(call, 201, made);
  response.With("Location", "/connections/" + PercentEncode(made.id));
  return response;
}

Result<Response> GetConnection(Call& call) {
  NSTARX_TRY(const model::Connection found,
             call.services.registry.Get(call.context, call.capture(0)));
  const std::string_view known = call.request.Header("If-None-Match");
  if (!known.empty() && NamesTag(known, TagOf(found.version))) {
    Response response;
    response.status = 304;
    response.With("ETag", TagOf(found.version));
    return response;
  }
  return Show(call, 200, found);
}

Result<Response> UpdateConnection(Call& call) {
  NSTARX_TRY(const int64_t version, ExpectedVersion(call.request));
  NSTARX_TRY(const model::Connection changed,
             call.services.registry.Update(call.context, call.capture(0), call.body, version));
  return Show(call, 200, changed);
}

Result<Response> DeleteConnection(Call& call) {
  NSTARX_TRY(const int64_t version, ExpectedVersion(call.request));
  if (version != 0) {
    NSTARX_TRY(const model::Connection found,
               call.services.registry.Get(call.context, call.capture(0)));
    if (found.version != version) {
      return Error(ErrorKind::kConflict, "connection.version_conflict",
                   fmt::format("the connection is at version {}, not {}", found.version, version))
          .WithDetail("version", found.version)
          .WithHint("Read the connection again before you delete it.");
    }
  }
  NSTARX_RETURN_IF_ERROR(call.services.registry.Delete(call.context, call.capture(0)));
  return NoContent();
}

Result<Response> ArchiveConnection(Call& call) {
  NSTARX_TRY(const model::Connection changed,
             call.services.registry.Archive(call.context, call.capture(0)));
  return Show(call, 200, changed);
}

Result<Response> RestoreConnection(Call& call) {
  NSTARX_TRY(const model::Connection changed,
             call.services.registry.Restore(call.context, call.capture(0)));
  return Show(call, 200, changed);
}

Result<Response> RollBackConnection(Call& call) {
  const json::value& wanted = call.body.at("version");
  const auto version =
      wanted.is_double() ? static_cast<int64_t>(wanted.get_double()) : wanted.to_number<int64_t>();
  NSTARX_TRY(const model::Connection changed,
             call.services.registry.Rollback(call.context, call.capture(0), version));
  return Show(call, 200, changed);
}

Result<Response> ListVersions(Call& call) {
  NSTARX_TRY(const auto versions, call.services.registry.Versions(call.context, call.capture(0)));
  json::array items;
  for (const store::ConnectionVersion& version : versions) {
    items.push_back({{"version", version.version},
                     {"at", FormatTime(version.at)},
                     {"by", version.by},
                     {"change", version.change},
                     {"connection", model::ToJson(version.connection)}});
  }
  return JsonResponse(200, {{"items", std::move(items)}, {"next", nullptr}});
}

// ---- Many ----

Result<Response> ListConnections(Call& call) {
  store::ConnectionFilter filter;
  filter.type = call.Text("type");
  filter.tag = call.Text("tag");
  filter.status = call.Text("status");
  filter.scope = call.Text("scope");
  filter.owner = call.Text("owner");
  filter.query = call.Text("q");
  filter.archived = call.Boolean("archived");
  filter.sort = call.Text("sort");
  filter.limit = call.Integer("limit", 100);
  filter.cursor = call.Text("cursor");
  NSTARX_TRY(const store::ConnectionPage page,
             call.services.registry.List(call.context, std::move(filter)));
  json::array items;
  items.reserve(page.items.size());
  for (const model::Connection& connection : page.items) {
    items.push_back(model::ToJson(connection));
  }
  return JsonResponse(
      200, {{"items", std::move(items)},
            {"next", page.next.empty() ? json::value(nullptr) : json::value(page.next)}});
}

// ---- Tests ----

Result<Response> TestDraft(Call& call) {
  NSTARX_TRY(const model::ConnectionDraft draft, ReadDraft(call));
  NSTARX_TRY(const model::TestReport report, call.services.gateway.TestDraft(call.context, draft));
  return JsonResponse(200, model::ToJson(report));
}

Result<Response> TestConnection(Call& call) {
  NSTARX_TRY(const model::TestReport report,
             call.services.gateway.Test(call.context, call.capture(0)));
  return JsonResponse(200, model::ToJson(report));
}

constexpr const char* kPostgresqlExample = R"({"name": "analytics-db", "type": "postgresql",
  "configuration": {"host": "db.example.com", "port": 5432, "database": "analytics"},
  "authentication": {"type": "basic", "username": "user", "password": "secure-password"},
  "ssl": {"enabled": true, "mode": "require"}})";
constexpr const char* kS3Example = R"({"name": "data-lake", "type": "s3",
  "configuration": {"region": "us-west-2", "bucket": "my-data-lake"},
  "authentication": {"type": "iam", "role_arn": "arn:aws:iam::123456789012:role/DataAccess"}})";

void AddOneConnectionRoutes(std::vector<Route>& table) {
  table.push_back({.method = Method::kGet,
                   .path = "/connections/{ref}",
                   .operation = "getConnection",
                   .tag = "connections",
                   .summary = "One connection, without its secrets",
                   .permission = "view",
                   .response_schema = "Connection",
                   .preconditions = true,
                   .handler = GetConnection});
  table.push_back({.method = Method::kPatch,
                   .path = "/connections/{ref}",
                   .operation = "updateConnection",
                   .tag = "connections",
                   .summary = "Change a connection by a merge patch",
                   .description = "Makes a new version. Secrets that the patch does not name stay.",
                   .permission = "edit; share for `sharing`",
                   .body = BodyKind::kUncheckedJson,
                   .request_schema = "ConnectionPatch",
                   .request_examples = {R"({"metadata": {"description": "Sales, nightly"}})"},
                   .response_schema = "Connection",
                   .idempotent_key = true,
                   .preconditions = true,
                   .handler = UpdateConnection});
  table.push_back({.method = Method::kDelete,
                   .path = "/connections/{ref}",
                   .operation = "deleteConnection",
                   .tag = "connections",
                   .summary = "Delete a connection, its history and its secrets",
                   .permission = "manage",
                   .success = 204,
                   .idempotent_key = true,
                   .preconditions = true,
                   .handler = DeleteConnection});
  table.push_back({.method = Method::kPost,
                   .path = "/connections/{ref}/archive",
                   .operation = "archiveConnection",
                   .tag = "connections",
                   .summary = "Put a connection away; it keeps everything and refuses use",
                   .permission = "edit",
                   .response_schema = "Connection",
                   .idempotent_key = true,
                   .handler = ArchiveConnection});
  table.push_back({.method = Method::kPost,
                   .path = "/connections/{ref}/restore",
                   .operation = "restoreConnection",
                   .tag = "connections",
                   .summary = "Bring an archived connection back",
                   .permission = "edit",
                   .response_schema = "Connection",
                   .idempotent_key = true,
                   .handler = RestoreConnection});
  table.push_back({.method = Method::kGet,
                   .path = "/connections/{ref}/versions",
                   .operation = "listVersions",
                   .tag = "connections",
                   .summary = "Every saved state of a connection",
                   .permission = "view",
                   .response_schema = "VersionList",
                   .handler = ListVersions});
  table.push_back({.method = Method::kPost,
                   .path = "/connections/{ref}/rollback",
                   .operation = "rollBackConnection",
                   .tag = "connections",
                   .summary = "Make an old state the newest version",
                   .description = "Secrets stay as they are now.",
                   .permission = "edit",
                   .body = BodyKind::kJson,
                   .request_schema = "RollbackRequest",
                   .request_examples = {R"({"version": 1})"},
                   .response_schema = "Connection",
                   .idempotent_key = true,
                   .handler = RollBackConnection});
  table.push_back({.method = Method::kPost,
                   .path = "/connections/{ref}/test",
                   .operation = "testConnection",
                   .tag = "connections",
                   .summary = "Test a connection in stages",
                   .description = "200 for a test that ran, whatever it found.",
                   .permission = "test",
                   .response_schema = "TestReport",
                   .timeout = std::chrono::minutes(2),
                   .handler = TestConnection});
}

}  // namespace

void AddConnectionRoutes(std::vector<Route>& table) {
  table.push_back({.method = Method::kGet,
                   .path = "/connection-types",
                   .operation = "listConnectionTypes",
                   .tag = "connection types",
                   .summary = "The kinds of system that can be connected",
                   .response_schema = "ConnectionTypeList",
                   .handler = ListTypes});
  table.push_back({.method = Method::kGet,
                   .path = "/connection-types/{type}",
                   .operation = "getConnectionType",
                   .tag = "connection types",
                   .summary = "The whole spec of one type: fields, authentication, known errors",
                   .response_schema = "ConnectionTypeSpec",
                   .handler = GetType});
  table.push_back({.method = Method::kPost,
                   .path = "/connections",
                   .operation = "createConnection",
                   .tag = "connections",
                   .summary = "Register a connection",
                   .permission = "role editor or admin",
                   .body = BodyKind::kUncheckedJson,
                   .request_schema = "ConnectionDraft",
                   .request_examples = {kPostgresqlExample, kS3Example},
                   .success = 201,
                   .response_schema = "Connection",
                   .idempotent_key = true,
                   .handler = CreateConnection});
  table.push_back(
      {.method = Method::kGet,
       .path = "/connections",
       .operation = "listConnections",
       .tag = "connections",
       .summary = "The connections that the caller may see",
       .permission = "view",
       .parameters =
           {{.name = "type", .description = "of this type", .length_max = 64},
            {.name = "tag", .description = "with this tag", .length_max = 128},
            {.name = "status",
             .description = "with this status",
             .values = {"active", "inactive", "error", "testing"}},
            {.name = "scope",
             .description = "shared so far",
             .values = {"private", "team", "organization"}},
            {.name = "owner", .description = "of this owner", .length_max = 128},
            {.name = "q", .description = "text in name, description or tags", .length_max = 256},
            {.name = "archived",
             .type = ParameterType::kBoolean,
             .description = "only archived ones instead of only others",
             .default_value = "false"},
            {.name = "sort",
             .description = "order; - is downwards",
             .default_value = "name",
             .values = {"name", "-name", "created", "-created", "modified", "-modified", "type"}},
            {.name = "limit",
             .type = ParameterType::kInteger,
             .description = "page size",
             .default_value = "100",
             .minimum = 1,
             .maximum = 1000},
            {.name = "cursor", .description = "`next` of the page before"}},
       .response_schema = "ConnectionList",
       .handler = ListConnections});
  table.push_back({.method = Method::kPost,
                   .path = "/connections/test",
                   .operation = "testDraft",
                   .tag = "connections",
                   .summary = "Test a connection that is not saved",
                   .description = "Nothing is stored. 200 for a test that ran, whatever it found.",
                   .permission = "role editor or admin",
                   .body = BodyKind::kUncheckedJson,
                   .request_schema = "ConnectionTestDraft",
                   .response_schema = "TestReport",
                   .timeout = std::chrono::minutes(2),
                   .handler = TestDraft});
  table.push_back({.method = Method::kPost,
                   .path = "/connections/uri",
                   .operation = "takeUriApart",
                   .tag = "connections",
                   .summary = "What a connection URI says, as parts of a draft",
                   .description = "Nothing is stored, nothing is dialled.",
                   .body = BodyKind::kJson,
                   .request_schema = "UriRequest",
                   .request_examples = {R"({"uri": "postgresql://user@db.example.com/analytics"})"},
                   .response_schema = "UriParts",
                   .handler = TakeUriApart});
  AddOneConnectionRoutes(table);
}

}  // namespace nstarx::http
