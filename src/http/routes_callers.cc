#include "access/access.h"
#include "audit/journal.h"
#include "base/percent.h"
#include "http/route.h"

namespace nstarx::http {
namespace {

json::value TimeOrNull(const std::optional<TimePoint>& time) {
  return time ? json::value(FormatTime(*time)) : json::value(nullptr);
}

json::object ToJson(const store::ApiKey& key) {
  json::object out;
  out["id"] = key.id;
  out["name"] = key.name;
  out["user_id"] = key.user_id;
  out["prefix"] = key.prefix;
  out["role"] = ToString(key.role);
  out["scopes"] = json::array(key.scopes.begin(), key.scopes.end());
  out["created"] = FormatTime(key.created);
  out["expires"] = TimeOrNull(key.expires);
  out["revoked"] = TimeOrNull(key.revoked);
  out["last_used"] = TimeOrNull(key.last_used);
  return out;
}

json::object ToJson(const store::User& user) {
  json::object out;
  out["id"] = user.id;
  out["name"] = user.name;
  out["role"] = ToString(user.role);
  out["teams"] = json::array(user.teams.begin(), user.teams.end());
  out["created"] = FormatTime(user.created);
  return out;
}

std::vector<std::string> Strings(const json::object& body, std::string_view key) {
  std::vector<std::string> out;
  if (const json::value* list = body.if_contains(key); list != nullptr) {
    for (const json::value& item : list->get_array()) out.emplace_back(item.get_string());
  }
  return out;
}

Result<std::optional<Role>> RoleOf(const json::object& body) {
  if (!body.contains("role")) return std::optional<Role>();
  NSTARX_TRY(const Role role, ParseRole(GetString(body, "role")));
  return std::optional(role);
}

/// Writes what became of an administrative call into the journal.
void Journal(const Call& call, std::string_view action, const Error* error, json::object details) {
  audit::Entry entry{.action = std::string(action), .outcome = error == nullptr ? "ok" : "failed"};
  if (error != nullptr) {
    entry.code = error->code();
    if (error->kind() == ErrorKind::kPermissionDenied) entry.outcome = "denied";
  }
  entry.details = std::move(details);
  call.services.journal.Append(call.context, std::move(entry));
}

Result<Response> WhoAmI(Call& call) {
  const Principal& principal = call.context.principal();
  return JsonResponse(200,
                      {{"id", principal.id},
                       {"name", principal.name},
                       {"role", ToString(principal.role)},
                       {"teams", json::array(principal.teams.begin(), principal.teams.end())},
                       {"key_id", principal.key_id},
                       {"scopes", json::array(principal.scopes.begin(), principal.scopes.end())}});
}

// ---- API keys ----

/// A key that may not do all may not make or end keys, unless that is what it is for.
Status RequireKeyScope(const Principal& principal) {
  const auto& scopes = principal.scopes;
  if (scopes.empty() || std::ranges::find(scopes, "*") != scopes.end() ||
      std::ranges::find(scopes, "keys:write") != scopes.end()) {
    return {};
  }
  return Error(ErrorKind::kPermissionDenied, "access.denied",
               "this API key's scopes do not let it make or revoke keys")
      .WithHint("Use a key with the scope keys:write or *.");
}

Result<Response> ListKeys(Call& call) {
  NSTARX_TRY(const auto keys, call.services.callers.ListKeys(call.context.principal()));
  json::array items;
  for (const store::ApiKey& key : keys) items.push_back(ToJson(key));
  return JsonResponse(200, {{"items", std::move(items)}, {"next", nullptr}});
}

Result<access::IssuedApiKey> Issue(const Call& call) {
  const Principal& principal = call.context.principal();
  NSTARX_RETURN_IF_ERROR(RequireKeyScope(principal));
  access::NewApiKey wanted;
  wanted.name = GetString(call.body, "name");
  wanted.user = GetString(call.body, "user");
  if (!wanted.user.empty() && wanted.user != principal.id && wanted.user != principal.name) {
    NSTARX_RETURN_IF_ERROR(access::Require(principal, access::Permission::kAdmin, nullptr));
  }
  NSTARX_TRY(wanted.role, RoleOf(call.body));
  wanted.scopes = Strings(call.body, "scopes");
  const std::string_view expires = GetString(call.body, "expires");
  if (!expires.empty()) {
    auto time = ParseTime(expires);
    if (!time) {
      return InvalidArgument("request.out_of_range", "'expires' must be a time as of RFC 3339")
          .WithDetail("field", "expires")
          .WithHint("For example 2027-01-31T00:00:00Z.");
    }
    wanted.expires = *time;
  }
  return call.services.callers.IssueKey(principal, wanted);
}

Result<Response> CreateKey(Call& call) {
  auto issued = Issue(call);
  Journal(call, "key.create", issued ? nullptr : &issued.error(),
          issued ? json::object{{"key_id", issued->record.id}, {"key_user", issued->record.user_id}}
                 : json::object{});
  if (!issued) return std::move(issued).error();
  json::object body = ToJson(issued->record);
  body["api_key"] = issued->key;
  Response response = JsonResponse(201, body);
  response.With("Location", "/api-keys/" + PercentEncode(issued->record.id));
  return response;
}

Status Revoke(const Call& call) {
  NSTARX_RETURN_IF_ERROR(RequireKeyScope(call.context.principal()));
  NSTARX_TRY(const auto keys, call.services.callers.ListKeys(call.context.principal()));
  const bool seen = std::ranges::any_of(
      keys, [&](const store::ApiKey& key) { return key.id == call.capture(0); });
  if (!seen) {
    return NotFound("key.not_found", "there is no such API key")
        .WithHint("GET /api-keys lists the keys that you may revoke.");
  }
  return call.services.callers.RevokeKey(call.capture(0));
}

Result<Response> RevokeKey(Call& call) {
  const Status revoked = Revoke(call);
  Journal(call, "key.revoke", revoked ? nullptr : &revoked.error(), {{"key_id", call.capture(0)}});
  if (!revoked) return revoked.error();
  return NoContent();
}

// ---- Users ----

Result<Response> ListUsers(Call& call) {
  NSTARX_TRY(const auto users, call.services.callers.ListUsers());
  json::array items;
  for (const store::User& user : users) items.push_back(ToJson(user));
  return JsonResponse(200, {{"items", std::move(items)}, {"next", nullptr}});
}

Result<Response> CreateUser(Call& call) {
  NSTARX_TRY(const auto role, RoleOf(call.body));
  auto made =
      call.services.callers.CreateUser(std::string(GetString(call.body, "name")),
                                       role.value_or(Role::kUser), Strings(call.body, "teams"));
  Journal(
      call, "user.create", made ? nullptr : &made.error(),
      made ? json::object{{"user_id", made->id}, {"role", ToString(made->role)}} : json::object{});
  if (!made) return std::move(made).error();
  Response response = JsonResponse(201, ToJson(*made));
  response.With("Location", "/users/" + PercentEncode(made->id));
  return response;
}

Result<Response> UpdateUser(Call& call) {
  NSTARX_TRY(const auto role, RoleOf(call.body));
  std::optional<std::vector<std::string>> teams;
  if (call.body.contains("teams")) teams = Strings(call.body, "teams");
  auto changed = call.services.callers.UpdateUser(call.capture(0), role, std::move(teams));
  Journal(call, "user.update", changed ? nullptr : &changed.error(),
          changed ? json::object{{"user_id", changed->id}, {"role", ToString(changed->role)}}
                  : json::object{});
  if (!changed) return std::move(changed).error();
  return JsonResponse(200, ToJson(*changed));
}

void AddKeyRoutes(std::vector<Route>& table) {
  table.push_back({.method = Method::kGet,
                   .path = "/api-keys",
                   .operation = "listApiKeys",
                   .tag = "callers",
                   .summary = "The caller's API keys; an admin sees all",
                   .response_schema = "ApiKeyList",
                   .handler = ListKeys});
  table.push_back({.method = Method::kPost,
                   .path = "/api-keys",
                   .operation = "createApiKey",
                   .tag = "callers",
                   .summary = "Make an API key; it is shown this once",
                   .description = "Never with a higher role or wider scopes than the caller's.",
                   .permission = "one's own; role admin for others",
                   .body = BodyKind::kJson,
                   .request_schema = "ApiKeyRequest",
                   .request_examples = {R"({"name": "nightly", "scopes": ["connections:read"]})"},
                   .success = 201,
                   .response_schema = "IssuedApiKey",
                   .idempotent_key = true,
                   .shows_secret = true,
                   .handler = CreateKey});
  table.push_back({.method = Method::kDelete,
                   .path = "/api-keys/{id}",
                   .operation = "revokeApiKey",
                   .tag = "callers",
                   .summary = "End an API key at once",
                   .permission = "one's own; role admin for others",
                   .success = 204,
                   .idempotent_key = true,
                   .handler = RevokeKey});
}

}  // namespace

void AddCallerRoutes(std::vector<Route>& table) {
  AddKeyRoutes(table);
  table.push_back({.method = Method::kGet,
                   .path = "/users",
                   .operation = "listUsers",
                   .tag = "callers",
                   .summary = "All users",
                   .permission = "role admin",
                   .access = Access::kAdmin,
                   .response_schema = "UserList",
                   .handler = ListUsers});
  table.push_back(
      {.method = Method::kPost,
       .path = "/users",
       .operation = "createUser",
       .tag = "callers",
       .summary = "Add a user",
       .permission = "role admin",
       .access = Access::kAdmin,
       .body = BodyKind::kJson,
       .request_schema = "UserRequest",
       .request_examples = {R"({"name": "ada", "role": "editor", "teams": ["data-eng"]})"},
       .success = 201,
       .response_schema = "User",
       .idempotent_key = true,
       .handler = CreateUser});
  table.push_back({.method = Method::kPatch,
                   .path = "/users/{ref}",
                   .operation = "updateUser",
                   .tag = "callers",
                   .summary = "Change a user's role or teams",
                   .permission = "role admin",
                   .access = Access::kAdmin,
                   .body = BodyKind::kJson,
                   .request_schema = "UserPatch",
                   .response_schema = "User",
                   .idempotent_key = true,
                   .handler = UpdateUser});
  table.push_back({.method = Method::kGet,
                   .path = "/whoami",
                   .operation = "whoAmI",
                   .tag = "callers",
                   .summary = "Whom the API key stands for",
                   .response_schema = "Principal",
                   .handler = WhoAmI});
}

}  // namespace nstarx::http
